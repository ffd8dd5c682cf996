"""Matches of several maps, recorded without slug or type: the league before the colon, both names whole, the winner by its form."""

import pytest

from controller.discovery.match_rows import match_row

KALSHI = "FUT Esports vs. NRG"
GAMMA = "Counter-Strike: NRG vs FUT Esports (BO3) - PGL Astana Group Stage"


def ours(code="FUT", title=KALSHI, question=f"Will FUT Esports win the {KALSHI} CS2 match?", series="KXCS2GAME"):
    event = f"{series}-26MAY111400FUTNRG"
    names = {"ticker": f"{event}-{code}", "event_ticker": event, "series_ticker": series}
    return {**names, "event_title": title, "title": question}


def theirs(question=GAMMA, title=GAMMA, **rest):
    names = {"condition_id": "0x01", "event_id": "1", "event_title": title, "question": question}
    return {**names, "event_condition_date": "2026-05-11", "sport": "esports", **rest}


def test_a_match_recorded_without_slug_and_twin_is_read_by_its_whole_names():
    """The other market of the event is missing, so both names come from a question that repeats the title; it never trades."""
    found = match_row(ours(), theirs())

    assert found.outcome_index == 1
    assert not found.tradable
    assert match_row(ours("NRG", question=f"Will NRG win the {KALSHI} CS2 match?"), theirs()).outcome_index == 0


def test_a_map_takes_its_league_from_the_title():
    """No slug, no tag: the word before the colon is the venue's own word for the league."""
    event = "KXVALORANTMAP-26MAY100500XLGEDG-3"
    first = {"ticker": f"{event}-EDG", "event_ticker": event, "event_title": "XLG Gaming vs. EDward Gaming: Map 3"}
    first["title"] = "Will EDward Gaming win map 3 in the XLG Gaming vs. EDward Gaming match?"
    second = theirs(
        "Valorant: EDward Gaming vs XLG Gaming - Map 3 Winner",
        "Valorant: EDward Gaming vs XLG Gaming (BO5) - VCT China Playoffs",
        event_condition_date="2026-05-10",
    )

    assert match_row({**first, "series_ticker": "KXVALORANTMAP"}, second).outcome_index == 0


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("Counter-Strike: NRG vs FUT Esports - Map 2 Winner", GAMMA),
        ("Games Total: O/U 2.5", GAMMA),
        ("Map Handicap: FUT (-1.5) vs NRG (+1.5)", GAMMA),
        (GAMMA.replace("BO3", "BO2"), GAMMA.replace("BO3", "BO2")),
        (GAMMA, GAMMA.replace("NRG", "NRG Academy")),
        (GAMMA.replace("FUT Esports", "FUT Esports Academy"), GAMMA.replace("FUT Esports", "FUT Esports Academy")),
        (GAMMA.replace("Counter-Strike", "Valorant"), GAMMA.replace("Counter-Strike", "Valorant")),
        (GAMMA.replace("Counter-Strike", "Rainbow Six"), GAMMA.replace("Counter-Strike", "Rainbow Six")),
        (GAMMA.replace("Group Stage", "Women Group Stage"), GAMMA.replace("Group Stage", "Women Group Stage")),
        ("Counter-Strike: NRG vs FUT Esports", "Counter-Strike: NRG vs FUT Esports"),
    ],
)
def test_any_other_market_of_the_match_and_any_other_team_is_no_winner(question, title):
    """near-miss "academy": an even number of maps may end level, and every name must be whole."""
    assert not match_row(ours(), theirs(question, title)).match


def test_a_league_that_two_fields_name_differently_is_neither():
    """A label of one game and a title of another contradict each other."""
    assert match_row(ours(), theirs(league="cs2")).match
    assert not match_row(ours(), theirs(league="valorant")).match


@pytest.mark.parametrize(
    ("title", "question"),
    [
        (KALSHI, "Will FUT win the FUT Esports vs. NRG CS2 match?"),
        (KALSHI, "Will FUT Esports win the FUT Academy vs. NRG CS2 match?"),
        ("FUT vs. NRG", "Will FUT Esports win the FUT vs. NRG CS2 match?"),
        (KALSHI, "Will FUT Esports win map 1 in the FUT Esports vs. NRG match?"),
    ],
)
def test_a_shortened_name_is_no_whole_name(title, question):
    """Titles shorten people and sponsors: a question that spells its side otherwise than the title proves nothing."""
    assert not match_row(ours(title=title, question=question), theirs()).match
