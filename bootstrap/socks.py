"""A connection through tailscaled's SOCKS5 proxy: in userspace mode there is no interface to dial through (distributed.md 2.9).

CONNECT of RFC 1928 to an IP address, without a login. The trader's program has its own (trading/link/socks.py); this tool stands
alone.
"""

import ipaddress
import socket

from bootstrap.files import Problem

__all__ = ["checked_proxy", "connect", "connect_through"]

_NO = {2: "not allowed by its rules", 3: "network unreachable", 4: "host unreachable", 5: "connection refused"}
_LENGTHS = {1: 4, 4: 16}


def checked_proxy(text: str) -> tuple[str, int]:
    """(host, port) of "host:port". Raises Problem."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65_536 or any(char in "/@ " for char in host):
        raise Problem(f"proxy {text!r}: write host:port, as localhost:1055")
    return host.strip("[]"), int(port)


def connect(host: str, port: int, timeout: float, socks5: str = "") -> socket.socket:
    """A connection, through the proxy when one is named. Raises OSError, and Problem for a proxy that cannot be."""
    if not socks5:
        return socket.create_connection((host, port), timeout=timeout)
    return connect_through(checked_proxy(socks5), host, port, timeout)


def connect_through(proxy: tuple[str, int], host: str, port: int, timeout: float) -> socket.socket:
    """Connected, the next byte is the other side's. Raises ConnectionRefusedError as a direct dial would, else OSError."""
    address = ipaddress.ip_address(host)
    made = socket.create_connection(proxy, timeout=timeout)
    try:
        made.sendall(b"\x05\x01\x00")
        if _exactly(made, 2) != b"\x05\x00":
            raise OSError(0, f"the proxy at {proxy[0]}:{proxy[1]} wants a login or speaks no SOCKS5")
        kind = 1 if address.version == 4 else 4
        made.sendall(bytes((5, 1, 0, kind)) + address.packed + port.to_bytes(2, "big"))
        version, code, _, kind = _exactly(made, 4)
        if code == 5:
            raise ConnectionRefusedError(0, f"{host}:{port} refused, says the proxy")
        if version != 5 or code:
            raise OSError(0, f"the proxy says: {_NO.get(code, f'failure {code}')}")
        length = _exactly(made, 1)[0] if kind == 3 else _LENGTHS.get(kind)
        if length is None:
            raise OSError(0, f"the proxy at {proxy[0]}:{proxy[1]} speaks no SOCKS5")
        _exactly(made, length + 2)
    except BaseException:
        made.close()
        raise
    return made


def _exactly(made: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = made.recv(count - len(data))
        if not more:
            raise OSError(0, "the proxy closed the connection")
        data += more
    return data
