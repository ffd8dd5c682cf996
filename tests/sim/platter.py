"""A disk for SQLite that forgets: files in memory behind SQLite's own door to the operating system (its VFS, in ctypes).

What was written stays readable, as in the page cache; only xSync makes it safe. cut() is the loss of power: of every write since a
file's last xSync some whole, some torn to single sectors, some not at all are there when the power is back (distributed.md 5).
"""

import contextlib
import ctypes
import random
import time
from collections.abc import Callable, Iterator
from ctypes import c_char_p, c_double, c_int, c_int64, c_void_p
from ctypes.util import find_library
from dataclasses import dataclass, field
from typing import Any

_OK, _SHORT_READ, _NOT_FOUND, _CANT_OPEN, _SYNC_FAILED = 0, 522, 12, 14, 1034
_OPEN_CREATE, _POWERSAFE_OVERWRITE, _ACCESS_EXISTS = 0x4, 0x1000, 0
_SECTOR = 512
_NAME_MAX = 1024

_Op = tuple[int, bytes | None]
"""A write at an offset, or with None a truncation to it."""


@dataclass(eq=False)
class File:
    """now is what a reader sees, safe what the platter holds, late the operations between the two."""

    now: bytearray = field(default_factory=bytearray)
    safe: bytes = b""
    late: list[_Op] = field(default_factory=list)
    synced: bool = False
    """Its name stands in the directory for good: made so by its first xSync, as SQLite does on Unix."""
    shared: list[Any] = field(default_factory=list)
    """The write-ahead log's index: memory of the process, gone with it."""

    def write(self, offset: int, data: bytes) -> None:
        _apply(self.now, (offset, data))
        self.late.append((offset, data))

    def truncate(self, size: int) -> None:
        _apply(self.now, (size, None))
        self.late.append((size, None))

    def sync(self) -> None:
        if self.late:
            self.safe = bytes(self.now)
            self.late.clear()
        self.synced = True


def _apply(content: bytearray, op: _Op) -> None:
    at, data = op
    if data is None:
        del content[at:]
        return
    if len(content) < at:
        content.extend(bytes(at - len(content)))
    content[at : at + len(data)] = data


class Platter:
    """The files of one machine. before_sync is told the path of each xSync before it has its effect: True = it never ends."""

    def __init__(self) -> None:
        self.files: dict[str, File] = {}
        self.before_sync: Callable[[str], bool] = lambda path: False
        self.lies = False
        """xSync does nothing, as a planted bug or a disk that is none."""
        self.held = False
        """A dead process's file is being closed: it may delete nothing."""
        self.cuts = self.forgotten = self.torn = 0
        """Losses of power, bytes they took, writes they left in pieces."""

    @property
    def late(self) -> bool:
        """Something was written that a loss of power would take."""
        return any(file.late for file in self.files.values())

    def killed(self) -> None:
        """The process ends and the machine goes on: what was written stays, and is as unsafe as before."""
        self.files = {
            name: File(now=bytearray(file.now), safe=file.safe, late=list(file.late), synced=file.synced)
            for name, file in self.files.items()
        }

    def cut(self, chance: random.Random) -> None:
        """The power is gone and comes back. Half of the times nothing unsafe is left, else each write by its own chance."""
        self.cuts += 1
        tears = chance.random() < 0.5
        left: dict[str, File] = {}
        for name, file in self.files.items():
            content = bytearray(file.safe)
            for op in file.late:
                for part in self._left(op, chance) if tears else ():
                    _apply(content, part)
            self.forgotten += 0 if bytes(content) == bytes(file.now) else sum(len(data or b"") for _, data in file.late)
            if file.synced or content:
                left[name] = File(now=content, safe=bytes(content), synced=True)
        self.files = left

    def _left(self, op: _Op, chance: random.Random) -> list[_Op]:
        at, data = op
        how = chance.random()
        if how < 0.3:
            return []
        if how < 0.6 or data is None:
            return [op]
        self.torn += 1
        sectors = range(0, len(data), _SECTOR)
        return [(at + one, data[one : one + _SECTOR]) for one in sectors if chance.random() < 0.5]


# --- SQLite's structures -----------------------------------------------------------------------------------------------


class _Methods(ctypes.Structure):
    _fields_ = [("version", c_int), *((f"call{number}", c_void_p) for number in range(18))]


class _Handle(ctypes.Structure):
    _fields_ = [("methods", c_void_p), ("number", c_int64)]


class _Vfs(ctypes.Structure):
    _fields_ = [
        *(("version", c_int), ("handle_size", c_int), ("name_max", c_int), ("next", c_void_p), ("name", c_char_p)),
        *(("data", c_void_p), *((f"call{number}", c_void_p) for number in range(12))),
    ]


class _Door:
    """The VFS. Which platter a file is on says its path."""

    def __init__(self) -> None:
        name = find_library("sqlite3")
        self.library = ctypes.CDLL(name) if name else None
        self.platters: dict[str, Platter] = {}
        self._open: dict[int, tuple[Platter, File]] = {}
        self._next = 0
        self._kept: list[Any] = []  # callbacks live as long as SQLite may call them
        self._methods = _Methods(
            2,
            *self._calls(
                *((self._close, ()), (self._read, (c_void_p, c_int, c_int64)), (self._write, (c_void_p, c_int, c_int64))),
                *((self._truncate, (c_int64,)), (self._sync, (c_int,)), (self._size, (c_void_p,))),
                *((self._fine, (c_int,)), (self._fine, (c_int,)), (self._no_lock, (c_void_p,))),
                *((self._control, (c_int, c_void_p)), (self._sector, ()), (self._traits, ())),
                *((self._map, (c_int, c_int, c_int, c_void_p)), (self._fine, (c_int, c_int, c_int))),
                *((self._fine, ()), (self._unmap, (c_int,))),
            ),
        )
        vfs_calls = self._calls(
            *((self._begin, (c_char_p, c_void_p, c_int, c_void_p)), (self._delete, (c_char_p, c_int))),
            *((self._access, (c_char_p, c_int, c_void_p)), (self._full, (c_char_p, c_int, c_void_p))),
        )
        later = self._calls((self._random, (c_int, c_void_p)), (self._fine, (c_int,)), (self._time, (c_void_p,)))
        # between them: the loading of extensions, which nobody does here
        size = ctypes.sizeof(_Handle)
        self.vfs = _Vfs(1, size, _NAME_MAX, None, b"forgets", None, *vfs_calls, None, None, None, None, *later)

    def _calls(self, *rows: tuple[Callable[..., int], tuple[Any, ...]]) -> list[Any]:
        made = [ctypes.CFUNCTYPE(c_int, c_void_p, *types)(call) for call, types in rows]
        self._kept += made
        return [ctypes.cast(one, c_void_p) for one in made]

    def _of(self, handle: int) -> tuple[Platter, File]:
        return self._open[_Handle.from_address(handle).number]

    def _place(self, name: bytes | None) -> tuple[Platter, str]:
        path = (name or b"").decode()
        for known, platter in self.platters.items():
            if path.startswith(known):
                return platter, path
        return Platter(), path  # a temporary file has no name, and nobody asks for it again

    @contextlib.contextmanager
    def default(self) -> Iterator[None]:
        """What is opened within lives on a platter."""
        assert self.library is not None
        find, register = self.library.sqlite3_vfs_find, self.library.sqlite3_vfs_register
        find.restype, find.argtypes = c_void_p, [c_char_p]
        register.argtypes = [c_void_p, c_int]
        usual = find(None)
        register(ctypes.addressof(self.vfs), 1)
        try:
            yield
        finally:
            register(usual, 1)

    # --- files: each gives one of SQLite's result codes ---

    def _begin(self, _: int, name: bytes | None, handle: int, flags: int, flags_out: int | None) -> int:
        platter, path = self._place(name)
        if path not in platter.files:
            if not flags & _OPEN_CREATE:
                _Handle.from_address(handle).methods = None
                return _CANT_OPEN
            platter.files[path] = File()
        self._next += 1
        self._open[self._next] = platter, platter.files[path]
        where = _Handle.from_address(handle)
        where.methods, where.number = ctypes.addressof(self._methods), self._next
        if flags_out:
            c_int.from_address(flags_out).value = flags
        return _OK

    def _close(self, handle: int) -> int:
        self._open.pop(_Handle.from_address(handle).number, None)
        return _OK

    def _read(self, handle: int, into: int, count: int, at: int) -> int:
        data = bytes(self._of(handle)[1].now[at : at + count])
        ctypes.memmove(into, data + bytes(count - len(data)), count)
        return _OK if len(data) == count else _SHORT_READ

    def _write(self, handle: int, data: int, count: int, at: int) -> int:
        self._of(handle)[1].write(at, ctypes.string_at(data, count))
        return _OK

    def _truncate(self, handle: int, size: int) -> int:
        self._of(handle)[1].truncate(size)
        return _OK

    def _sync(self, handle: int, flags: int) -> int:
        platter, file = self._of(handle)
        path = next((name for name, one in platter.files.items() if one is file), None)
        if path is None or platter.before_sync(path):
            return _SYNC_FAILED
        if not platter.lies:
            file.sync()
        return _OK

    def _size(self, handle: int, into: int) -> int:
        c_int64.from_address(into).value = len(self._of(handle)[1].now)
        return _OK

    def _fine(self, *_: int) -> int:
        return _OK

    def _no_lock(self, _: int, into: int) -> int:
        c_int.from_address(into).value = 0
        return _OK

    def _control(self, *_: int) -> int:
        return _NOT_FOUND

    def _sector(self, _: int) -> int:
        return 4096

    def _traits(self, _: int) -> int:
        return _POWERSAFE_OVERWRITE  # as SQLite assumes on Unix: a torn write harms nothing beside it

    def _map(self, handle: int, region: int, size: int, extend: int, into: int) -> int:
        shared = self._of(handle)[1].shared
        while extend and len(shared) <= region:
            shared.append(ctypes.create_string_buffer(size))
        c_void_p.from_address(into).value = ctypes.addressof(shared[region]) if region < len(shared) else None
        return _OK

    def _unmap(self, handle: int, delete: int) -> int:
        if delete:
            self._of(handle)[1].shared.clear()
        return _OK

    # --- names ---

    def _delete(self, _: int, name: bytes, sync_directory: int) -> int:
        platter, path = self._place(name)
        if not platter.held:
            platter.files.pop(path, None)
        return _OK

    def _access(self, _: int, name: bytes, flags: int, into: int) -> int:
        platter, path = self._place(name)
        c_int.from_address(into).value = path in platter.files if flags == _ACCESS_EXISTS else 1
        return _OK

    def _full(self, _: int, name: bytes, count: int, into: int) -> int:
        ctypes.memmove(into, name + b"\0", len(name) + 1)
        return _OK

    def _random(self, _: int, count: int, into: int) -> int:
        ctypes.memset(into, 7, count)  # for the salts of the log; nobody else draws from it
        return count

    def _time(self, _: int, into: int) -> int:
        c_double.from_address(into).value = 2_440_587.5 + time.time() / 86_400
        return _OK


DOOR = _Door()
"""One for the process, as SQLite's list of them is. Without SQLite as a shared library its library is None."""
