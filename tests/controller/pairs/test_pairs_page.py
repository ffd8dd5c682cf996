"""A page alone names how each hedge fails: what happens, which leg pays what, and never the same story under both hedges."""

from decimal import Decimal

import msgspec
import pytest

from controller.pairs.page import hedges_of, lines_of, to_json
from controller.pairs.sheet import sheet_of_row
from trading.units import ONE

EARLY = "If it happens by June 30, 2026, 11:59 PM ET, as the Associated Press reports, the market resolves to Yes."
LATE = "This market will resolve to Yes if it happens by July 2, 2026, 11:59 PM ET, as reported by the Federal Reserve."
GAME = "If Utah wins, it resolves to Yes. If the game is cancelled or rescheduled to over 48 hours away, a fair price is paid."
DRAWN = (
    "If Utah wins, Yes. If postponed, it remains open. If the game is canceled, the draw resolves to Yes and the others to No."
)


def page(ours, theirs, *, index=0, outcomes=("Yes", "No"), **fields):
    row = {
        "pair_id": "x",
        "kalshi": {"ticker": "KXSOME-26-A", "title": "Will it happen?", "rules_primary": ours, **fields},
        "polymarket": {"question": "It happens?", "outcomes": list(outcomes), "description": theirs},
    }
    return sheet_of_row(row, outcome_index=index)


@pytest.mark.parametrize(("first", "second", "harmed"), [(EARLY, LATE, 0), (LATE, EARLY, 1)])
def test_an_earlier_deadline_harms_only_the_hedge_that_holds_its_yes(first, second, harmed):
    """What happens between the two days is too late there and in time here; the other hedge wins both legs by it."""
    hedges = hedges_of(page(first, second))
    (case,) = [case for case in hedges[harmed].fails if case.point == "happens around the deadline"]
    (win,) = [case for case in hedges[1 - harmed].wins if case.point == "happens around the deadline"]

    assert "after the end of 2026-06-30, ET, and by the end of 2026-07-02, ET" in case.how
    assert (case.legs, win.pays) == ((0, 0), 2 * ONE)
    assert not [case for case in hedges[1 - harmed].fails if case.point == "happens around the deadline"]


@pytest.mark.parametrize(
    ("ours", "theirs", "harmed"),
    [("CET", "ET", 0), ("PT", "ET", 1), ("", "ET", None), ("ET", "", None)],
)
def test_of_two_zones_the_one_whose_day_ends_first_is_named(ours, theirs, harmed):
    """Matching.md 4: Dec 31 is over in Europe first. Where a zone is not said either hedge may be the one that fails."""
    texts = [f"If it happens by December 31, 2026, 11:59 PM {zone}, it resolves to Yes." for zone in (ours, theirs)]
    hedges = hedges_of(page(*texts))
    fails = [number for number in (0, 1) if any(case.point == "happens around the deadline" for case in hedges[number].fails)]

    assert fails == ([0, 1] if harmed is None else [harmed])


def test_sources_that_may_part_are_named_with_who_goes_by_which():
    hedges = hedges_of(page(EARLY, LATE))
    told = [next(case.how for case in hedge.fails if case.point == "sources disagree") for hedge in hedges]

    assert told == [
        "Associated Press, which Kalshi goes by, says No, and Federal Reserve, which Polymarket goes by, says Yes",
        "Associated Press, which Kalshi goes by, says Yes, and Federal Reserve, which Polymarket goes by, says No",
    ]


def test_no_case_reads_the_same_under_both_hedges_unless_its_payouts_tell_it():
    """A called off game is told in one way, because each leg's payout stands below it; all else differs by hedge."""
    for sheet in (page(EARLY, LATE), page("", ""), page(GAME, DRAWN, series_ticker="KXEPLGAME")):
        first, second = ({case.how for case in hedge.fails} for hedge in hedges_of(sheet))
        assert not [how for how in first & second if "called off" not in how]


def test_both_legs_losing_and_both_winning_are_told_apart_from_a_half():
    text = "\n".join(lines_of(page(GAME, DRAWN, series_ticker="KXEPLGAME")))
    one, two = text.split("Hedge 2: ")

    assert "cancelled: both legs win." in one
    assert "cancelled: BOTH LEGS LOSE" in two
    assert "the result cannot be told: PAYS TOO LITTLE" in one


@pytest.mark.parametrize("sheet", [page(EARLY, LATE), page("", ""), page(GAME, DRAWN, series_ticker="KXEPLGAME")])
def test_what_one_hedge_loses_the_other_wins(sheet):
    """YES and NO of one market pay a dollar together, so both hedges pay two: in every case, at worst and at best."""
    first, second = hedges_of(sheet)

    assert [(case.point, 2 * ONE - case.pays) for case in first.fails] == [(case.point, case.pays) for case in second.wins]
    assert [(case.point, 2 * ONE - case.pays) for case in second.fails] == [(case.point, case.pays) for case in first.wins]
    assert all(case.pays < ONE for hedge in (first, second) for case in hedge.fails)


def test_a_pair_nobody_proved_names_that_first():
    """Two markets that only read alike fail most likely because they ask different things."""
    hedges = hedges_of(page(EARLY, LATE, index=None))

    assert {hedge.fails[0].point for hedge in hedges} == {"the two ask different things"}


def test_json_carries_the_same_cases_as_exact_decimals():
    found = to_json(page(GAME, DRAWN, series_ticker="KXEPLGAME"))

    assert [hedge["hedge"] for hedge in found["hedges"]] == [1, 2]
    for hedge in found["hedges"]:
        assert len(hedge["fails"]) >= 2
        for case in hedge["fails"]:
            legs = Decimal(case["kalshi_leg_dollars"]) + Decimal(case["polymarket_leg_dollars"])
            assert legs == Decimal(case["together_dollars"]) < 1


def test_braces_in_a_name_are_text():
    """Names come from venues and are put into our sentences."""
    sheet = page(GAME, DRAWN, yes_sub_title="{yes} {0} {two.venue}")

    assert "'{yes} {0} {two.venue}'" in "\n".join(lines_of(sheet))
    assert msgspec.json.encode(to_json(sheet))


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("SE Palmeiras vs. Cruzeiro EC: O/U 1.5", ("Over", "Under")),
        ("Miami Marlins vs. Tampa Bay Rays", ("Miami Marlins", "Tampa Bay Rays")),
        ("Valorant: EDward Gaming vs XLG Gaming - Map 3 Winner", ("EDward Gaming", "XLG Gaming")),
        ("Seattle Sounders FC vs. San Jose Earthquakes: Both Teams to Score", ("Yes", "No")),
        ("Will Girona FC vs. Real Sociedad end in a draw?", ("Yes", "No")),
    ],
)
def test_outcomes_that_a_row_does_not_record_are_named_as_the_venue_does(question, names):
    """Yes to "O/U 1.5" says nothing: outcome 0 of a total is Over, of a game its first team (matching.md 1)."""
    row = {"pair_id": "x", "kalshi": {"ticker": "K-1"}, "polymarket": {"question": question}}
    sheet = sheet_of_row(row, outcome_index=0)

    assert (sheet.second.yes, sheet.second.no) == names


def test_thresholds_that_part_name_the_figure_between_them():
    """Matching.md 4: "at least" and "above" differ at the number; only the hedge against the one that asks less loses."""
    first, second = hedges_of(page("If it is above 2299.99, it resolves to Yes.", "It will resolve to Yes on at least 2300."))
    (case,) = [case for case in second.fails if "exactly at" in case.point]

    assert case.how == "the figure is > 2299.99, which wins on Kalshi, and not >= 2300, which Polymarket asks"
    assert not [case for case in first.fails if "exactly at" in case.point]
