"""Which machine is at the other end, asked of the local tailscaled (distributed.md 2.6, 4.1 layer 2).

WireGuard proves the machine, the handshake proves the process; both must be the pinned ones. Where a tailnet is in use and
tailscaled does not answer or disagrees, the connection is refused. Loopback without a pinned machine needs no tailnet (B-233).
"""

import asyncio
import ipaddress
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from trading.link.identity import Peer

__all__ = ["SOCKETS", "Machine", "Tailnet", "TailnetMode", "in_tailnet", "machine_refusal"]

TailnetMode = Literal["auto", "on", "off"]
SOCKETS = ("/run/tailscale/tailscaled.sock", "/var/run/tailscale/tailscaled.sock", "/var/run/tailscaled.socket")
_RANGES = (ipaddress.ip_network("100.64.0.0/10"), ipaddress.ip_network("fd7a:115c:a1e0::/48"))
_TIMEOUT_S = 2.0
_MAX_ANSWER = 1_000_000


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """A node as tailscaled knows it."""

    stable_id: str
    name: str
    tags: tuple[str, ...]


class Tailnet:
    """The LocalAPI of this machine's tailscaled, the CLI where its socket may not be used."""

    def __init__(self, sockets: Sequence[str] = SOCKETS, executable: str = "tailscale") -> None:
        self._sockets = sockets
        self._executable = executable

    async def whois(self, address: str) -> Machine | None:
        """Who is at IP:port; None = no node of this tailnet. Raises OSError when tailscaled cannot be asked."""
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                socket = self._socket()
                answer = await (self._over_socket(socket, address) if socket is not None else self._by_command(address))
        except TimeoutError as exc:
            raise OSError("tailscaled did not answer in time") from exc
        return _machine(answer) if answer is not None else None

    def _socket(self) -> str | None:
        return next((path for path in self._sockets if Path(path).exists()), None)

    async def _over_socket(self, path: str, address: str) -> bytes | None:
        reader, writer = await asyncio.open_unix_connection(path, limit=_MAX_ANSWER)
        try:  # HTTP/1.0: the answer ends with the connection, so that nothing has to be unchunked
            writer.write(
                f"GET /localapi/v0/whois?addr={address}&proto=tcp HTTP/1.0\r\nHost: local-tailscaled.sock\r\n\r\n".encode()
            )
            data = await reader.read(_MAX_ANSWER)
            while more := await reader.read(_MAX_ANSWER):
                data += more
        finally:
            writer.close()
        head, _, body = data.partition(b"\r\n\r\n")
        status = head.split(b" ", 2)[1:2]
        if status == [b"404"]:
            return None
        if status != [b"200"]:
            raise OSError(f"tailscaled answered {status[0].decode('ascii', 'replace') if status else 'nothing'}")
        return body

    async def _by_command(self, address: str) -> bytes | None:
        try:
            process = await asyncio.create_subprocess_exec(
                self._executable,
                "whois",
                "--json",
                "--proto",
                "tcp",
                address,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except FileNotFoundError as exc:
            raise OSError("neither tailscaled's socket nor the tailscale command is here") from exc
        try:
            out, err = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            raise
        if process.returncode == 0:
            return out
        if b"not found" in err or b"no match" in err:
            return None
        raise OSError(f"tailscale whois: {err.decode('utf-8', 'replace').strip()[:200]}")


def _machine(answer: bytes) -> Machine:
    try:
        node = json.loads(answer)["Node"]
        tags = node.get("Tags") or []
        return Machine(stable_id=str(node["StableID"]), name=str(node.get("Name", "")), tags=tuple(str(tag) for tag in tags))
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise OSError("tailscaled's answer has another shape") from exc


def in_tailnet(host: str) -> bool:
    """Whether an IP address is one of a tailnet."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return any(address in network for network in _RANGES if network.version == address.version)


async def machine_refusal(peer: Peer, address: str, tailnet: Tailnet, mode: TailnetMode, tag: str) -> str | None:
    """Why this peer's machine is not the pinned one, None when it is, or when no tailnet is in use.

    address is the peer's IP:port as this process sees it; in userspace mode that is a loopback port which tailscaled resolves.
    tag is the one the peer's role must carry, "" = any.
    """
    host = address.rpartition(":")[0]
    if mode == "off":
        return f"{peer.name} is pinned to machine {peer.stable_id} and LINK_TAILNET=off" if peer.stable_id else None
    required = mode == "on" or in_tailnet(host) or bool(peer.stable_id)
    try:
        machine = await tailnet.whois(f"[{host}]:{address.rpartition(':')[2]}" if ":" in host.strip("[]") else address)
    except OSError as exc:
        return f"the machine of {peer.name} cannot be told: {exc}" if required else None
    if machine is None:
        return f"{peer.name} at {host} is no machine of this tailnet" if required else None
    if peer.stable_id and machine.stable_id != peer.stable_id:
        return f"{peer.name} came from machine {machine.stable_id} ({machine.name}), pinned is {peer.stable_id}"
    if tag and tag not in machine.tags:
        return f"{peer.name}'s machine {machine.name} does not carry {tag}"
    return None
