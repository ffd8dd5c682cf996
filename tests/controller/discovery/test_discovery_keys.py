"""Promises of the keys: structured fields decide, text only confirms, anything missing or contradicted abstains."""

import pytest
from discovery_games import gamma_game, gamma_market, gamma_soccer, kalshi_game, milestone

from controller.discovery.game import Abstain, Keyed
from controller.discovery.kalshi_keys import kalshi_key
from controller.discovery.polymarket_keys import polymarket_key
from controller.discovery.when import eastern, parse_day, parse_time

NBA = "KXNBAGAME-26NOV19UTAGSW"


def keyed(found):
    assert isinstance(found, Keyed), found
    return found


def reason(found):
    assert isinstance(found, Abstain), found
    return found.reason


def test_kalshi_market_of_a_two_way_game_gives_day_start_teams_and_side():
    """Series, ticker day, milestone start and yes_sub_title make the key."""
    event = kalshi_game()
    found = keyed(kalshi_key(event, event["markets"][0], milestone(NBA, "2026-11-20T03:00:00Z")))

    assert (found.key.league, found.key.day_et.isoformat()) == ("nba", "2026-11-19")
    assert found.key.start == parse_time("2026-11-20T03:00:00Z")
    assert found.key.teams == {"uta", "gsw"}
    assert found.sides == ("uta", None)
    assert found.proven


def test_kalshi_ticker_clock_is_eastern_time():
    """HHMM in a baseball ticker is a start: 20:20 in August is 00:20 UTC of the next day."""
    event = kalshi_game("KXMLBGAME-26AUG092020HOUSD", "Houston vs San Diego", (("HOU", "Houston"), ("SD", "San Diego")))
    found = keyed(kalshi_key(event, event["markets"][1]))

    assert found.key.start == parse_time("2026-08-10T00:20:00Z")
    assert found.clock == "2020"
    assert found.key.text(found.clock) == "mlb:2026-08-09:hou+sd@2020"


def test_occurrence_datetime_is_never_a_start():
    """It is the expected end (kalshi.md 5.1); without milestone and clock only the day is known."""
    event = kalshi_game()
    market = {**event["markets"][0], "occurrence_datetime": "2026-11-20T06:00:00Z"}

    assert keyed(kalshi_key(event, market)).key.start is None


def test_kalshi_soccer_has_three_sides():
    """The tie is a side of its own (B-103)."""
    ticker = "KXMLSGAME-26AUG19VANHOU"
    event = kalshi_game(ticker, "Vancouver vs Houston", (("VAN", "Vancouver"), ("HOU", "Houston"), ("TIE", "Tie")))

    assert [keyed(kalshi_key(event, market)).sides[0] for market in event["markets"]] == ["vancouver", "houston", "draw"]


@pytest.mark.parametrize(
    "series",
    [
        "KXNBASPREAD",
        "KXNBATOTAL",
        "KXNBA1HWINNER",
        "KXMLBF5",
        "KXMLBRFI",
        "KXMLBF5TOTAL",
        "KXEPL1H",
        "KXEPLBTTS",
        "KXNBA",
        "KXLOLMAP",
    ],
)
def test_only_game_winner_series_have_keys(series):
    """Segments share date and letters with the full game; the series alone tells (kalshi.md 5.3)."""
    event = kalshi_game(f"{series}-26NOV19UTAGSW")

    assert reason(kalshi_key(event, event["markets"][0])) == "not_a_game_winner"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"ticker": "KXMVESPORTS-1", "mve_collection_ticker": "KXMVE"}, "combo"),
        ({"ticker": "KXNBAGAME-26NOV20UTAGSW-UTA"}, "ticker_form"),
        ({"market_type": "scalar"}, "not_binary"),
        ({"yes_sub_title": "Golden State"}, "side_conflict"),
        ({"yes_sub_title": "Denver"}, "side_unknown"),
        ({"yes_sub_title": "Tie"}, "side_conflict"),
        ({"ticker": "KXNBAGAME-26NOV19UTAGSW-TIE", "yes_sub_title": "Tie"}, "tie_in_two_way"),
    ],
)
def test_kalshi_market_that_contradicts_itself_abstains(change, expected):
    """Ticker, name and event must tell one story."""
    event = kalshi_game()

    assert reason(kalshi_key(event, {**event["markets"][0], **change})) == expected


@pytest.mark.parametrize(
    ("change", "stone", "expected"),
    [
        ({"title": "Pro Basketball"}, None, "title_form"),
        ({"title": "Utah at Gotham"}, None, "unknown_team"),
        ({"title": "Utah at Jazz"}, None, "same_team_twice"),
        ({"title": "Utah at Denver"}, None, "title_conflict"),
        ({}, "2026-11-21T03:00:00Z", "day_conflict"),
        ({}, "2026-11-19 22:00", "milestone_time"),
    ],
)
def test_kalshi_event_that_contradicts_itself_abstains(change, stone, expected):
    """Title, children and milestone must tell one story; a start without a zone is none."""
    event = {**kalshi_game(), **change}

    assert reason(kalshi_key(event, event["markets"][0], milestone(NBA, stone) if stone else None)) == expected


@pytest.mark.parametrize("code", ["26FEB30", "26XXX01"])
def test_impossible_ticker_day_abstains(code):
    """A day that does not exist is no day."""
    event = kalshi_game(f"KXNBAGAME-{code}UTAGSW")

    assert reason(kalshi_key(event, event["markets"][0])) == "ticker_day"


def test_milestone_and_ticker_clock_must_agree():
    """A milestone two hours from the ticker's clock belongs to the other game of a doubleheader."""
    ticker = "KXMLBGAME-26AUG091310HOUSD"
    event = kalshi_game(ticker, "Houston vs San Diego", (("HOU", "Houston"), ("SD", "San Diego")))

    assert reason(kalshi_key(event, event["markets"][0], milestone(ticker, "2026-08-09T23:10:00Z"))) == "start_conflict"


def test_people_are_matched_by_whole_names_of_both_markets():
    """Tennis titles hold surnames; the key takes the markets' own names and needs both."""
    event = kalshi_game("KXITFMATCH-26MAY10IORDAK", "Iordan vs Dakhane", (("IOR", "Valerii Iordan"), ("DAK", "Rishit Dakhane")))
    alone = {**event, "markets": event["markets"][:1]}

    assert keyed(kalshi_key(event, event["markets"][0])).key.teams == {"~valerii-iordan", "~rishit-dakhane"}
    assert reason(kalshi_key(alone, alone["markets"][0])) == "names_incomplete"


def test_recording_without_names_is_read_by_place_and_letters_but_not_proven():
    """A market with a code only is bound when table, place and spelling agree, and then never trades by itself."""
    ticker = "KXPERLIGA1GAME-26MAY10MELHUA"
    event = kalshi_game(ticker, "Melgar vs Huancayo", (("MEL", ""), ("HUA", "")))
    first, second = (keyed(kalshi_key(event, market)) for market in event["markets"])
    swapped = kalshi_game(ticker, "Huancayo vs Melgar", (("MEL", ""),))

    assert (first.sides[0], second.sides[0]) == ("~melgar", "~huancayo")
    assert not first.proven
    assert reason(kalshi_key(swapped, swapped["markets"][0])) == "side_unknown"


def test_polymarket_two_way_market_binds_outcomes_by_name():
    """The outcome strings say which token is which team; the day is the Eastern day of the start."""
    event = gamma_game()
    found = keyed(polymarket_key(event, event["markets"][0]))

    assert found.sides == ("uta", "gsw")
    assert found.key.day_et.isoformat() == "2026-11-19"
    assert found.key.start == parse_time("2026-11-20T03:00:00Z")
    assert found.proven


def test_polymarket_end_date_is_never_the_start():
    """endDate can be a week later (matching.md 1)."""
    event = gamma_game(start=None)
    market = {**event["markets"][0], "endDate": "2026-11-26T03:00:00Z"}
    found = keyed(polymarket_key(event, market))

    assert found.key.start is None
    assert found.key.day_et.isoformat() == "2026-11-19"


def test_polymarket_soccer_markets_are_one_side_each():
    """Yes of each market is its side, No is no team."""
    event = gamma_soccer("bun-wer-dor-2026-05-16", ("SV Werder Bremen", "BV Borussia 09 Dortmund"), "2026-05-16 13:30:00+00")
    sides = [keyed(polymarket_key(event, market)).sides for market in event["markets"]]

    assert sides == [("bremen", None), ("draw", None), ("dortmund", None)]


@pytest.mark.parametrize(
    ("question", "fields"),
    [
        ("Spread: Jazz (-2.5)", {"sportsMarketType": "spreads", "line": -2.5}),
        ("Jazz vs. Warriors: O/U 229.5", {"sportsMarketType": "totals", "line": 229.5}),
        ("Jazz vs. Warriors: 1H Moneyline", {"sportsMarketType": "first_half_moneyline"}),
        ("Jazz vs. Warriors: 1H Moneyline", {}),
        ("Jazz vs. Warriors: 1H Moneyline", {"sportsMarketType": None}),
        ("Jazz vs. Warriors", {"line": -1.5}),
        ("Jazz vs. Warriors", {"slug": "nba-uta-gsw-2026-11-19-1h-moneyline"}),
        ("Will the Jazz score first?", {"sportsMarketType": None}),
        ("Jazz vs. Warriors - Game 4 Winner", {"sportsMarketType": "child_moneyline"}),
    ],
)
def test_polymarket_market_that_is_not_the_full_game_abstains(question, fields):
    """Type, line, slug and words each suffice to keep a segment or a line out."""
    event = gamma_game()
    market = {**event["markets"][0], "question": question, **fields}

    assert reason(polymarket_key(event, market)) == "not_a_game_winner"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"negRiskOther": True}, "placeholder"),
        ({"outcomes": '["Jazz", "Jazz"]'}, "outcomes"),
        ({"outcomes": '["Yes", "No"]'}, "unknown_team"),
        ({"outcomes": '["Jazz"]'}, "outcomes"),
        ({"outcomes": "not json"}, "outcomes"),
        ({"outcomes": '["Jazz", "Nuggets"]'}, "title_conflict"),
        ({"outcomes": '["Jazz", "Team B"]'}, "unknown_team"),
        ({"conditionId": None, "id": None}, "no_id"),
    ],
)
def test_polymarket_market_that_is_unclear_abstains(change, expected):
    """Placeholders, repeated or foreign outcomes are never guessed."""
    event = gamma_game()

    assert reason(polymarket_key(event, {**event["markets"][0], **change})) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"slug": "abc-uta-gsw-2026-11-19"}, "league_unknown"),
        ({"eventDate": "2026-11-22"}, "day_conflict"),
        ({"startTime": "2026-11-20T08:00:00Z"}, "start_conflict"),
        ({"teams": [{"name": "Jazz"}, {"name": "Nuggets"}]}, "title_conflict"),
    ],
)
def test_polymarket_event_that_contradicts_itself_abstains(change, expected):
    """League, days, starts and teams must agree."""
    event = {**gamma_game(), **change}
    market = {**event["markets"][0], "slug": event["slug"]}

    assert reason(polymarket_key(event, market)) == expected


def test_companion_event_never_has_a_key():
    """Half-time and further markets of a game repeat its teams and day in an event of their own."""
    for slug, title in (
        ("bun-wer-dor-2026-05-16-halftime-result", "SV Werder Bremen vs. BV Borussia 09 Dortmund"),
        ("bun-wer-dor-2026-05-16", "SV Werder Bremen vs. BV Borussia 09 Dortmund - Halftime Result"),
    ):
        event = gamma_soccer("bun-wer-dor-2026-05-16", ("SV Werder Bremen", "BV Borussia 09 Dortmund"), None)
        market = {**event["markets"][0], "slug": None}

        assert reason(polymarket_key({**event, "slug": slug, "title": title}, market)) in (
            "companion_event",
            "not_a_game_winner",
        )


def test_draw_question_about_other_teams_abstains():
    """The draw of another game in the wrong event is not this game's draw."""
    event = gamma_soccer("bun-wer-dor-2026-05-16", ("SV Werder Bremen", "BV Borussia 09 Dortmund"), None)
    market = gamma_market("Will FC Augsburg vs. BV Borussia 09 Dortmund end in a draw?", ("Yes", "No"), None)

    assert reason(polymarket_key(event, market)) == "title_conflict"


def test_question_and_group_item_must_name_the_same_side():
    """A team question filed under Draw is neither."""
    event = gamma_soccer("bun-wer-dor-2026-05-16", ("SV Werder Bremen", "BV Borussia 09 Dortmund"), None)
    market = {**event["markets"][0], "groupItemTitle": "Draw"}

    assert reason(polymarket_key(event, market)) == "side_conflict"


def test_reversed_yes_and_no_are_bound_by_name():
    """Outcome order is read, never assumed (B-099)."""
    event = gamma_soccer("bun-wer-dor-2026-05-16", ("SV Werder Bremen", "BV Borussia 09 Dortmund"), None)
    market = {**event["markets"][0], "outcomes": '["No", "Yes"]'}

    assert keyed(polymarket_key(event, market)).sides == (None, "bremen")


def test_times_without_a_zone_or_in_the_hour_of_a_clock_change_are_no_times():
    """A guessed zone is how a game lands on the wrong day."""
    assert parse_time("2026-01-05 02:30:00") is None
    assert parse_time("soon") is None
    assert parse_time(None) is None
    day = parse_day("2026-11-01")
    assert day is not None
    assert eastern(day, "0130") is None
    assert eastern(day, "2500") is None
    assert eastern(day, "1300") == parse_time("2026-11-01T18:00:00Z")
