"""Promises league by league: a game of every league of the alias file pairs, each side on its own outcome, and no other game.

Two teams are taken from the league's own table; a league without one plays two invented clubs that both venues write alike.
"""

import csv
from importlib import resources

import pytest
from discovery_games import gamma_game, gamma_rows, gamma_soccer, kalshi_game, milestone, rows

import controller.discovery
from controller.discovery.matching import match
from controller.discovery.names import load

NAMES = load()
START, GAMMA_START = "2026-09-20T19:00:00Z", "2026-09-20 19:00:00+00"


def squad(league):
    """((Kalshi code, Kalshi name, Polymarket name), ...) of two teams, and of a third one for another game."""
    with (resources.files(controller.discovery) / "teams.csv").open(encoding="utf-8") as lines:
        table = [row for row in csv.DictReader(lines) if row["pool"] in league.pools]
    known = []
    for row in table:
        code = row["kalshi_codes"].split("|")[0] or row["team"].replace("-", "")[:4].upper()
        ours = row["kalshi_names"].split("|")[0]
        theirs = row["polymarket_names"].split("|")[0] or ours
        codes = [found[0] for found in known]
        if code and ours and code not in codes and NAMES.known(league, ours) and NAMES.known(league, theirs):
            known.append((code, ours, theirs))
    invented = [("NOR", "Norvik Blues", "Norvik Blues"), ("SUD", "Sudhavn Reds", "Sudhavn Reds"), ("OST", "Ostby", "Ostby")]
    return known[:3] if len(known) >= 3 else invented


def kalshi_side(league, teams, day=20):
    sides = [(code, name) for code, name, _ in teams]
    block = "".join(code for code, _ in sides)
    if league.shape == "three_way":
        sides.append(("TIE", "Tie"))
    between = " vs " if league.shape == "three_way" or league.names == "exact" else " at "
    ticker = f"{league.series[0]}-26SEP{day}{block}"
    return kalshi_game(ticker, between.join(name for _, name, _ in teams), sides)


def gamma_side(league, teams, day=20):
    prefix = league.prefixes[0] if league.prefixes else "game"
    slug, start = f"{prefix}-a-b-2026-09-{day}", GAMMA_START.replace("-20 ", f"-{day} ")
    make = gamma_soccer if league.shape == "three_way" else gamma_game
    event = make(slug, (teams[0][2], teams[1][2]), start)
    return {**event, "tags": [{"label": league.labels[0]}]}


def paired(league, ours, theirs):
    event = kalshi_side(league, ours)
    found = match(rows([event], [milestone(event["event_ticker"], START)]), gamma_rows([theirs])).pairs
    return {pair.ticker.rpartition("-")[2]: (int(pair.outcome_index), pair.condition) for pair in found}


@pytest.mark.parametrize("league", NAMES.leagues.values(), ids=lambda league: league.id)
def test_a_game_of_every_league_pairs_each_side_with_its_own_outcome_and_no_other_game(league):
    """Home and away swapped stay the same; the next day and another opponent are no match (B-099, B-100)."""
    one, two, three = squad(league)
    found = paired(league, (one, two), gamma_side(league, (one, two)))
    swapped = paired(league, (one, two), gamma_side(league, (two, one)))

    if league.shape == "two_way":
        assert {code: index for code, (index, _) in found.items()} == {one[0]: 0, two[0]: 1}
        assert {code: index for code, (index, _) in swapped.items()} == {one[0]: 1, two[0]: 0}
    else:
        assert {code: index for code, (index, _) in found.items()} == {one[0]: 0, two[0]: 0, "TIE": 0}
        assert len({condition for _, condition in found.values()}) == 3
        assert found[one[0]][1] == swapped[two[0]][1]  # each team's market stands in its own place
    assert paired(league, (one, two), gamma_side(league, (one, two), day=21)) == {}
    assert "TIE" not in paired(league, (one, two), gamma_side(league, (one, three)))
    assert paired(league, (one, two), gamma_side(league, (one, three))) == {}
