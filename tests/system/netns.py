"""Two machines on one kernel: network namespaces joined by a veth cable, WireGuard in userspace on top (100.64.0.x).

Everything made is taken away again, whatever happens: processes by their handle, then the namespaces with all that is in them.
`python netns.py listen PORT to PATH` and `python netns.py serve PATH to PORT` carry the simulated venues, which bind loopback
only, into the other namespace over a unix socket: that way does not go with the cable.
"""

import asyncio
import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

HOME, AWAY = "100.64.0.1", "100.64.0.2"
_PORT = 51820


def unusable() -> str | None:
    """Why this machine cannot play two, None when it can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if not Path("/dev/net/tun").exists():
        return "no /dev/net/tun on this machine"
    missing = [name for name in ("wireguard-go", "wg", "ip") if shutil.which(name) is None]
    if missing:
        return f"not installed: {', '.join(missing)} (packages wireguard-go, wireguard-tools, iproute2)"
    name = f"tdmx{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        return f"network namespaces are not permitted here: {made.stderr.strip()}"
    subprocess.run(["ip", "netns", "delete", name], check=False)
    return None


def _run(*words: str, text: str | None = None) -> str:
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout.strip()


class Machines:
    """home has the controller, away the trader. cut() and heal() pull and plug the cable between them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        tail = str(os.getpid())[-6:]
        self.home, self.away = f"tdmc{tail}", f"tdmt{tail}"
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, where: str, words: Sequence[str], environ: Mapping[str, str], out: str) -> "subprocess.Popen[bytes]":
        """A process on one machine; its output goes to a file of that name."""
        with (self.directory / out).open("wb") as file:
            return self._start(where, words, environ, file, file)

    def _start(
        self, where: str, words: Sequence[str], environ: Mapping[str, str], out: IO[bytes] | int, err: IO[bytes] | int
    ) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            ["ip", "netns", "exec", where, *words],  # exec, not fork: the handle is the program's own
            env={**environ},
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
        )
        self._processes.append(process)
        return process

    def ask(self, where: str, words: Sequence[str], environ: Mapping[str, str]) -> str:
        """Run to the end and return stdout; raises with stderr when it fails."""
        command = ["ip", "netns", "exec", where, *words]
        done = subprocess.run(command, env={**environ}, cwd=self.directory, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def cut(self) -> None:
        _run("ip", "-n", self.away, "link", "set", "cable", "down")

    def heal(self) -> None:
        _run("ip", "-n", self.away, "link", "set", "cable", "up")

    def stop(self, process: "subprocess.Popen[bytes]", within_s: float = 30.0) -> int:
        """SIGTERM, patience, SIGKILL; the exit code."""
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(within_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        return process.returncode

    def make(self) -> None:
        keys = {name: _run("wg", "genkey") for name in (self.home, self.away)}
        public = {name: _run("wg", "pubkey", text=key) for name, key in keys.items()}
        for name in (self.home, self.away):
            _run("ip", "netns", "add", name)
            _run("ip", "-n", name, "link", "set", "lo", "up")
        _run("ip", "-n", self.home, "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", self.away)
        sides = (
            (self.home, self.away, HOME, AWAY, "10.9.0.1", "10.9.0.2"),
            (self.away, self.home, AWAY, HOME, "10.9.0.2", "10.9.0.1"),
        )
        for name, other, address, peer, outer, outer_peer in sides:
            _run("ip", "-n", name, "address", "add", f"{outer}/24", "dev", "cable")
            _run("ip", "-n", name, "link", "set", "cable", "up")
            self._wireguard(name)
            inside = ("ip", "netns", "exec", name, "wg", "set", name)
            _run(*inside, "listen-port", str(_PORT), "private-key", "/dev/stdin", text=keys[name])
            _run(*inside, "peer", public[other], "allowed-ips", f"{peer}/32", "endpoint", f"{outer_peer}:{_PORT}")
            _run("ip", "-n", name, "address", "add", f"{address}/10", "dev", name)
            _run("ip", "-n", name, "link", "set", name, "up", "mtu", "1280")

    def _wireguard(self, name: str) -> None:
        """wireguard-go in the foreground; it is ready when its device is there."""
        environ = {**os.environ, "WG_I_PREFER_BUGGY_USERSPACE_TO_POLISHED_KMOD": "1"}
        process = self.start(name, ["wireguard-go", "-f", name], environ, f"{name}.log")
        for _ in range(200):
            if Path(f"/var/run/wireguard/{name}.sock").exists():
                return
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
                raise RuntimeError(f"wireguard-go ended: {(self.directory / f'{name}.log').read_text()}")
        raise RuntimeError("wireguard-go made no device")

    def end(self) -> None:
        for process in reversed(self._processes):
            self.stop(process, 10.0)
        for name in (self.home, self.away):
            subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)
            Path(f"/var/run/wireguard/{name}.sock").unlink(missing_ok=True)


@contextmanager
def two_machines(directory: Path) -> Iterator[Machines]:
    """Both machines joined, until the block ends."""
    machines = Machines(directory)
    try:
        machines.make()
        yield machines
    finally:
        machines.end()


# --- the venues' way into the other namespace -----------------------------------------------------------------------------


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def carry(mode: str, source: str, target: str) -> None:
    """Pass every connection on, until killed."""

    async def passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if mode == "listen":
                there = await asyncio.open_unix_connection(target)
            else:
                there = await asyncio.open_connection("127.0.0.1", int(target))
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pump(reader, there[1]), _pump(there[0], writer))

    if mode == "listen":
        server = await asyncio.start_server(passed, "127.0.0.1", int(source))
    else:
        server = await asyncio.start_unix_server(passed, source)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(carry(sys.argv[1], sys.argv[2], sys.argv[4]))
