"""Promises of the routing of legs: B-082 to B-093 as a table, and that a leg never moves."""

import msgspec
import pytest
from execution_fakes import ARB, KX, POLY, Bench, fill

from controller.execution.hybrid import HybridExecutor
from controller.ledger.memory import MemoryLedger
from trading.errors import Misuse
from trading.ids import leg_id
from trading.market import KALSHI, POLYMARKET
from trading.order import LegResult
from trading.venue import AccountPage, AccountQuery


class Place:
    """An executor that only says where a leg went."""

    def __init__(self, venue, name) -> None:
        self.venue, self.name = venue, name
        self.refusal: str | None = None
        self.did: list[tuple[str, bytes]] = []
        self.broken = False

    def refuses(self, legs):
        return self.refusal

    async def execute(self, leg):
        self.did.append(("execute", leg.leg_id))
        return LegResult(leg_id=leg.leg_id, state="filled")

    async def resolve(self, leg):
        self.did.append(("resolve", leg))
        return LegResult(leg_id=leg, state="none")

    async def cancel(self, leg):
        self.did.append(("cancel", leg))
        return LegResult(leg_id=leg, state="none")

    async def cancel_all(self, reason):
        if self.broken:
            raise RuntimeError("link")
        return 2

    async def account(self, what):
        self.did.append(("account", b""))
        return AccountPage()


K_LOCAL, K_FAR = Place(KALSHI, "local"), Place(KALSHI, "trader-k")
P_LOCAL, P_FAR = Place(POLYMARKET, "local"), Place(POLYMARKET, "trader-p")


@pytest.fixture(autouse=True)
def fresh():
    for place in (K_LOCAL, K_FAR, P_LOCAL, P_FAR):
        place.refusal, place.broken = None, False
        place.did.clear()


def legs(world="sim"):
    return [msgspec.structs.replace(leg, world=world) for leg in Bench().approved().legs]  # Polymarket, Kalshi


def hybrid(*platforms, remote=(K_FAR, P_FAR), **more) -> HybridExecutor:
    local = {KALSHI: K_LOCAL, POLYMARKET: P_LOCAL}
    return HybridExecutor(local, {place.venue: place for place in remote}, frozenset(platforms), **more)


@pytest.mark.parametrize(
    ("platforms", "poly", "kalshi"),
    [
        ((), P_FAR, K_FAR),  # B-083
        ((KALSHI,), P_FAR, K_LOCAL),  # B-084
        ((POLYMARKET,), P_LOCAL, K_FAR),  # B-085
        ((KALSHI, POLYMARKET), P_LOCAL, K_LOCAL),  # B-086
    ],
)
def test_listed_is_local_and_the_rest_is_remote(platforms, poly, kalshi):
    """The platform list decides per leg."""
    executor = hybrid(*platforms)

    assert [executor.route(leg) for leg in legs()] == [poly, kalshi]
    assert executor.refuses(legs()) is None


def test_leg_without_a_path_drops_the_arb():
    """B-087, B-088: no trader for an unlisted platform: refused with venue and reason, and nothing was asked to execute."""
    executor = hybrid(KALSHI, remote=())

    assert executor.refuses(legs()) == "polymarket: no path for its leg: no trader is connected"
    assert executor.route(legs()[0]) is None
    assert K_LOCAL.did == [] and executor.statistics().legs_refused == 1


def test_every_leg_is_asked():
    """A refusal of the second leg's executor refuses the whole."""
    K_LOCAL.refusal = "the journal is full"

    assert hybrid(KALSHI).refuses(legs()) == "kalshi (local): the journal is full"


def test_prefer_remote_falls_back_before_sending():
    """C-12: with PREFER_REMOTE a listed platform is the fallback of its trader."""
    executor = hybrid(KALSHI, POLYMARKET, prefer_remote=True)

    assert [executor.route(leg) for leg in legs()] == [P_FAR, K_FAR]
    P_FAR.refusal = "draining"
    assert executor.route(legs()[0]) is P_LOCAL


def test_paper_alone_runs_here():
    """Nothing listed, DRY_RUN, no trader: the paper leg runs in this process; a trader that is there is preferred."""
    alone = hybrid(remote=(), dry_run_local=True)

    assert [alone.route(leg) for leg in legs("paper")] == [P_LOCAL, K_LOCAL]
    assert [alone.route(leg) for leg in legs("sim")] == [None, None]
    assert hybrid(dry_run_local=True).route(legs("paper")[0]) is P_FAR
    assert hybrid(KALSHI, remote=(), dry_run_local=True).route(legs("paper")[0]) is None


async def test_a_leg_never_moves():
    """Once sent, resolve, cancel and a repeat go where the leg went, whatever connects or leaves later."""
    remote = {POLYMARKET: P_FAR}
    executor = HybridExecutor({POLYMARKET: P_LOCAL}, remote, frozenset())
    leg = legs()[0]
    await executor.execute(leg)
    remote[POLYMARKET] = Place(POLYMARKET, "another")

    await executor.resolve(leg.leg_id)
    await executor.cancel(leg.leg_id)
    await executor.execute(leg)

    assert [did for did, _ in P_FAR.did] == ["execute", "resolve", "cancel", "execute"]
    assert executor.route(leg) is P_FAR


async def test_no_path_at_execute_is_a_refusal():
    """A trader that left between check and send: refused, nothing sent."""
    result = await hybrid(remote=()).execute(legs()[0])

    assert (result.state, result.code) == ("refused", "no_route")


async def test_leg_of_an_earlier_run_is_restored():
    """After a restart a leg is asked of where it went; unknown ones stay unknown, and none may be moved."""
    executor = hybrid()
    leg = legs()[0]
    assert (await executor.resolve(leg.leg_id)).state == "unknown"

    executor.restore(leg, remote=True)

    assert (await executor.resolve(leg.leg_id)).state == "none"
    with pytest.raises(Misuse):
        executor.restore(leg, remote=False)
    with pytest.raises(Misuse):
        hybrid(remote=()).restore(leg, remote=True)


async def test_not_knowing_where_a_leg_went_takes_no_fill_away():
    """B-084, B-093: between two starts its venue was moved to a trader, and its filled leg can be asked of nobody: that is no
    truth about it, so what was booked stands."""
    leg, ledger = legs()[0], MemoryLedger()
    filled = fill()(leg)
    ledger.apply(leg, POLY, filled)
    told = await hybrid().resolve(leg.leg_id)
    ledger.apply(leg, POLY, told)

    assert ledger.result(leg.leg_id) == filled
    assert told.result_no < filled.result_no  # which is what the engine goes by, too


async def test_legs_are_counted_where_they_went():
    """legs_local and legs_remote."""
    executor = hybrid(KALSHI)
    for leg in legs():
        await executor.execute(leg)

    seen = executor.statistics()

    assert (seen.legs_local, seen.legs_remote) == (1, 1)


async def test_cancel_all_survives_a_broken_executor():
    """The kill switch reaches every venue, even past one that fails."""
    K_FAR.broken = True

    assert await hybrid().cancel_all("halt") == 6


async def test_account_asks_who_would_trade():
    """Listed: the local client; else the trader; nobody is an error of ours."""
    executor = hybrid(KALSHI)
    await executor.account(KALSHI, AccountQuery(what="balances"))
    await executor.account(POLYMARKET, AccountQuery(what="balances"))

    assert K_LOCAL.did and P_FAR.did and not P_LOCAL.did
    with pytest.raises(Misuse):
        await HybridExecutor({}, {}, frozenset()).account(KALSHI, AccountQuery(what="balances"))


def test_fakes_are_of_two_venues():
    """The shape the tests above rely on."""
    assert [leg.want.market for leg in legs()] == [POLY.id, KX.id]
    assert legs()[0].leg_id == leg_id(ARB, 0, 0)
