"""Two identities that trust each other, and a session between them, for the tests of the link."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from trading.clock import ManualClock
from trading.ids import SeededIds
from trading.link.identity import Identity, Peer
from trading.link.session import LinkSession, LinkTimes
from trading.market import POLYMARKET, Venue

CLOCK = ManualClock()
IDS = SeededIds(CLOCK, 11)
CONTROLLER = Identity(Ed25519PrivateKey.from_private_bytes(b"\x01" * 32))
TRADER = Identity(Ed25519PrivateKey.from_private_bytes(b"\x02" * 32))
STRANGER = Identity(Ed25519PrivateKey.from_private_bytes(b"\x03" * 32))
PEERS = {TRADER.kid: Peer(name="frankfurt", role="trader", public=TRADER.public, platform=POLYMARKET)}
PIN = Peer(name="home", role="controller", public=CONTROLLER.public)
TIMES = LinkTimes()


def trader(
    identity: Identity = TRADER, pin: Peer = PIN, platform: Venue = POLYMARKET, now: int = 0, boot_id: bytes = b"boot"
) -> LinkSession:
    return LinkSession.trader(
        identity,
        pin,
        platform,
        node="frankfurt",
        boot_id=boot_id,
        ids=IDS,
        now=now,  # type: ignore[arg-type]  # a plain number is a time here
        times=TIMES,
    )


def controller(peers: dict[bytes, Peer] = PEERS, epoch: int = 5, now: int = 0) -> LinkSession:
    return LinkSession.controller(CONTROLLER, peers, epoch=epoch, ids=IDS, now=now, times=TIMES)  # type: ignore[arg-type]


def exchange(one: LinkSession, other: LinkSession, turns: int = 6) -> list[tuple[str, object]]:
    """Carry frames both ways until nobody speaks; what each side made of them."""
    events: list[tuple[str, object]] = []
    for _ in range(turns):
        for name, speaker, hearer in (("controller", one, other), ("trader", other, one)):
            for frame in speaker.outgoing():
                event = hearer.receive(frame, 0)  # type: ignore[arg-type]
                if event is not None:
                    events.append((name, event))
    return events


def opened() -> tuple[LinkSession, LinkSession]:
    """(trader, controller), both open."""
    one, two = trader(), controller()
    exchange(one, two)
    assert (one.state, two.state) == ("open", "open")
    return one, two
