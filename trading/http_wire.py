"""HTTP/1.1 as bytes: a request as it is written, and a parser of answers that never touches a socket.

The parser takes any split of the bytes and bounds what it keeps. It is strict where two readers could disagree about where an
answer ends (RFC 9112 6.3, 11.2): an order's answer read from the wrong bytes is worse than none.
"""

import string
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache

import msgspec

from trading.errors import Misuse

__all__ = ["MalformedAnswer", "Response", "ResponseParser", "origin_lines", "render_request"]

_MAX_HEAD = 64 * 1024
_MAX_BODY = 64 * 1024 * 1024
_MAX_LINE = 1024
"""Of a chunk's size with its extensions."""
_OWN = frozenset({"host", "user-agent", "accept", "accept-encoding", "content-length", "transfer-encoding", "connection"})
"""Header names written here only: a second one would change where the request ends or what comes back."""
_LENGTH_ALWAYS = frozenset({"POST", "PUT", "PATCH"})
_TOKEN = frozenset("!#$%&'*+-.^_`|~" + string.ascii_letters + string.digits)
_NO_BODY = frozenset({204, 304})
_HEX = frozenset(b"0123456789abcdefABCDEF")


class Response(msgspec.Struct, frozen=True):
    """Status, lower-case headers and the whole body. A repeated header is one value, joined by commas (RFC 9110 5.2)."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class MalformedAnswer(Exception):
    """The peer broke HTTP/1.1 or a bound: nothing later on this connection can be read. code is for a VenueError."""

    def __init__(self, detail: str, code: str = "malformed") -> None:
        super().__init__(detail)
        self.code = code


def origin_lines(netloc: str) -> str:
    """The header lines of every request to one origin, without the last line's end.

    No compression is asked for: inflating costs more than reading (performance.md 3), and a bound on bytes is one on memory.
    """
    return f"Host: {netloc}\r\nUser-Agent: tandem\r\nAccept: */*\r\nAccept-Encoding: identity"


@lru_cache(maxsize=256)
def _name(name: str) -> str:
    """A header's name as it is written after the line before it; kept, because names are few and the same."""
    if name.lower() in _OWN or not _TOKEN.issuperset(name) or not name:
        raise Misuse(f"header {name!r} is no token (RFC 9110 5.6.2), or is written by the transport")
    return f"\r\n{name}: "


def render_request(method: str, target: str, origin: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
    """One request, head and body; origin comes from origin_lines. Raises Misuse for what would not stay one request.

    The target goes out as it is given, because venues sign over it.
    """
    fields = "".join([_name(name) + value for name, value in headers.items()])
    given = target + "".join(headers.values())
    if not given.isascii() or not given.isprintable() or " " in target:
        raise Misuse(f"{method}: target or headers hold a line break, or what is not printable ASCII")
    if body:
        return f"{method} {target} HTTP/1.1\r\n{origin}{fields}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    length = "\r\nContent-Length: 0" if method in _LENGTH_ALWAYS else ""  # RFC 9110 8.6: these say so
    return f"{method} {target} HTTP/1.1\r\n{origin}{fields}{length}\r\n\r\n".encode()


class _At(Enum):
    """What the next byte belongs to."""

    HEAD = 0
    LENGTH = 1  # a body of announced length
    CLOSE = 2  # a body that ends with the connection
    SIZE = 3  # the line before a chunk
    CHUNK = 4
    TRAILER = 5
    END = 6


_HEAD, _LENGTH, _CLOSE, _SIZE, _CHUNK, _TRAILER, _END = _At


class ResponseParser:
    """The answers of one connection, one at a time: begin(), then feed() until it gives the Response.

    feed() and end() raise MalformedAnswer; the parser is of no more use after that.
    """

    def __init__(self, *, max_body: int = _MAX_BODY) -> None:
        self._max_body = max_body
        self._clear()
        self.begin("GET")

    def _clear(self) -> None:
        self._buffer = bytearray()
        self._body = bytearray()
        self._headers: dict[str, str] = {}
        self._status = self._left = self._searched = self._head_bytes = 0

    def begin(self, method: str) -> None:
        """Expect the answer to a request with this method."""
        self._bodiless = method == "HEAD"
        self._at: _At = _HEAD
        self.started = False
        """True from the first byte of the answer on."""
        self.reusable = True
        """After the Response: whether the connection can carry another request."""

    def feed(self, data: bytes) -> Response | None:
        """Take the next bytes; gives the Response once it is whole."""
        self.started = True
        self._buffer += data
        while self._advance():
            pass
        if self._at is not _END:
            return None
        if self._buffer:  # nobody asked for more: whatever it is, it is not the next answer
            self.reusable = False
        answer = Response(self._status, self._headers, bytes(self._body))
        self._clear()  # now, so that the next request need not wait for it
        return answer

    def end(self) -> Response:
        """The connection ended. Gives an answer whose end that was; raises MalformedAnswer for one cut short."""
        if self._at is not _CLOSE:
            raise MalformedAnswer("the connection ended inside the answer" if self.started else "no answer", "no_answer")
        return Response(self._status, self._headers, bytes(self._buffer))

    def _advance(self) -> bool:
        """Take one step over the buffer; False when it needs more bytes or is at the end."""
        at = self._at
        if at is _HEAD:
            return self._read_head()
        if at is _LENGTH:
            if len(self._buffer) >= self._left:
                self._take(self._left)
                self._at = _END
        elif at is _CLOSE:
            self._bound_body(len(self._buffer))
        elif at is _SIZE:
            return self._read_size()
        elif at is _CHUNK:
            return self._read_chunk()
        elif at is _TRAILER:
            return self._read_trailer()
        return False

    def _take(self, size: int) -> None:
        """Move bytes from the buffer to the body; a large body that arrived alone is not copied."""
        if size == len(self._buffer) and not self._body:
            self._body, self._buffer = self._buffer, self._body
            return
        self._body += self._buffer[:size]
        del self._buffer[:size]

    def _bound_body(self, size: int) -> None:
        if size > self._max_body:
            raise MalformedAnswer(f"an answer of more than {self._max_body} bytes", "too_large")

    def _bound_head(self, size: int) -> None:
        if size > _MAX_HEAD:
            raise MalformedAnswer(f"more than {_MAX_HEAD} bytes of headers", "too_large")

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n", max(0, self._searched - 3))
        self._searched = len(self._buffer)
        self._bound_head(self._head_bytes + (end if end >= 0 else self._searched))
        if end < 0:
            return False
        text = self._buffer[:end].decode("latin-1")
        del self._buffer[: end + 4]
        self._head_bytes += end + 4
        self._searched = 0
        first, *lines = text.split("\r\n")
        if text.count("\n") != len(lines) or text.count("\r") != len(lines) or "\0" in text:
            raise MalformedAnswer("a bare line break or NUL in the headers")
        version, status = _status_of(first)
        if 100 <= status < 200:
            if status == 101:
                raise MalformedAnswer("101 without an Upgrade")
            return True  # RFC 9110 15.2: interim answers come before the one that counts
        self._status = status
        self._headers = _headers_of(lines)
        self._frame(version)
        return True

    def _frame(self, version: str) -> None:
        """Find where the body ends (RFC 9112 6.3) and whether the connection lives on (9.3)."""
        headers = self._headers
        coding, length = headers.get("transfer-encoding"), headers.get("content-length")
        options = headers.get("connection")
        if version != "HTTP/1.1" or (options and "close" in [option.strip() for option in options.lower().split(",")]):
            self.reusable = False
        if self._bodiless or self._status in _NO_BODY:
            self._at = _END
        elif coding is not None:
            if length is not None or coding.lower() != "chunked" or version != "HTTP/1.1":
                raise MalformedAnswer(f"framed by Transfer-Encoding {coding!r} and Content-Length {length!r} in {version}")
            self._at = _SIZE
        elif length is not None:
            if not (length.isascii() and length.isdecimal()) or len(length) > 19:
                raise MalformedAnswer(f"Content-Length {length[:40]!r}")
            self._left = int(length)
            self._bound_body(self._left)
            self._at = _LENGTH
        else:
            self.reusable = False
            self._at = _CLOSE

    def _read_size(self) -> bool:
        line = self._line(_MAX_LINE)
        if line is None:
            return False
        digits = line.partition(b";")[0].rstrip(b" \t")
        if not 0 < len(digits) <= 16 or not _HEX.issuperset(digits):
            raise MalformedAnswer(f"chunk size {line[:40]!r}")
        self._left = int(digits, 16)
        self._bound_body(len(self._body) + self._left)
        self._at = _CHUNK if self._left else _TRAILER
        return True

    def _read_chunk(self) -> bool:
        """Take what there is of the chunk, and its line end once all of it is in."""
        if self._left:
            size = min(self._left, len(self._buffer))
            self._take(size)
            self._left -= size
        if self._left or len(self._buffer) < 2:
            return False
        if not self._buffer.startswith(b"\r\n"):
            raise MalformedAnswer("a chunk is longer than its size")
        del self._buffer[:2]
        self._at = _SIZE
        return True

    def _read_trailer(self) -> bool:
        """Pass one line after the last chunk; the empty one ends the answer."""
        line = self._line(_MAX_HEAD)
        if line is None:
            return False
        self._head_bytes += len(line) + 2
        self._bound_head(self._head_bytes)
        if not line:
            self._at = _END
        return True

    def _line(self, most: int) -> bytes | None:
        """The next line without its end, None when it is not whole yet."""
        end = self._buffer.find(b"\r\n", max(0, self._searched - 1))
        self._searched = len(self._buffer) if end < 0 else 0
        if max(end, self._searched) > most:
            raise MalformedAnswer(f"a line of more than {most} bytes in a chunked body", "too_large")
        if end < 0:
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        if b"\n" in line or b"\r" in line:
            raise MalformedAnswer("a bare line break in a chunked body")
        return line


def _status_of(line: str) -> tuple[str, int]:
    """Version and status of a status line (RFC 9112 4)."""
    version, _, rest = line.partition(" ")
    digits = rest[:3]
    if version not in ("HTTP/1.1", "HTTP/1.0") or not (digits.isascii() and digits.isdecimal()) or rest[3:4] not in ("", " "):
        raise MalformedAnswer(f"status line {line[:80]!r}")
    status = int(digits)
    if not 100 <= status < 600:
        raise MalformedAnswer(f"status {status}")
    return version, status


def _headers_of(lines: list[str]) -> dict[str, str]:
    """Header lines as lower-case names and stripped values; folded lines and spaces in a name are refused (RFC 9112 5)."""
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or " " in name or "\t" in name:
            raise MalformedAnswer(f"header line {line[:80]!r}")
        name, value = name.lower(), value.strip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
