"""What calendars do to pairs between two discoveries, one test for each: doubleheaders, rematches, clock changes, postponements,
late listings and closings, for winners and for the lines beside them."""

from datetime import UTC, datetime

from discovery_games import gamma_game, gamma_market, kalshi_game, milestone
from discovery_sides import gamma_lines, nba_lines, stones
from test_discovery_catalogue import NOW, run
from test_discovery_domains import by_kind, venues

from controller.discovery.cache import DiscoveryCache
from trading.clock import SECOND, ManualClock

BOTH = (("ATL", "Atlanta"), ("NYY", "New York Y"))
NAMES = ("Atlanta Braves", "New York Yankees")


def baseball(day: str, clock: str, *, total: bool = True):
    """Kalshi's winner and total events of one game; clock is the ticker's HHMM in US Eastern time."""
    title = "Atlanta vs New York Y"
    events = [kalshi_game(f"KXMLBGAME-{day}{clock}ATLNYY", title, BOTH)]
    if total:
        events.append(kalshi_game(f"KXMLBTOTAL-{day}{clock}ATLNYY", f"{title}: Total Runs", (("9", "Over 8.5 runs scored"),)))
        events[-1]["markets"][0] |= {"strike_type": "greater", "floor_strike": 8.5}
    return events


def gamma_baseball(slug: str, start: str, code: int):
    event = gamma_game(slug, NAMES, start, ident=str(code), condition=f"0x{code:064x}")
    event["eventDate"] = slug[12:22]
    total = gamma_market(
        f"{NAMES[0]} vs. {NAMES[1]}: O/U 8.5", ("Over", "Under"), start, condition=f"0x{code + 1:064x}",
        sportsMarketType="totals", line=8.5, slug=f"{slug}-total-8pt5",
    )  # fmt: skip
    event["markets"].append(total)
    return event


def partners(found):
    """Kalshi ticker to the number in the Polymarket condition."""
    return {pair.first: int(pair.second, 16) for pair in found.pairs}


async def test_doubleheader_each_game_meets_its_own_by_start():
    """Two games of one day are told apart by starts only, lines as well as winners (B-100), and are two events."""
    ours = [*baseball("26NOV21", "1305"), *baseball("26NOV21", "1905")]
    theirs = [
        gamma_baseball("mlb-atl-nyy-2026-11-21", "2026-11-21 18:05:00+00", 0x10),
        gamma_baseball("mlb-atl-nyy-2026-11-21-game-2", "2026-11-22 00:05:00+00", 0x20),
    ]
    found = await run(*venues(ours, theirs))

    assert partners(found) == {
        "KXMLBGAME-26NOV211305ATLNYY-ATL": 0x10,
        "KXMLBGAME-26NOV211305ATLNYY-NYY": 0x10,
        "KXMLBGAME-26NOV211905ATLNYY-ATL": 0x20,
        "KXMLBGAME-26NOV211905ATLNYY-NYY": 0x20,
        "KXMLBTOTAL-26NOV211305ATLNYY-9": 0x11,
        "KXMLBTOTAL-26NOV211905ATLNYY-9": 0x21,
    }
    assert len({pair.event for pair in found.pairs}) == 2


async def test_doubleheader_without_starts_pairs_nothing():
    """Where a venue does not say which game it means, neither is guessed."""
    ours = [*baseball("26NOV21", "1305"), *baseball("26NOV21", "1905")]
    theirs = [gamma_baseball("mlb-atl-nyy-2026-11-21", "2026-11-21 18:05:00+00", 0x10)]
    del theirs[0]["markets"][0]["gameStartTime"], theirs[0]["markets"][1]["gameStartTime"]
    found = await run(*venues(ours, theirs))

    assert found.pairs == ()


async def test_rematch_on_the_next_day_is_never_taken_for_tonights_game():
    """Each venue lists one of two consecutive days: a "try the next day" would pair them (matching.md 4). With both listed
    each meets its own."""
    tonight, tomorrow = baseball("26NOV21", "1905"), baseball("26NOV22", "1905")
    first = gamma_baseball("mlb-atl-nyy-2026-11-21", "2026-11-22 00:05:00+00", 0x10)
    second = gamma_baseball("mlb-atl-nyy-2026-11-22", "2026-11-23 00:05:00+00", 0x20)
    apart = await run(*venues(tonight, [second]))
    both = await run(*venues([*tonight, *tomorrow], [second, first]))

    assert apart.pairs == ()
    assert {ticker: number & 0xF0 for ticker, number in partners(both).items()} == {
        market["ticker"]: number
        for events, number in ((tonight, 0x10), (tomorrow, 0x20))
        for event in events
        for market in event["markets"]
    }


async def test_clock_change_a_ticker_hour_is_read_in_that_days_zone():
    """1905 Eastern is 23:05 UTC on the last day of summer time and 00:05 on the day it ends, in spring the other way round."""
    starts = {}
    for day, slug, start in (
        ("26OCT31", "mlb-atl-nyy-2026-10-31", "2026-10-31 23:05:00+00"),
        ("26NOV01", "mlb-atl-nyy-2026-11-01", "2026-11-02 00:05:00+00"),
        ("27MAR13", "mlb-atl-nyy-2027-03-13", "2027-03-14 00:05:00+00"),
        ("27MAR14", "mlb-atl-nyy-2027-03-14", "2027-03-14 23:05:00+00"),
    ):
        clock = ManualClock(wall=int(datetime(2026, 10, 30, tzinfo=UTC).timestamp()) * SECOND)
        found = await run(*venues(baseball(day, "1905", total=False), [gamma_baseball(slug, start, 0x10)]), clock=clock)
        starts[day] = {pair.starts_at for pair in found.pairs} == {int(datetime.fromisoformat(start).timestamp()) * SECOND}

    assert starts == dict.fromkeys(starts, True)


async def test_clock_change_an_hour_that_occurs_twice_is_no_start():
    """0130 on the day summer time ends could be either of two moments: not paired on a guess."""
    clock = ManualClock(wall=int(datetime(2026, 10, 30, tzinfo=UTC).timestamp()) * SECOND)
    theirs = [gamma_baseball("mlb-atl-nyy-2026-11-01", "2026-11-01 05:30:00+00", 0x10)]
    found = await run(*venues(baseball("26NOV01", "0130"), theirs), clock=clock)

    assert found.pairs == ()


async def test_postponement_on_one_venue_leaves_no_pair(tmp_path):
    """One venue's new start is another game until the other says the same; the report names the reason."""
    cache, clock = DiscoveryCache(tmp_path / "c.json"), ManualClock(wall=NOW)
    events = nba_lines()
    await run(*venues(events, [gamma_lines()], stones(*events)), cache, clock)
    late = [milestone(event["event_ticker"], "2026-11-20T04:45:00Z") for event in events]
    found = await run(*venues(events, [gamma_lines()], late), cache, clock, force=True)
    misses = next(report for report in found.reports if report.league == "nba").misses

    assert found.pairs == ()
    assert misses["kalshi.starts_differ"] == 1 + 2


async def test_postponement_on_both_venues_is_the_same_pair_at_another_start():
    """Which upkeep then sends to review (test_pairs_recheck)."""
    events = nba_lines()
    before = await run(*venues(events, [gamma_lines()], stones(*events)))
    late = [milestone(event["event_ticker"], "2026-11-20T04:45:00Z") for event in events]
    after = await run(*venues(events, [gamma_lines(start="2026-11-20 04:45:00+00")], late))

    assert {pair.id for pair in after.pairs} == {pair.id for pair in before.pairs}
    assert {pair.starts_at for pair in after.pairs}.isdisjoint({pair.starts_at for pair in before.pairs})


async def test_late_listing_on_either_venue_is_paired_at_the_next_refresh(tmp_path):
    """B-106: a line without a partner is looked up each time, whichever venue comes later."""
    cache, clock = DiscoveryCache(tmp_path / "c.json"), ManualClock(wall=NOW)
    events, theirs = nba_lines(), gamma_lines()
    early = {**theirs, "markets": theirs["markets"][:2]}
    first = by_kind(await run(*venues(events[:2], [early], stones(*events)), cache, clock))
    clock.advance(7_200 * SECOND)
    second = by_kind(await run(*venues(events, [early], stones(*events)), cache, clock))
    clock.advance(7_200 * SECOND)
    third = by_kind(await run(*venues(events, [theirs], stones(*events)), cache, clock))

    assert [("nba", "total") in found for found in (first, second, third)] == [False, False, True]
    assert all(("nba", "spread") in found for found in (first, second, third))


async def test_closed_line_is_dropped_and_the_game_stays(tmp_path):
    """Retirement is per market: a total that was settled early takes no other pair with it."""
    cache, clock = DiscoveryCache(tmp_path / "c.json"), ManualClock(wall=NOW)
    events = nba_lines()
    await run(*venues(events, [gamma_lines()], stones(*events)), cache, clock)
    events[2]["markets"][0]["status"] = "determined"
    found = by_kind(await run(*venues(events, [gamma_lines()], stones(*events)), cache, clock, force=True))

    assert set(found) == {("nba", "game_winner"), ("nba", "spread")}
