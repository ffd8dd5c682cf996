"""Live discovery pairs every domain the readers know, one to one, and approves only what structure and terms prove."""

import json

import pytest
from discovery_sides import gamma_lines, gamma_question, kalshi_question, nba_lines, stones
from test_discovery_catalogue import NOW, Gamma, Kalshi, run

from controller.discovery.cache import DiscoveryCache
from controller.pairs.store import Decisions, Template, decided
from trading.clock import SECOND, ManualClock


def venues(kalshi_events, gamma_events, milestones=()):
    """Both venues with these events; Kalshi's series listing names every series there is."""
    kalshi, gamma = Kalshi(), Gamma()
    kalshi.events = {None: []}
    for event in kalshi_events:
        kalshi.events.setdefault(event["series_ticker"], []).append(event)
        kalshi.events[None].append(event)
    kalshi.stones = list(milestones)
    gamma.events = list(gamma_events)
    return kalshi, gamma


def lines():
    events = nba_lines()
    return venues(events, [gamma_lines()], stones(*events))


def by_kind(found):
    return {(pair.league, pair.kind): pair for pair in found.pairs}


async def test_spreads_and_totals_are_paired_by_line_and_belong_to_their_game():
    """B-098: each line meets its own line only, on the outcome that is named, and claims the winner's event (B-191)."""
    found = await run(*lines())

    pairs = by_kind(found)
    assert set(pairs) == {("nba", "game_winner"), ("nba", "spread"), ("nba", "total")}
    assert pairs["nba", "spread"].first == "KXNBASPREAD-26NOV19UTAGSW-GSW4"
    assert (int(pairs["nba", "spread"].outcome_index), int(pairs["nba", "total"].outcome_index)) == (0, 0)
    assert len({pair.event for pair in found.pairs}) == 1
    assert len(found.pairs) == 4


async def test_reordered_outcomes_of_a_spread_and_a_total_turn_the_index():
    """B-099: the outcome is found by its name, not by its place."""
    kalshi, gamma = lines()
    for market in gamma.events[0]["markets"][1:]:
        market["outcomes"] = json.dumps(json.loads(market["outcomes"])[::-1])
    found = by_kind(await run(kalshi, gamma))

    assert (int(found["nba", "spread"].outcome_index), int(found["nba", "total"].outcome_index)) == (1, 1)


async def test_a_line_that_two_markets_of_one_venue_ask_is_paired_with_neither():
    """One to one per market and outcome: two candidates reject all of them (matching.md 3.3)."""
    kalshi, gamma = lines()
    again = dict(gamma.events[0]["markets"][2], conditionId="0x" + "77" * 32)
    gamma.events[0]["markets"].append(again)
    found = await run(kalshi, gamma)

    assert ("nba", "total") not in by_kind(found)
    assert next(report for report in found.reports if report.league == "nba").misses["kalshi.ambiguous"] == 1


async def test_every_outcome_is_used_by_one_pair_only():
    """No market and outcome stands in two pairs, or one position would hedge two."""
    found = await run(*lines())
    ours = [pair.first for pair in found.pairs]
    theirs = [(pair.second, pair.outcome_index) for pair in found.pairs]

    assert len(set(ours)) == len(ours)
    assert len(set(theirs)) == len(theirs)


async def test_a_line_is_approved_by_itself_only_with_structure_starts_and_agreeing_terms():
    """C-11: with all of them auto approves; a missing start or an untyped market leaves the pair to a person."""
    proven = by_kind(await run(*lines()))
    events = nba_lines()
    no_start = by_kind(await run(*venues(events, [gamma_lines()])))
    kalshi, gamma = lines()
    for market in gamma.events[0]["markets"][1:]:
        del market["sportsMarketType"]
    untyped = by_kind(await run(kalshi, gamma))

    for kind in ("spread", "total"):
        assert (proven["nba", kind].structural, proven["nba", kind].state) == (True, "approved")
        assert (no_start["nba", kind].structural, no_start["nba", kind].state) == (False, "proposed")
        assert (untyped["nba", kind].structural, untyped["nba", kind].state) == (False, "proposed")


RACE = (
    kalshi_question("KXHOUSERACE-CA12-26", "CA-12 House winner?", "R", "Will Republican win the House race for CA-12?"),
    gamma_question(
        "Will the Republican Party win the CA-12 House seat?", "CA-12 House Election Winner", "2026-11-03T00:00:00Z", 0x61
    ),
)
FUTURE = (
    kalshi_question("KXNBA-27", "2027 Pro Basketball Champion", "BOS", "Will Boston win the 2027 Pro Basketball Finals?"),
    gamma_question("Will the Boston Celtics win the 2027 NBA Finals?", "2027 NBA Champion", "2027-07-01T00:00:00Z", 0x62),
)
DECISION = (
    kalshi_question(
        "KXFEDDECISION-26DEC", "Fed decision in Dec 2026?", "C25", "Will the Federal Reserve Cut rates by 25bps at their December "
        "2026 meeting?"
    ),
    gamma_question(
        "Fed decreases interest rates by 25 bps after December 2026 meeting?", "Fed decision in December?", "2026-12-10T00:00:00Z",
        0x63,
    ),
)  # fmt: skip


@pytest.mark.parametrize(
    ("sides", "league", "kind"),
    [(RACE, "politics", "election"), (FUTURE, "futures", "contest"), (DECISION, "economics", "fed_decision")],
)
async def test_questions_that_no_game_decides_are_proposed_and_never_approved_by_themselves(sides, league, kind):
    """Futures, politics and decisions pair by their claim; without a start and terms that were read, a person has the word."""
    found = await run(*venues([sides[0]], [sides[1]]))
    only = await run(*venues([sides[0]], [sides[1]]), leagues=(league,))

    assert [(pair.league, pair.kind, pair.state) for pair in found.pairs] == [(league, kind, "proposed")]
    assert found.pairs[0].structural is False
    assert found.pairs[0].starts_at is None
    assert only.pairs == found.pairs


async def test_another_entity_year_or_meeting_is_no_pair():
    """Each field of the claim counts."""
    other = [
        gamma_question("Will the Boston Celtics win the 2028 NBA Finals?", "2028 NBA Champion", "2028-07-01T00:00:00Z", 1),
        gamma_question("Will the Miami Heat win the 2027 NBA Finals?", "2027 NBA Champion", "2027-07-01T00:00:00Z", 2),
        gamma_question("Will the Republican Party win the CA-13 House seat?", "CA-13", "2026-11-03T00:00:00Z", 3),
        gamma_question(
            "Fed decreases interest rates by 25+ bps after December 2026 meeting?", "Fed", "2026-12-10T00:00:00Z", 4
        ),
    ]
    found = await run(*venues([RACE[0], FUTURE[0], DECISION[0]], other))

    assert found.pairs == ()


async def test_a_failed_sweep_of_all_events_keeps_the_domains_pairs_and_the_leagues_fresh(tmp_path):
    """B-108 for what no game decides."""
    cache = DiscoveryCache(tmp_path / "c.json")
    events = nba_lines()
    await run(*venues([*events, FUTURE[0]], [gamma_lines(), FUTURE[1]], stones(*events)), cache)
    kalshi, gamma = venues(events, [gamma_lines(), FUTURE[1]], stones(*events))
    kalshi.broken = {None}
    found = await run(kalshi, gamma, cache, force=True)
    reports = {report.league: report for report in found.reports}

    assert {pair.league for pair in found.pairs} == {"nba", "futures"}
    assert reports["futures"].from_cache
    assert not reports["nba"].from_cache


async def test_without_the_series_listing_known_lines_are_read_from_their_own_series(tmp_path):
    """A listing that cannot be read must not retire what is traded (B-108)."""
    cache, clock = DiscoveryCache(tmp_path / "c.json"), ManualClock(wall=NOW)
    before = await run(*lines(), cache, clock)

    class Unlisted(Kalshi):
        async def series(self):
            raise OSError("no route")

    kalshi, gamma = Unlisted(), lines()[1]
    kalshi.events, kalshi.stones = lines()[0].events, lines()[0].stones
    clock.advance(7_200 * SECOND)
    found = await run(kalshi, gamma, cache, clock, force=True)

    assert {pair.id for pair in found.pairs} == {pair.id for pair in before.pairs}


async def test_an_old_cache_drops_a_line_that_asks_something_else(tmp_path):
    """B-106: a strike that moved under the same ticker is another question, also when Kalshi is read alone."""
    cache, clock = DiscoveryCache(tmp_path / "c.json"), ManualClock(wall=NOW)
    events = nba_lines()
    for event in events[1:]:
        del event["markets"][1]
    await run(*venues(events, [gamma_lines()], stones(*events)), cache, clock, leagues=("nba",))
    clock.advance(7_200 * SECOND)
    total = events[2]["markets"][0]
    total |= {"floor_strike": 231.5, "title": "Over 231.5 points scored?", "yes_sub_title": "Over 231.5 points scored"}
    kalshi, gamma = venues(events, [gamma_lines()], stones(*events))
    found = await run(kalshi, gamma, cache, clock, leagues=("nba",))

    assert gamma.asked == []
    assert set(by_kind(found)) == {("nba", "game_winner"), ("nba", "spread")}


async def test_under_all_a_line_waits_for_its_template():
    """B-056: a template of league and type approves proven lines of that type and no other; a decision is never proven."""
    found = await run(*lines(), mode="all")
    decision = await run(*venues([DECISION[0]], [DECISION[1]]), mode="all")
    templates = tuple(
        Template(league=league, kind=kind, by="ann", at=NOW)
        for league, kind in (("nba", "total"), ("economics", "fed_decision"))
    )
    states = {pair.kind: decided(pair, Decisions(templates=templates)).state for pair in (*found.pairs, *decision.pairs)}

    assert {pair.state for pair in found.pairs} == {"proposed"}
    assert states == {"game_winner": "proposed", "spread": "proposed", "total": "approved", "fed_decision": "proposed"}
