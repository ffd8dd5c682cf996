"""Promises of the name tables: every league stands for itself, no name means two teams, unknown is not guessed."""

from collections import Counter

import pytest

from controller.discovery.names import fold, load, strip_club

NAMES = load()
SIZES = {"nba": 30, "wnba": 15, "nfl": 32, "mlb": 30, "nhl": 32, "kbo": 10, "npb": 12, "mls": 30}


@pytest.mark.parametrize("league", NAMES.leagues.values(), ids=lambda league: league.id)
def test_league_has_one_series_of_its_own_and_no_name_or_code_of_two_teams(league):
    """A series opens exactly one league, and within it every name and slug prefix means one team or league."""
    assert league.series
    for series in league.series:
        assert NAMES.league_of_series(series) is league
        assert series.endswith(("GAME", "MATCH"))
    assert all(NAMES._full[league.id].values())
    assert all(NAMES._short[league.id].values())
    for prefix in league.prefixes:
        assert NAMES.leagues_of_prefix(prefix) == (league,)


@pytest.mark.parametrize(("league", "size"), SIZES.items())
def test_closed_league_holds_every_team_once(league, size):
    """A league whose table claims to be complete has as many teams as play in it."""
    teams = set(NAMES._full[league].values())

    assert NAMES.leagues[league].names == "closed"
    assert len(teams) == size


def test_only_the_word_serie_a_means_two_leagues():
    """Labels that several leagues share are known by name, so a new one is noticed."""
    words = Counter(label for league in NAMES.leagues.values() for label in league.labels)

    assert {word for word, n in words.items() if n > 1} == {"serie a"}


@pytest.mark.parametrize(
    ("league", "one", "other"),
    [
        ("nba", "Los Angeles L", "Lakers"),
        ("nba", "Los Angeles C", "Clippers"),
        ("mlb", "A's", "Athletics"),
        ("mlb", "Chicago WS", "Chicago White Sox"),
        ("nfl", "New York J", "Jets"),
        ("nhl", "Vegas", "Golden Knights"),
        ("wnba", "Connecticut", "Connecticut Sun"),
        ("ncaaf", "Michigan St.", "Michigan State Spartans"),
        ("epl", "Nottingham", "Nottingham Forest FC"),
        ("laliga", "Real Sociedad", "Real Sociedad de Fútbol"),
        ("bundesliga", "Dortmund", "BV Borussia 09 Dortmund"),
        ("bundesliga", "FC Köln", "1. FC Köln"),
        ("ligue1", "Stade Rennais", "Stade Rennais FC 1901"),
        ("liga_portugal", "SL Benfica", "Sport Lisboa e Benfica"),
        ("scotland", "Heart of Midlothian", "Heart of Midlothian FC"),
        ("mls", "Los Angeles G", "LA Galaxy"),
        ("worldcup", "Cape Verde", "Cabo Verde"),
        ("ucl", "Bayern Munich", "FC Bayern München"),
        ("saudi", "Al-Fateh", "Al Fateh Saudi Club"),
        ("eliteserien", "Lillestroem", "Lillestrøm SK"),
    ],
)
def test_both_venues_names_of_a_team_meet(league, one, other):
    """What Kalshi prints and what Polymarket prints resolve to one id."""
    assert NAMES.team(NAMES.leagues[league], one) == NAMES.team(NAMES.leagues[league], other) is not None


@pytest.mark.parametrize(
    ("league", "one", "other"),
    [
        ("ligue1", "Paris", "Paris Saint-Germain FC"),
        ("mls", "New York City", "New York Red Bulls"),
        ("mls", "Los Angeles G", "Los Angeles FC"),
        ("ncaamb", "Miami (FL)", "Miami (OH)"),
        ("ncaamb", "Michigan", "Michigan State"),
        ("lol", "KT Rolster", "KT Rolster Challengers"),
        ("laliga", "Barcelona", "FC Barcelona B"),
        ("saudi", "Al-Ahli", "Al-Hilal Saudi Club"),
        ("brasileirao_b", "Botafogo", "Botafogo SP"),
    ],
)
def test_look_alikes_stay_apart(league, one, other):
    """Neighbours, namesakes, reserves and academies are other teams."""
    assert NAMES.team(NAMES.leagues[league], one) != NAMES.team(NAMES.leagues[league], other)


@pytest.mark.parametrize("league", ["mlb", "nhl"])
def test_mascot_case_spaces_and_punctuation_do_not_make_another_team(league):
    """B-101: "St. Louis", "st louis" and the mascot alone name the one team of that city, in each league its own."""
    names = NAMES.leagues[league]
    mascot = {"mlb": "Cardinals", "nhl": "Blues"}[league]

    for name in ("St. Louis", "ST  LOUIS", f"St. Louis {mascot}", mascot.upper()):
        assert NAMES.team(names, name) == "stl", name


def test_city_of_one_team_is_that_team_and_a_city_of_two_keeps_a_letter():
    """B-101: NY is New York where one team plays there; where two do, the city alone is neither and its letter decides."""
    one, two = NAMES.leagues["wnba"], NAMES.leagues["nba"]

    assert NAMES.team_of_code(one, "NY") == NAMES.team(one, "New York") == NAMES.team(one, "Liberty") is not None
    assert NAMES.team(two, "Los Angeles") is None
    assert NAMES.ambiguous(two, "Los Angeles")
    assert NAMES.team(two, "Los Angeles L") == NAMES.team(two, "Los Angeles Lakers") != NAMES.team(two, "Los Angeles C")


def test_closed_league_knows_no_strangers_and_open_league_takes_a_name_as_it_is():
    """A city without its letter or a mistyped team is nobody; an unlisted club is itself on both venues."""
    assert NAMES.team(NAMES.leagues["mlb"], "New York") is None
    assert NAMES.team(NAMES.leagues["nba"], "Seattle") is None
    assert NAMES.team(NAMES.leagues["peru"], "Melgar") == NAMES.team(NAMES.leagues["peru"], "FC Melgar") == "~melgar"
    assert NAMES.team(NAMES.leagues["peru"], "") is None


def test_codes_are_hints_per_league():
    """The same letters mean another team in another league, and a changed code keeps both readings."""
    assert NAMES.team_of_code(NAMES.leagues["nfl"], "LA") == NAMES.team_of_code(NAMES.leagues["nfl"], "LAR")
    assert NAMES.team_of_code(NAMES.leagues["mlb"], "WAS") == NAMES.team_of_code(NAMES.leagues["mlb"], "WSH")
    assert NAMES.team_of_code(NAMES.leagues["nhl"], "LA") == "la"
    assert NAMES.team_of_code(NAMES.leagues["nba"], "LA") is None


def test_folding_drops_accents_points_and_club_forms_only():
    """Letters survive, decoration does not."""
    assert fold("1. FC Köln") == "1 fc koln"
    assert fold("D.C. United") == "dc united"
    assert strip_club("1. FC Heidenheim 1846") == "heidenheim"
    assert strip_club("AFC Bournemouth") == "bournemouth"
    assert strip_club("Fenerbahçe SK") == "fenerbahce"
    assert strip_club("FC") == "fc"
