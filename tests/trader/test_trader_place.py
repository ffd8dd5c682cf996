"""One send, then questions until it is known: against a venue in memory, with a clock that moves by sleeping."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from trader_bench import MARKET, TICKER
from typer.testing import CliRunner

from trader.app import Ports
from trader.cli import app
from trader.manual import Placed, place
from trader.show import EXIT_CODES, placed_json
from trader.ticket import Ticket, leg_of, parse_ticket
from trading.clock import SECOND, ManualClock
from trading.errors import UnknownOutcome, Unreachable
from trading.ids import SeededIds, leg_id
from trading.journal import MemoryJournal
from trading.market import KALSHI
from trading.order import FINAL, OPEN, Fill, LegResult
from trading.units import Money, MonoNs, Price, Size, WallNs
from trading.venue import Prepared, SignedOrder


class QuietVenue:
    """Takes one order and answers as told; find() gives what was laid ready, the last for ever."""

    venue = KALSHI

    def __init__(self, sent: Callable[[Prepared], Any], found: list[Callable[[Prepared], LegResult | None]]) -> None:
        self._sent = sent
        self._found = found
        self.sends = 0
        self.questions = 0

    def prepare(self, leg: Any, market: Any, ids: Any, clock: Any) -> Prepared:
        return Prepared(leg=leg, client_order_id="arb-1", venue_order_id=None, fields={})

    async def sign(self, order: Prepared) -> SignedOrder:
        return SignedOrder(prepared=order, body=b"", headers={})

    async def send(self, order: SignedOrder, *, deadline: MonoNs) -> LegResult:
        self.sends += 1
        answer = self._sent(order.prepared)
        return await answer if asyncio.iscoroutine(answer) else answer

    async def find(self, order: Prepared) -> LegResult | None:
        self.questions += 1
        return (self._found.pop(0) if len(self._found) > 1 else self._found[0])(order)


class Counter:
    """A trader's ports on a manual clock, and what it said meanwhile."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.said: list[str] = []
        ids = SeededIds(self.clock, 1)
        self.ports = Ports(
            clock=self.clock,
            ids=ids,
            http=self._none,
            dialer=self._none,
            journal=MemoryJournal(),
            sleep=self._sleep,
            close=self._closed,
        )
        self.ticket = parse_ticket(venue="kalshi", market=TICKER, outcome="yes", action="buy", limit="0.42", contracts="3")
        self.leg = leg_of(self.ticket, MARKET, leg_id=leg_id(ids.arb(), 0, 0), world="sim", now=self.clock.mono_ns())

    @staticmethod
    def _none(_: str) -> Any:
        raise AssertionError("nothing is opened here")

    async def _closed(self) -> None:
        return None

    async def _sleep(self, seconds: float) -> None:
        self.clock.advance(int(seconds * SECOND))

    async def place(self, venue: Any) -> LegResult:
        return await place(self.leg, MARKET, venue, self.ports, notice=self.said.append)


def lost(_: Prepared) -> LegResult:
    raise UnknownOutcome(KALSHI, "timeout", "no answer")


def nothing(_: Prepared) -> None:
    return None


def filled(order: Prepared, *, exact: bool = True) -> LegResult:
    fill = Fill(
        id="f1",
        price=Price(4_200),
        size=Size(3_000_000),
        cost=Money(1_260_000),
        fee=Money(51_200),
        fee_is_final=True,
        maker=False,
        at=WallNs(1_790_000_000 * SECOND),
        status="final",
    )
    return LegResult(
        leg_id=order.leg.leg_id,
        state="filled",
        filled=fill.size,
        cost=fill.cost,
        fee=fill.fee,
        fills=(fill,) if exact else (),
    )


async def test_order_that_stays_unanswered_is_asked_about_for_half_a_minute_and_stays_unknown() -> None:
    """Held orders are no denial: after 30 s it is still open, said so, and was sent once (B-093)."""
    desk = Counter()
    venue = QuietVenue(lost, [lambda order: LegResult(leg_id=order.leg.leg_id, state="held")])
    began = desk.clock.mono_ns()

    result = await desk.place(venue)

    assert (result.state, venue.sends) == ("held", 1)
    assert 20 * SECOND < desk.clock.mono_ns() - began <= 30 * SECOND
    assert EXIT_CODES[result.state] == 3
    assert "asking the venue, at most 30 s" in desk.said[0]


async def test_order_the_venue_denies_for_long_enough_is_none() -> None:
    """The denials fit into the 30 s, so a request that never arrived ends as known."""
    desk = Counter()

    result = await desk.place(QuietVenue(lost, [nothing]))

    assert (result.state, result.code) == ("none", "not_found")


async def test_order_found_later_is_told_with_its_fills() -> None:
    desk = Counter()
    venue = QuietVenue(lost, [nothing, filled])

    result = await desk.place(venue)

    assert (result.state, result.settled, venue.sends, venue.questions) == ("filled", True, 1, 2)


async def test_estimated_amounts_are_replaced_by_the_venues_own() -> None:
    """A first answer in averages is asked about until every fill is listed."""
    desk = Counter()
    venue = QuietVenue(lambda order: filled(order, exact=False), [nothing, filled])

    result = await desk.place(venue)

    assert (result.settled, len(result.fills), result.fee) == (True, 1, 51_200)


async def test_estimate_stands_when_the_venue_lists_nothing() -> None:
    """Three seconds, then what is known: filled, and marked as not settled."""
    desk = Counter()
    began = desk.clock.mono_ns()

    result = await desk.place(QuietVenue(lambda order: filled(order, exact=False), [nothing]))

    assert (result.state, result.settled) == ("filled", False)
    assert desk.clock.mono_ns() - began <= 3 * SECOND


async def test_unreachable_venue_means_nothing_was_sent() -> None:
    """A definite no: exit 1, no question asked."""

    def refuse(_: Prepared) -> LegResult:
        raise Unreachable(KALSHI, "unreachable", "connection refused")

    desk = Counter()
    venue = QuietVenue(refuse, [nothing])

    result = await desk.place(venue)

    assert (result.state, result.code, venue.questions) == ("rejected", "unreachable", 0)
    assert EXIT_CODES[result.state] == 1


async def test_interrupted_send_names_the_order_that_may_exist() -> None:
    """Ctrl-C while the order is out: the last line says where to look."""
    desk = Counter()
    reached = asyncio.Event()

    async def hang() -> LegResult:
        reached.set()
        await asyncio.Event().wait()
        raise AssertionError

    task = asyncio.create_task(desk.place(QuietVenue(lambda _: hang(), [nothing])))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert desk.said[-1].startswith("interrupted: order arb")
    assert desk.said[-1].endswith(f"on {TICKER} may exist at kalshi; look it up there")


def test_every_state_has_an_exit_code_and_only_known_ones_are_zero() -> None:
    """Exit 0 only when the outcome is known."""
    assert set(EXIT_CODES) == FINAL | OPEN
    assert {state for state, code in EXIT_CODES.items() if code == 0} == {"filled", "partial", "none"}
    assert {EXIT_CODES[state] for state in OPEN} == {3}


def test_unknown_outcome_ends_the_command_with_3(monkeypatch: pytest.MonkeyPatch) -> None:
    """The JSON says known: false, and stderr says not to send it again."""

    async def stays_unknown(ticket: Ticket, *_: object, **__: object) -> Placed:
        result = LegResult(leg_id=leg_id(SeededIds(ManualClock(), 1).arb(), 0, 0), state="unknown", client_order_id="arb1")
        return Placed(ticket=ticket, market=MARKET, world="sim", result=result)

    monkeypatch.setattr("trader.cli.manual_trade", stays_unknown)
    words = f"manual-trade --venue kalshi --market {TICKER} --outcome yes --action buy --limit 0.42 --contracts 3 --json"

    result = CliRunner().invoke(app, words.split())

    assert result.exit_code == 3
    assert msgspec.json.decode(result.stdout)["known"] is False
    assert result.stderr == "order arb1 may exist at kalshi: look it up there, do not send it again\n"


async def test_json_holds_exact_decimals_and_no_float() -> None:
    """Dollars and contracts are strings; only counts of milliseconds are numbers (design.md 6)."""
    desk = Counter()
    result = await desk.place(QuietVenue(filled, [nothing]))

    said = placed_json(Placed(ticket=desk.ticket, market=MARKET, world="sim", result=result))

    assert (said["filled"], said["cost"], said["fee"], said["limit"]) == ("3", "1.26", "0.0512", "0.42")
    assert said["fills"] == [
        {
            "id": "f1",
            "price": "0.42",
            "contracts": "3",
            "cost": "1.26",
            "fee": "0.0512",
            "fee_is_final": True,
            "maker": False,
            "status": "final",
            "at": "2026-09-21T14:13:20Z",
        }
    ]
    assert said["answered_ms"] == 0
