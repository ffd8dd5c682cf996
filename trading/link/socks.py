"""A connection through a SOCKS5 proxy, for machines whose tailscaled has no interface to dial through (distributed.md 2.9).

Only what that needs of RFC 1928: CONNECT, without a login. The address is handed over as it is, a name is resolved by the proxy.
Proxy variables of the environment are never read: the proxy is a setting.
"""

import asyncio
import contextlib
import ipaddress
import socket

from trading.errors import Disconnected

__all__ = ["connect_through", "refusal", "request"]

GREETING = b"\x05\x01\x00"
_FAILURES = {
    1: "general failure",
    2: "not allowed by its rules",
    3: "network unreachable",
    4: "host unreachable",
    5: "connection refused",
    6: "time to live expired",
    7: "command not supported",
    8: "address type not supported",
}
_LENGTHS = {1: 4, 4: 16}


def request(host: str, port: int) -> bytes:
    """The CONNECT for an IP address or a name of at most 255 bytes. Raises Disconnected for another host."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        name = host.encode("ascii", "replace")
        if not 0 < len(name) < 256 or not host.isascii():
            raise Disconnected(f"{host!r} is no name for a proxy") from None
        where = bytes((3, len(name))) + name
    else:
        where = bytes((1 if address.version == 4 else 4,)) + address.packed
    return b"\x05\x01\x00" + where + port.to_bytes(2, "big")


def refusal(code: int) -> str:
    """The words for an answer's code."""
    return _FAILURES.get(code, f"failure {code}")


async def connect_through(proxy: tuple[str, int], host: str, port: int) -> socket.socket:
    """A connected, non-blocking socket whose next bytes are the other side's. The caller sets the time limit and closes it.

    Raises OSError when the proxy is not reached, Disconnected when it says no or is no SOCKS5 proxy.
    """
    asked = request(host, port)
    loop = asyncio.get_running_loop()
    made = await _reach(proxy)
    try:
        await loop.sock_sendall(made, GREETING)
        chosen = await _exactly(made, 2)
        if chosen != b"\x05\x00":
            wants_login = chosen[:1] == b"\x05"
            raise Disconnected(f"the proxy at {proxy[0]}:{proxy[1]} {'wants a login' if wants_login else 'speaks no SOCKS5'}")
        await loop.sock_sendall(made, asked)
        version, code, _, kind = await _exactly(made, 4)
        if version != 5 or code:
            raise Disconnected(f"the proxy at {proxy[0]}:{proxy[1]} says: {refusal(code)}")
        length = (await _exactly(made, 1))[0] if kind == 3 else _LENGTHS.get(kind)
        if length is None:
            raise Disconnected(f"the proxy at {proxy[0]}:{proxy[1]} speaks no SOCKS5")
        await _exactly(made, length + 2)
    except BaseException:
        made.close()
        raise
    return made


async def _reach(proxy: tuple[str, int]) -> socket.socket:
    loop = asyncio.get_running_loop()
    failure: OSError = OSError(f"{proxy[0]} has no address")
    for family, kind, number, _, address in await loop.getaddrinfo(*proxy, type=socket.SOCK_STREAM):
        made = socket.socket(family, kind, number)
        made.setblocking(False)
        try:
            await loop.sock_connect(made, address)
        except OSError as exc:
            failure = exc
        except BaseException:
            made.close()
            raise
        else:
            return made
        with contextlib.suppress(OSError):
            made.close()
    raise failure


async def _exactly(made: socket.socket, count: int) -> bytes:
    """So many bytes and none of those behind them, which are the other side's."""
    loop = asyncio.get_running_loop()
    data = b""
    while len(data) < count:
        more = await loop.sock_recv(made, count - len(data))
        if not more:
            raise Disconnected("the proxy closed the connection")
        data += more
    return data
