"""Promises of the Federal Reserve reader: the same meeting, direction, shape and size match, and nothing else does."""

import pytest

from controller.discovery.match_rows import match_row
from controller.discovery.mutations import mutate


def ours(title, event="KXFEDDECISION-26JUN", side="C25"):
    return {"ticker": f"{event}-{side}", "event_ticker": event, "series_ticker": "KXFEDDECISION", "title": title}


def theirs(question, **more):
    return {"condition_id": "0x1", "question": question, "event_title": "Fed decision in June?", **more}


CUT = "Will the Federal Reserve Cut rates by 25bps at their June 2026 meeting?"
LARGE = "Will the Federal Reserve Cut rates by at least 50bps at their June 2026 meeting?"
P_CUT = "Fed decreases interest rates by 25 bps after June 2026 meeting?"
P_LARGE = "Fed decreases interest rates by 50+ bps after June 2026 meeting?"


@pytest.mark.parametrize(
    ("title", "question"),
    [
        (CUT, P_CUT),
        (CUT, "Will the Fed decrease interest rates by 25 bps after the June 2026 meeting?"),
        (CUT.replace("Cut", "Hike"), P_CUT.replace("decreases", "increases")),
        (CUT.replace("Cut", "Hike").replace("25", "0"), "No change in Fed interest rates after June 2026 meeting?"),
        (LARGE, P_LARGE),
    ],
)
def test_same_decision_matches_as_yes_and_never_trades_by_itself(title, question):
    """A person still reads the terms: titles state no source."""
    found = match_row(ours(title), theirs(question))

    assert (found.match, found.outcome_index, found.tradable) == (True, 0, False), found.reasons


@pytest.mark.parametrize(
    ("title", "question"),
    [
        (CUT, P_CUT.replace("June", "July")),
        (CUT, P_CUT.replace("2026", "2027")),
        (CUT, P_CUT.replace(" 2026", "")),
        (CUT, P_CUT.replace("decreases", "increases")),
        (CUT, P_CUT.replace("25", "50")),
        (CUT, P_CUT.replace("25", "25+")),
        (CUT, P_CUT.replace("June", "Flag")),
        (CUT.replace("25", ">25"), P_LARGE),
        (CUT.replace("25", ">25"), P_CUT),
        (LARGE, P_LARGE.replace("50+", "above 50")),
        (CUT.replace("June", "July"), P_CUT.replace("June", "July")),
    ],
)
def test_at_least_versus_above_and_other_meetings_stay_apart(title, question):
    """Another month, year, direction, size or shape is another question; so is a ticker that names another meeting."""
    assert not match_row(ours(title), theirs(question)).match


@pytest.mark.parametrize("outcomes", [["Cut", "Hold"], ["Yes", "No", "Maybe"]])
def test_unexpected_outcomes_are_no_match(outcomes):
    """Polarity is proven by names or not at all."""
    assert not match_row(ours(CUT), theirs(P_CUT, outcomes=outcomes)).match


def test_reversed_outcomes_turn_the_index():
    """B-099: the outcome is found by its name, not by its place."""
    assert match_row(ours(CUT), theirs(P_CUT, outcomes=["No", "Yes"])).outcome_index == 1


@pytest.mark.parametrize(("label", "same"), [("Cut 25bps", True), ("Hike 25bps", False), ("Cut 50bps", False), ("No", False)])
def test_a_label_of_another_decision_contradicts_the_title(label, same):
    """B-099: what the market's own label says must be what its title asks."""
    assert match_row({**ours(CUT), "yes_sub_title": label}, theirs(P_CUT)).match is same


@pytest.mark.parametrize("kind", ["at_least_to_above"])
def test_changed_operator_flips_the_answer(kind):
    """At least 50 and above 50 differ at the tick."""
    row = {"kalshi": ours(LARGE), "polymarket": theirs(P_LARGE)}
    mutant = mutate(row, kind)

    assert match_row(row["kalshi"], row["polymarket"]).match
    assert mutant is not None
    assert not match_row(mutant["kalshi"], mutant["polymarket"]).match


@pytest.mark.parametrize(
    ("title", "question"),
    [
        ("Will the high temperature in NYC be above 80?", "Will the highest temperature in NYC be 80 or higher on June 1?"),
        ("Will Bitcoin be above $100,000 at 5pm EDT?", "Will Bitcoin reach $100,000 on June 1?"),
        ("Will Bitcoin close above $100,000?", "Bitcoin above $100,000 on June 1?"),
        ("Will CPI rise more than 0.3% in June?", "Will inflation be at least 0.3% in June?"),
    ],
)
def test_reaches_closes_stations_and_unstated_zones_are_no_match(title, question):
    """Titles that state no source, station, zone or rounding never decide (reaches versus closes among them)."""
    row = {"ticker": "KXANY-26JUN01-T1", "event_ticker": "KXANY-26JUN01", "series_ticker": "KXANY", "title": title}

    assert not match_row(row, theirs(question, event_date="2026-06-01")).match
