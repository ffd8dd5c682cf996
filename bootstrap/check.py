"""`bootstrap check`: can the other side be reached, by which path, and what to type when not (B-232, B-233).

Three questions, each only where it makes sense: is this node usable, does the peer answer through the tailnet, does its port
open. Plain loopback needs no Tailscale. The controller listens and dials nobody, so towards a trader no port is tried.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bootstrap.door import is_loopback
from bootstrap.identity import Role
from bootstrap.plan import Place, next_step
from bootstrap.socks import connect as dial
from bootstrap.tailscale import Tailscale

__all__ = ["Finding", "check", "tcp"]

_TCP_S = 5.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; next is what to do, "" when nothing. slow: it works, through a relay."""

    what: str
    ok: bool
    detail: str
    next: str = ""
    slow: bool = False


Tcp = Callable[[str, int], str]
"""(host, port) -> "open", "refused", "silent", or why there is no address."""


def tcp(host: str, port: int, socks5: str = "") -> str:
    """Open and close one connection, through the proxy when one is named."""
    try:
        with dial(host, port, _TCP_S, socks5):
            return "open"
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "silent"
    except (OSError, ValueError) as exc:
        return getattr(exc, "strerror", None) or str(exc)


def check(
    tailscale: Tailscale,
    platform: str,
    now: datetime,
    *,
    role: Role,
    host: str,
    port: int,
    tag: str | None = None,
    place: Place = "systemd",
    connect: Tcp = tcp,
    socks5: str = "",
) -> tuple[Finding, ...]:
    """Findings in order. host is the other side, or for a controller "" = its own link address is not tried."""
    if host and is_loopback(host):
        return (Finding("tailnet", True, "loopback needs none"), *_port(role, host, port, connect, through=False))
    status = tailscale.status()
    step = next_step(status, platform, now, role=role, tag=tag, place=place, socks5=socks5)
    findings = [Finding("this node", step.ready, "; ".join((step.what, *step.warnings)), step.command)]
    if not host:
        return tuple(findings)
    if not step.ready:
        ports = _port(role, host, port, connect, through=False)
        if status.state == "missing" and role == "trader" and all(one.ok for one in ports):
            return (Finding("tailnet", True, "no Tailscale here; another network of yours carries the link"), *ports)
        return (*findings, *ports)
    peer = status.find(host)
    if peer is None:
        found = ", ".join(sorted(one.host for one in status.peers)) or "none"
        hint = "join it to this tailnet, or allow it in the policy: bootstrap policy"
        findings.append(Finding("peer", False, f"{host} is no machine this node may see; it sees: {found}", hint))
        return tuple(findings)
    if peer.expired:
        findings.append(
            Finding("peer", False, f"the key of {peer.name} has expired", "there: sudo tailscale up --force-reauth")
        )
        return tuple(findings)
    findings.append(_path(tailscale, peer.addresses[0] if peer.addresses else host, peer.name or host))
    return (*findings, *_port(role, host, port, connect, through=True))


def _path(tailscale: Tailscale, address: str, name: str) -> Finding:
    route = tailscale.ping(address)
    match route.kind:
        case "direct":
            return Finding("path", True, f"{name} answers directly, via {route.via} in {route.took}")
        case "relayed":
            hint = "open UDP 41641 on one of the two machines; see: tailscale netcheck"
            return Finding("path", True, f"{name} answers through a relay, via {route.via} in {route.took}", hint, slow=True)
        case "silent":
            return Finding("path", False, f"{name} does not answer: {route.detail}", "there: bootstrap status")
        case "unknown":
            return Finding("path", True, f"not known ({route.detail}); the port below decides")


def _port(role: Role, host: str, port: int, connect: Tcp, *, through: bool) -> tuple[Finding, ...]:
    if role == "controller" and not is_loopback(host):
        return (Finding("port", True, "a trader listens on nothing; run `bootstrap check` there"),)
    said = connect(host, port)
    where = f"{host}:{port}"
    if said == "open":
        return (Finding("port", True, f"{where} is open"),)
    if said == "refused":
        hint = "on the controller: start it, with a trader paired and LINK_HOST its tailnet address"
        return (Finding("port", False, f"{where}: the machine answers, but nothing listens there", hint),)
    if said == "silent":
        hint = "bootstrap policy shows the grant that opens the port" if through else "is the other machine up?"
        return (Finding("port", False, f"{where}: no answer at all, as when a policy or firewall drops it", hint),)
    return (Finding("port", False, f"{where}: {said}", "check the name; `bootstrap status` shows this machine's own"),)
