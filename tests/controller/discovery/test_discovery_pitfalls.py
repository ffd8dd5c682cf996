"""Each pitfall of matching.md section 4 by its name, on invented markets.

Rematch, late game, Paris, academy, sponsor, preseason, single map, advancing and doubleheaders stand in test_discovery_matching;
thresholds and stations of measured values in test_questions_values.
"""

import json

import pytest
from discovery_games import gamma_game, gamma_market, gamma_rows, gamma_soccer, kalshi_game, milestone, rows

from controller.discovery.match_rows import match_row
from controller.discovery.matching import match
from controller.discovery.settlement.compare import settle


def pairs(event, other, start=None):
    """{ticker code: (outcome index, condition)} of one game on both venues."""
    stones = [milestone(event["event_ticker"], start)] if start else []
    found = match(rows([event], stones), gamma_rows([other])).pairs
    return {pair.ticker.rpartition("-")[2]: (int(pair.outcome_index), pair.condition) for pair in found}


def indices(event, other, start=None):
    return {code: index for code, (index, _) in pairs(event, other, start).items()}


def points(first, second, **game):
    return {one.point: (one.verdict, one.first, one.second) for one in settle(first, second, **game).findings}


CODES = [
    ("nfl", "KXNFLGAME", "LA", "Los Angeles R", "Rams", "DEN", "Denver", "Broncos"),
    ("nfl", "KXNFLGAME", "LAR", "Los Angeles R", "Rams", "DEN", "Denver", "Broncos"),
    ("mlb", "KXMLBGAME", "WAS", "Washington", "Nationals", "SD", "San Diego", "Padres"),
    ("mlb", "KXMLBGAME", "WSH", "Washington", "Nationals", "SD", "San Diego", "Padres"),
    ("mlb", "KXMLBGAME", "ATH", "A's", "Athletics", "SD", "San Diego", "Padres"),
    ("mlb", "KXMLBGAME", "AZ", "Arizona", "Diamondbacks", "SD", "San Diego", "Padres"),
    ("nhl", "KXNHLGAME", "LA", "Los Angeles", "Kings", "DAL", "Dallas", "Stars"),
    ("nhl", "KXNHLGAME", "CGY", "Calgary", "Flames", "DAL", "Dallas", "Stars"),
    ("nhl", "KXNHLGAME", "MTL", "Montreal", "Canadiens", "DAL", "Dallas", "Stars"),
    ("nhl", "KXNHLGAME", "VGK", "Vegas", "Golden Knights", "DAL", "Dallas", "Stars"),
]


@pytest.mark.parametrize(("league", "series", "code", "ours", "theirs", "other", "town", "nick"), CODES)
def test_pitfall_codes_change_and_names_decide(league, series, code, ours, theirs, other, town, nick):
    """A team whose letters differ by month or venue is known by its name; letters that nobody knows change nothing."""
    for letters in (code, "QQX"):
        event = kalshi_game(f"{series}-26SEP20{letters}{other}", f"{ours} at {town}", ((letters, ours), (other, town)))
        assert indices(event, gamma_game(f"{league}-x-y-2026-09-20", (theirs, nick), None)) == {letters: 0, other: 1}


@pytest.mark.parametrize(("code", "ours", "theirs"), [("CFC", "Chelsea", "Chelsea FC"), ("LFC", "Liverpool", "Liverpool FC")])
def test_pitfall_codes_of_clubs_change_and_names_decide(code, ours, theirs):
    """Chelsea is CFC here and che there."""
    event = kalshi_game(f"KXEPLGAME-26SEP20{code}ARS", f"{ours} vs Arsenal", ((code, ours), ("ARS", "Arsenal"), ("TIE", "Tie")))

    assert len(pairs(event, gamma_soccer("epl-x-y-2026-09-20", (theirs, "Arsenal FC"), None))) == 3


def test_pitfall_code_that_names_the_opponent_is_a_contradiction():
    """A code may be old; one that is the other side's proves that something is wrong."""
    event = kalshi_game("KXNFLGAME-26SEP20LARDEN", "Los Angeles R at Denver", (("DEN", "Los Angeles R"), ("LAR", "Denver")))

    assert pairs(event, gamma_game("nfl-x-y-2026-09-20", ("Rams", "Broncos"), None)) == {}


def spread(series, suffix, title, **fields):
    event = f"{series}-26JUL08CRUGRE"
    return {"ticker": f"{event}-{suffix}", "event_ticker": event, "series_ticker": series, "title": title, **fields}


@pytest.mark.parametrize(("series", "suffix"), [("KXBRASILEIROTOTAL", "1"), ("KXBRASILEIROTOTAL", "2")])
def test_pitfall_line_suffix_is_never_the_line(series, suffix):
    """Over 1.5 ended in -1 in May and in -2 in June: the strike and the words hold the line."""
    ours = spread(series, suffix, "Cruzeiro vs Gremio: Totals", yes_sub_title="Over 1.5 goals scored", floor_strike=1.5)
    bare = spread(series, suffix, "Cruzeiro vs Gremio: Totals")
    theirs = {
        "condition_id": "0x1", "question": "Cruzeiro EC vs. Grêmio FBPA: O/U 1.5", "outcomes": ["Over", "Under"],
        "event_title": "Cruzeiro EC vs. Grêmio FBPA - More Markets", "league": "Brazil Serie A",
        "event_condition_date": "2026-07-08",
    }  # fmt: skip

    assert match_row(ours, theirs).outcome_index == 0
    assert not match_row(bare, theirs).match
    assert not match_row(ours, {**theirs, "question": theirs["question"].replace("1.5", f"{suffix}")}).match


def test_pitfall_half_lines_and_whole_lines_are_different_lines():
    """Over 2 gives the stake back at 2; over 1.5 and over 2.5 do not."""
    ours = spread(
        "KXBRASILEIROTOTAL", "2", "Cruzeiro vs Gremio: Totals", yes_sub_title="Over 1.5 goals scored", floor_strike=1.5
    )
    for line in ("2", "2.5", "1", "0.5"):
        theirs = {
            "condition_id": "0x1", "question": f"Cruzeiro EC vs. Grêmio FBPA: O/U {line}", "league": "Brazil Serie A",
            "event_title": "Cruzeiro EC vs. Grêmio FBPA - More Markets", "event_condition_date": "2026-07-08",
        }  # fmt: skip
        assert not match_row(ours, theirs).match


CITIES = [
    ("KXMLBGAME", "mlb", "NYY", "New York Y", "Yankees", "Mets", ("BOS", "Boston", "Red Sox")),
    ("KXNFLGAME", "nfl", "NYJ", "New York J", "Jets", "Giants", ("DEN", "Denver", "Broncos")),
    ("KXNBAGAME", "nba", "LAL", "Los Angeles L", "Lakers", "Clippers", ("DEN", "Denver", "Nuggets")),
    ("KXMLBGAME", "mlb", "CHC", "Chicago C", "Cubs", "White Sox", ("BOS", "Boston", "Red Sox")),
]


@pytest.mark.parametrize(("series", "league", "code", "ours", "right", "wrong", "other"), CITIES)
def test_pitfall_same_city_several_teams(series, league, code, ours, right, wrong, other):
    """ "New York Y" is one team, its neighbour another, and the city alone is nobody."""
    event = kalshi_game(f"{series}-26SEP20{code}{other[0]}", f"{ours} at {other[1]}", ((code, ours), other[:2]))
    city = ours.rpartition(" ")[0]
    bare = kalshi_game(f"{series}-26SEP20{code}{other[0]}", f"{city} at {other[1]}", ((code, city), other[:2]))

    assert indices(event, gamma_game(f"{league}-x-y-2026-09-20", (right, other[2]), None)) == {code: 0, other[0]: 1}
    assert pairs(event, gamma_game(f"{league}-x-y-2026-09-20", (wrong, other[2]), None)) == {}
    assert pairs(bare, gamma_game(f"{league}-x-y-2026-09-20", (right, other[2]), None)) == {}


def test_pitfall_expiry_dates_are_years_apart_and_reject_nothing():
    """can_close_early: close_time and endDate say nothing about when it is played."""
    event, other = kalshi_game(), gamma_game()
    for market in event["markets"]:
        market |= {"close_time": "2029-07-30T14:00:00Z", "latest_expiration_time": "2029-07-30T14:00:00Z"}
    other["endDate"] = other["markets"][0]["endDate"] = "2026-11-27T03:00:00Z"

    assert indices(event, other, "2026-11-20T03:00:00Z") == {"UTA": 0, "GSW": 1}


@pytest.mark.parametrize(
    ("code", "start", "same"),
    [("26NOV011905", "2026-11-02 00:05:00+00", True), ("26NOV011905", "2026-11-01 23:05:00+00", True),
     ("26OCT311905", "2026-10-31 23:05:00+00", True), ("26OCT311905", "2026-11-01 01:05:00+00", False)],
)  # fmt: skip
def test_pitfall_clock_change_keeps_a_ticker_clock_eastern(code, start, same):
    """19:05 Eastern is 23:05 UTC on the last summer evening and 00:05 UTC on the first winter one; two hours off is another."""
    event = kalshi_game(f"KXMLBGAME-{code}HOUSD", "Houston vs San Diego", (("HOU", "Houston"), ("SD", "San Diego")))
    day = f"2026-{'11-01' if 'NOV' in code else '10-31'}"

    assert bool(pairs(event, gamma_game(f"mlb-hou-sd-{day}", ("Astros", "Padres"), start))) is same


def test_pitfall_reordered_outcomes_turn_the_index():
    """Index i belongs to name i, in whatever order the venue prints them (B-099)."""
    other = gamma_game()
    other["markets"][0]["outcomes"] = json.dumps(["Warriors", "Jazz"])

    assert indices(kalshi_game(), other) == {"UTA": 1, "GSW": 0}


@pytest.mark.parametrize("name", ["Other", "Another player", "Player T", "Candidate B", "Person Q", "Field", "B"])
def test_pitfall_other_and_placeholders_never_match(name):
    """What they stand for changes when somebody is named (negRiskAugmented)."""
    event = "KXNFLMVP-27"
    ours = {
        "ticker": f"{event}-X", "event_ticker": event, "series_ticker": "KXNFLMVP", "event_title": "Pro Football MVP",
        "title": f"Will {name} win the 2027 Pro Football MVP?",
    }  # fmt: skip
    theirs = {
        "condition_id": "0x1",
        "question": f"Will {name} win the 2026 NFL MVP?",
        "event_title": "NFL MVP",
        "outcomes": ["Yes", "No"],
    }

    named = (
        {**ours, "title": ours["title"].replace(name, "Ann Bell")},
        {**theirs, "question": "Will Ann Bell win the 2026 NFL MVP?"},
    )

    assert not match_row(ours, theirs).match
    assert match_row(*named).match
    assert not match_row(named[0], {**named[1], "neg_risk_other": True}).match


@pytest.mark.parametrize("text", ["Will || Name || win the 2027 Pro Football MVP?", "Will Ann\x07 Bell win?", ""])
def test_pitfall_unfilled_templates_and_hidden_characters_fail_closed(text):
    """A title nobody could read to a person is no question."""
    row = {"ticker": "KXNFLMVP-27-X", "event_ticker": "KXNFLMVP-27", "series_ticker": "KXNFLMVP", "title": text}

    assert not match_row(row, {"condition_id": "0x1", "question": text}).match


def test_pitfall_no_of_one_team_is_never_the_other_team():
    """Three outcomes: NO(home) pays on the draw too (B-103)."""
    event = kalshi_game(
        "KXEPLGAME-26SEP20CFCARS", "Chelsea vs Arsenal", (("CFC", "Chelsea"), ("ARS", "Arsenal"), ("TIE", "Tie"))
    )
    only = gamma_soccer("epl-x-y-2026-09-20", ("Chelsea FC", "Arsenal FC"), None)
    only["markets"] = only["markets"][:1]

    assert indices(event, only) == {"CFC": 0}


def test_pitfall_spread_direction_is_the_named_teams():
    """Bills -3.5 and Jets +3.5 pay together, Jets -3.5 never with either."""
    event = "KXNFLSPREAD-26SEP20NYJBUF"
    ours = {
        "ticker": f"{event}-BUF3", "event_ticker": event, "series_ticker": "KXNFLSPREAD",
        "title": "Buffalo wins by over 3.5 points?", "event_title": "New York J at Buffalo: Spread", "floor_strike": 3.5,
    }  # fmt: skip
    theirs = {
        "condition_id": "0x1", "event_title": "Jets vs. Bills", "league": "NFL", "event_condition_date": "2026-09-20",
        "outcomes": ["Bills", "Jets"],
    }  # fmt: skip

    assert match_row(ours, {**theirs, "question": "Spread: Bills (-3.5)"}).outcome_index == 0
    assert not match_row(ours, {**theirs, "question": "Spread: Jets (-3.5)"}).match
    assert not match_row(ours, {**theirs, "question": "Spread: Bills (-4.5)"}).match


def test_pitfall_announced_is_not_happened():
    """A cache once labelled both "announced as" and "be" as the same part in a film: they are two questions."""
    row = {
        "ticker": "KXROLE-27-X",
        "event_ticker": "KXROLE-27",
        "series_ticker": "KXROLE",
        "title": "Will Ann Bell be the next M?",
    }
    other = {"condition_id": "0x1", "question": "Will Ann Bell be announced as the next M?", "outcomes": ["Yes", "No"]}

    assert not match_row(row, other).match


K_NFL = (
    "If Buffalo wins, then the market resolves to Yes. If the game ends in a tie, it resolves to $0.50. If the game is postponed "
    "beyond 48 hours or cancelled, it resolves to a fair market price."
)
P_GAME = (
    "This market will resolve to the winner. If the game ends in a tie, it will resolve 50-50. If the game is postponed, this "
    "market will remain open until the game has been completed. If the game is canceled entirely, this market will resolve 50-50."
)
P_SOCCER = (
    'This market will resolve to "Yes" if Chelsea wins in the first 90 minutes plus stoppage time. If the game is postponed, it '
    "will remain open. If the game is canceled, this market will resolve to No; the draw market will resolve to Yes."
)


def test_pitfall_ties_pay_half_a_dollar_on_both_venues():
    """Football: $0.50 each and 50-50 are the same; a text silent on ties is not."""
    assert points(K_NFL, P_GAME, sport="football", league="nfl")["tie"][0] == "same"
    silent = settle(
        K_NFL.replace("If the game ends in a tie, it resolves to $0.50. ", ""), P_GAME, sport="football", league="nfl"
    )
    assert all(one.verdict != "same" for one in silent.findings if "tie" in one.point)


def test_pitfall_cancelled_soccer_pays_the_draw_there_and_a_fair_price_here():
    """No, No and Yes(draw) against whatever price the other venue finds."""
    verdict, ours, theirs = points(K_NFL.replace("$0.50", "No"), P_SOCCER, sport="soccer", league="epl")["cancelled"]

    assert verdict == "priced"
    assert "fair" in ours
    assert "draw" in theirs


@pytest.mark.parametrize(("sport", "league", "window"), [("football", "nfl", "48 hours"), ("baseball", "mlb", "two days")])
def test_pitfall_postponed_beyond_the_window_breaks_the_hedge(sport, league, window):
    """Kalshi pays a fair price after two days, Polymarket waits: priced, named, and never called the same."""
    found = points(K_NFL.replace("48 hours", window), P_GAME, sport=sport, league=league)
    late = next(found[point] for point in found if point.startswith("postponed"))

    assert late[0] == "priced"
    assert "48 hours" in late[1]
    assert "until it is played" in late[2]


def test_pitfall_two_certifiers_are_always_priced():
    """One venue decides itself, the other by an oracle: the same words still leave that difference."""
    for text in (K_NFL, P_GAME):
        assert points(text, text, sport="football", league="nfl")["the venues judge the result differently"][0] == "priced"


def test_pitfall_near_names_on_one_day_in_two_shapes_never_cross():
    """A moneyline of another type on the same teams and day is no winner."""
    other = gamma_game()
    other["markets"] = [gamma_market("Jazz vs. Warriors: 1H Moneyline", ("Jazz", "Warriors"), None)]
    other["markets"][0]["sportsMarketType"] = "first_half_moneyline"

    assert pairs(kalshi_game(), other) == {}
