"""Fills that their venue takes back later, and levels that are shown but no longer there: the other leg must not stand alone."""

from pathlib import Path

from system_bench import Venues, assert_hedged, assert_ledger_equals_venues, naked, trading

from trading.clock import MS


async def test_a_fill_reversed_after_the_arb_ended_starts_the_unwind_of_the_other_leg(venues: Venues, tmp_path: Path) -> None:
    """The settlement of the Polymarket trade fails a second after both legs matched: the Kalshi leg is sold or hedged anew."""
    venues.polymarket.core.settings.retry_ns = 600 * MS
    venues.polymarket.core.fail_next_trade("ghost")
    async with trading(venues, tmp_path) as desk:
        venues.open_arb(venues.games[0])
        await desk.until_closed()
        await desk.until(lambda: desk.ghosts(), "the reversal is booked")
        await desk.until(lambda: not any(naked(venues).values()), "nothing stands alone", within=3)
        await desk.until(lambda: not desk.system.runtime.running, "the venue's answer to the exit is booked")

        assert_hedged(desk)


async def test_a_reversed_fill_is_booked_as_the_venue_has_it(venues: Venues, tmp_path: Path) -> None:
    """B-424: cash, fees and tokens of the failed trade are gone from the ledger as they are at the venue."""
    venues.polymarket.core.settings.retry_ns = 600 * MS
    venues.polymarket.core.fail_next_trade("ghost")
    async with trading(venues, tmp_path) as desk:
        venues.open_arb(venues.games[0])
        await desk.until_closed()
        await desk.until(lambda: desk.ghosts(), "the reversal is booked")
        venues.close_arb(venues.games[0])
        await desk.until(lambda: not desk.system.runtime.running, "no arb is under way")
        await desk.settle()

        assert_ledger_equals_venues(desk)


async def test_paper_hedges_where_depth_is_left_and_not_where_it_was_taken(venues: Venues, tmp_path: Path) -> None:
    """An arb that stands still is taken until paper's share of it is gone; each arb ends hedged, none asks an empty level."""
    async with trading(venues, tmp_path, dry_run=True, controller_platforms="", depth_fraction=0.25) as desk:
        venues.open_arb(venues.games[0], contracts=80)  # paper fills 60 of them, in arbs of 20 and less
        await desk.until_closed(5)
        venues.close_arb(venues.games[0])
        await desk.until(lambda: not desk.system.runtime.running, "no arb is under way")
        result = desk.system.runtime.summary()

        assert (result["unhedged_contracts"], result["alarms"]) == ("0", {})
        assert float(str(result["matched_contracts"])) > 40
        assert result["legs_local"] < 40
