"""`trader accept-controller`: let in a controller that lost its state and counts its starts anew (distributed.md 4.7, B-223).

A trader keeps the highest start it has met and refuses lower ones, because a lower one may be an old controller come back. Only a
person can tell that from one that lost its journal. So this is typed, on a stopped trader, after its open legs were read: the
controller that comes has no record of them and will not ask. The key is not touched: who dials is still the pinned one.
"""

from collections.abc import Callable
from contextlib import ExitStack

import msgspec

from trader.app import Ports
from trader.serve import state_path
from trader.settings import TraderSettings
from trader.worker import EPOCH
from trading.errors import SettingsError
from trading.ids import client_order_id
from trading.journal_file import FileJournal
from trading.journal_sqlite import SqliteStore
from trading.link.identity import fingerprint, load_identity, load_peers, one_peer
from trading.log import get_logger
from trading.order import LegRequest
from trading.state_dir import StateDir

__all__ = ["Standing", "accept_controller"]

_log = get_logger("trader")


class Standing(msgspec.Struct, frozen=True):
    """What a person has to know before: who is pinned, the highest start met, and the legs without a final word."""

    controller: str
    fingerprint: str
    epoch: int
    open_legs: tuple[str, ...]
    """One line each: the venue's client order id, market, side, state."""


async def accept_controller(
    settings: TraderSettings, ports: Ports, *, epoch: int, sure: Callable[[Standing], bool]
) -> Standing:
    """Take starts from epoch on, once sure() has said yes to what stands; the standing as it was.

    Raises SettingsError while the trader runs, without one pinned controller or a journal, for an epoch that needs no acceptance
    (one that is not below the highest met), and when sure() says no; then nothing has changed.
    """
    load_identity(settings.identity_path)
    peer = one_peer(load_peers(settings.peers_path), "controller", settings.peers_path)
    path = state_path(settings)
    if not (path / "journal.sqlite").exists():
        raise SettingsError(f"{path}: no journal of a trader; another one: --state-dir or STATE_DIR")
    with ExitStack() as held:
        held.callback(StateDir(path).close)
        journal = FileJournal(SqliteStore(path / "journal.sqlite"), ports.clock)
        try:
            kept = journal.number_kept(EPOCH)
            if not 0 < epoch < kept:
                raise SettingsError(f"--epoch {epoch}: starts from {kept} on are let in already; name one from 1 to {kept - 1}")
            standing = Standing(
                controller=peer.name,
                fingerprint=fingerprint(peer.public),
                epoch=kept,
                open_legs=tuple(_line(leg, journal) for leg in journal.open_legs()),
            )
            if not sure(standing):
                raise SettingsError("not accepted; nothing has changed")
            await journal.keep(EPOCH, epoch)
        finally:
            await journal.close()
    _log.warning("controller_accepted", controller=peer.name, epoch=epoch, before=kept, open_legs=len(standing.open_legs))
    return standing


def _line(leg: LegRequest, journal: FileJournal) -> str:
    known = journal.stored(leg.leg_id)
    state = known[1].state if known is not None and known[1] is not None else "unknown"
    want = leg.want
    return f"{client_order_id(leg.leg_id)} {leg.venue} {want.market} {want.action.value} {want.outcome.name} {state}"
