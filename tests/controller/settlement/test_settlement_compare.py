"""Two settlement texts: every difference is found, priced in dollars per contract, and silence is never agreement."""

import gzip
import json
from pathlib import Path

import pytest

from controller.discovery.settlement.clauses import Clauses, read
from controller.discovery.settlement.compare import CAPS, settle
from trading.units import DOLLAR

DATA = Path(__file__).resolve().parents[3] / ".." / "shared" / "data"
SHORT = "If A wins, it resolves to Yes. If the game is cancelled or rescheduled to over 48 hours away, a fair price is paid."
LONG = (
    "If A wins, this market will resolve to A. If the game is postponed, this market will remain open until it has been completed."
    " If the game is canceled entirely, this market will resolve 50-50."
)


def verdicts(first, second, **more):
    return {one.point: one.verdict for one in settle(first, second, **more).findings}


def test_postponed_beyond_the_window_breaks_both_hedges():
    """One venue pays out after 48 hours, the other waits: the leg that is left can be worth nothing (matching.md 4)."""
    deal = settle(SHORT, LONG, sport="basketball", league="nba")
    late = next(one for one in deal.findings if one.point == "postponed beyond 48 hours")

    assert (late.verdict, late.yes_here, late.no_here, late.charge) == ("priced", 0, 0, 2_000)
    assert (deal.grade, deal.cap) == ("B", 250 * DOLLAR)


def test_cancelled_game_pays_half_there_and_anything_here():
    """A fair price against 50-50: either hedge gets its half dollar at least, no more is sure."""
    deal = settle(SHORT, LONG, sport="basketball", league="nba")
    void = next(one for one in deal.findings if one.point == "cancelled")

    assert (void.yes_here, void.no_here, void.shortfall) == (5_000, 5_000, 5_000)


@pytest.mark.parametrize(("draw", "yes_here", "no_here"), [(False, 10_000, 0), (True, 0, 10_000)])
def test_cancelled_soccer_game_hurts_the_side_the_draw_decides(draw, yes_here, no_here):
    """Polymarket pays the draw: NO there is safe for a team, YES there is safe for the draw."""
    theirs = "If A wins, Yes. If the game is canceled, the draw resolves to Yes and the other markets to No."
    deal = settle(SHORT, theirs, sport="soccer", league="epl", draw=draw)
    void = next(one for one in deal.findings if one.point == "cancelled")

    assert (void.yes_here, void.no_here, void.charge) == (yes_here, no_here, 2_000)


def test_tie_of_half_a_dollar_on_both_venues_is_the_same():
    """NFL: $0.50 each and 50-50 are one payout, so the hedge stands (execution.md 6)."""
    tie = " If the game ends in a tie, the market will resolve to $0.50 for each team."
    other = " If the game ends in a tie, this market will resolve 50-50."

    assert verdicts(SHORT + tie, LONG + other, sport="football")["tie"] == "same"


@pytest.mark.parametrize(
    ("first", "second", "point", "verdict"),
    [
        (SHORT + " Pays if A wins by more than 3.5 points.", LONG + " Yes on 4 or more points.", "threshold", "same"),
        (SHORT + " Pays above 3 points.", LONG + " Yes on at least 3 points.", "exactly at 3 or 3", "conflict"),
        (SHORT + " A after regulation time only.", LONG + " Score including any overtime periods.", "overtime", "conflict"),
        (SHORT + " After 90 minutes plus stoppage time.", LONG, "overtime", "unknown"),
        (SHORT, LONG + " The score in the first half decides.", "period", "conflict"),
        (SHORT, "If A wins, this market resolves to A.", "cancelled", "unknown"),
        ("If A wins, the market resolves to Yes.", "If A wins, this market resolves to A.", "postponed for long", "unknown"),
    ],
)
def test_a_difference_that_makes_another_question_is_found(first, second, point, verdict):
    """Line, operator, overtime and period must agree; a text that is silent where the other speaks is unknown."""
    deal = settle(first, second, sport="basketball", league="nba")

    assert {one.point: one.verdict for one in deal.findings}[point] == verdict
    assert (deal.grade == "C") is (verdict != "same")


@pytest.mark.parametrize(
    ("first", "second", "point", "verdict"),
    [
        ("before Jan 1, 2027", "by December 31, 2026, 11:59 PM ET", "happens around the deadline", "unknown"),
        ("by December 31, 2026, 11:59 PM EST", "by December 31, 2026, 11:59 PM ET", "happens around the deadline", "same"),
        ("by December 31, 2026, 11:59 PM UTC", "by December 31, 2026, 11:59 PM ET", "happens around the deadline", "conflict"),
        ("by June 30, 2026", "by December 31, 2026", "happens around the deadline", "conflict"),
        ("by December 31, 2026, 10:00 AM ET", "by December 31, 2026, 11:59 PM ET", "happens around the deadline", "conflict"),
        ("before December 31, 2026, 10 a.m. ET", "by December 31, 2026, 10:00 AM ET", "happens around the deadline", "same"),
        ("by Dec 31, 2026, 10:00 AM PT", "by Dec 31, 2026, 1:00 PM ET", "happens around the deadline", "unknown"),
        ("before Jan 1, 2027, 12:00 AM ET", "by Dec 31, 2026, 11:59 PM ET", "happens around the deadline", "same"),
        ("on the CF Benchmarks index", "on the Binance candle", "sources disagree", "conflict"),
        ("on the Binance candle", "as reported", "sources disagree", "unknown"),
        ("at the first print", "as revisions will be considered", "figures are revised", "conflict"),
        ("at the first print", "as reported", "figures are revised", "unknown"),
        ("after Issuance", "in 2026", "happened before the market was listed", "unknown"),
    ],
)
def test_outside_games_days_zones_sources_and_prints_must_agree(first, second, point, verdict):
    """ "before Jan 1" equals "by Dec 31" only where the zone agrees (matching.md 4); unknown never trades."""
    deal = settle(f"If it happens {first}, it resolves to Yes.", f"This market will resolve to Yes if it happens {second}.")

    assert {one.point: one.verdict for one in deal.findings}[point] == verdict
    assert deal.grade == "C" or verdict == "same"


@pytest.mark.parametrize("sport", ["tennis", "mma"])
def test_silence_about_walkovers_is_hazardous_where_they_happen(sport):
    """Walkover and retirement rules that nobody stated block (execution.md 6)."""
    assert verdicts(SHORT, LONG, sport=sport)["walkover or retirement"] == "unknown"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "is missing"),
        ("  \n\t", "is missing"),
        ("If || Count || wins, the market resolves to Yes.", "template"),
        ("If {{team}} wins, the market resolves to Yes.", "template"),
        ("If A wins\x1b[2J, the market resolves to Yes.", "control"),
        ("If A wins, the \u202emarket resolves to Yes.", "hidden"),
        ("Если команда выиграет, рынок решается в пользу победителя.", "English"),
        ("Gewinnt die Mannschaft, so zahlt es aus.", "English"),
        ("If A wins, the market resolves to Yes. " * 3_000, "characters"),
        ("If it is before Feb 31, 2026 the market resolves to Yes.", "does not exist"),
        ("If cancelled it will resolve 50-50. If the game is cancelled, it will resolve to a fair price.", "cancelled"),
        ("If postponed it waits within 48 hours. If rescheduled over 5 days away, it is void.", "windows"),
        ("If it is by May 1, 2026 it resolves to Yes. Only by May 2, 2026 does the market count.", "deadlines"),
    ],
)
def test_a_text_nobody_should_trade_on_says_why(text, word):
    """Templates, foreign words, hidden characters, endless and contradictory texts: a reason, no crash, class C."""
    found = read(text)
    deal = settle(text, LONG, sport="basketball", league="nba")

    assert any(word in trouble for trouble in found.troubles)
    assert (deal.grade, deal.cap) == ("C", 0)


def test_one_text_on_both_sides_still_has_two_judges():
    """Identical words leave the judges: two tenths of a cent, never class A across venues."""
    deal = settle(LONG, LONG, sport="basketball", league="nba")

    assert [one.point for one in deal.findings if one.verdict == "priced"] == [
        "the venues judge the result differently",
        "the result cannot be told",
    ]
    assert (deal.grade, deal.charge) == ("B", 2_000)
    assert CAPS["A"] == 1_000 * DOLLAR


@pytest.mark.parametrize(
    ("sport", "league", "word"),
    [
        ("hockey", "nhl", "abandoned"),
        ("", "futures", "title is shared"),
        ("", "politics", "replaced"),
        ("", "economics", "published"),
        ("", "", "another name"),
    ],
)
def test_judges_come_with_an_example_of_the_question(sport, league, word):
    """A reader of the page sees what two judges may read differently in this kind of question."""
    judged = settle(SHORT, LONG, sport=sport, league=league).findings[-2]

    assert word in judged.less
    assert word in judged.more


def test_hash_changes_with_either_text_and_not_with_white_space():
    """The hash is what an approval holds for."""
    base = settle(SHORT, LONG, sport="x").texts

    assert settle(SHORT.replace(" ", "\n"), LONG, sport="x").texts == base
    assert settle(SHORT, LONG + " Yes.", sport="x").texts != base
    assert settle(SHORT + " Yes.", LONG, sport="x").texts != base


@pytest.mark.skipif(not DATA.exists(), reason="the recorded data stands beside the checkout and is absent here")
def test_recorded_game_texts_of_both_venues_are_read_in_full():
    """Every recorded winner text states its window or patience and what a cancelled game pays; no text is in trouble."""
    events = json.loads(gzip.decompress((DATA / "kalshi_events_sports_2026-08.json.gz").read_bytes()))["events"]
    ours = [
        read(f"{market['rules_primary']}\n\n{market['rules_secondary']}")
        for event in events
        if event["series_ticker"].endswith("GAME")
        for market in event["markets"]
    ]
    rows = [json.loads(line)["polymarket"] for line in (DATA / "pairs_dev.jsonl").read_text().splitlines()]
    theirs = [read(row["description"]) for row in rows if row.get("description")]

    assert ours
    assert all((one.window_h, one.postponed, one.troubles) == (48, "fair", ()) for one in ours)
    assert len(theirs) > 100
    assert all((one.waits, one.cancelled, one.troubles) == (True, "half", ()) for one in theirs)


def test_a_text_that_says_nothing_has_no_clauses():
    """None means silence."""
    assert read("If A wins, the market resolves to Yes.") == Clauses()
