"""Promises of the join: one game meets one game, sides meet by name, and every near miss of matching.md stays apart."""

import random
import time

import pytest
from discovery_games import gamma_game, gamma_market, gamma_rows, gamma_soccer, kalshi_game, milestone, rows
from hypothesis import given
from hypothesis import strategies as st

from controller.discovery.matching import match

NBA = "KXNBAGAME-26NOV19UTAGSW"
START = "2026-11-20T03:00:00Z"
MLB = (("HOU", "Houston"), ("SD", "San Diego"))


def found(kalshi, polymarket, stones=()):
    """{(ticker suffix, outcome index)} of the pairs."""
    pairs = match(rows(kalshi, stones), gamma_rows(polymarket)).pairs
    return {(pair.ticker, int(pair.outcome_index)) for pair in pairs}


def test_both_markets_of_a_two_way_game_map_to_opposite_outcomes_of_one_market():
    """Kalshi UTA yes is the token Jazz, Kalshi GSW yes the token Warriors; both starts known makes it structural."""
    matches = match(rows([kalshi_game()], [milestone(NBA, START)]), gamma_rows([gamma_game()]))

    assert {(pair.ticker, pair.outcome_index) for pair in matches.pairs} == {(f"{NBA}-UTA", 0), (f"{NBA}-GSW", 1)}
    assert len({pair.condition for pair in matches.pairs}) == 1
    assert {pair.event for pair in matches.pairs} == {"nba:2026-11-19:gsw+uta"}
    assert all(pair.structural for pair in matches.pairs)


def test_order_of_teams_in_text_does_not_flip_sides():
    """B-102: home and away may stand either way round on either venue: one key, and the sides are bound by name."""
    swapped = gamma_game("nba-gsw-uta-2026-11-19", ("Warriors", "Jazz"))
    turned = kalshi_game(title="Golden State vs Utah", sides=(("GSW", "Golden State"), ("UTA", "Utah")))

    assert found([kalshi_game()], [swapped]) == {(f"{NBA}-UTA", 1), (f"{NBA}-GSW", 0)}
    assert found([turned], [gamma_game()]) == {(f"{NBA}-UTA", 0), (f"{NBA}-GSW", 1)}
    keys = {pair.key.bucket for game in ([kalshi_game()], [turned]) for pair in match(rows(game), gamma_rows([swapped])).pairs}
    assert len(keys) == 1


def test_only_a_day_on_one_side_matches_but_is_not_structural():
    """Without milestone and clock the pair may be proposed, never approved."""
    matches = match(rows([kalshi_game()]), gamma_rows([gamma_game()]))

    assert len(matches.pairs) == 2
    assert not any(pair.structural for pair in matches.pairs)


@pytest.mark.parametrize("day", [18, 20])
def test_neighbouring_day_never_matches(day):
    """The same teams a day before or after is another game."""
    other = gamma_game(f"nba-uta-gsw-2026-11-{day}", start=f"2026-11-{day + 1} 03:00:00+00")

    assert found([kalshi_game()], [other]) == set()
    assert found([kalshi_game()], [other], [milestone(NBA, START)]) == set()


def test_opponent_swapped_never_matches():
    """One team in common is not the game."""
    assert found([kalshi_game()], [gamma_game("nba-uta-den-2026-11-19", ("Jazz", "Nuggets"))]) == set()


def test_same_teams_names_in_another_league_never_match():
    """New York at Washington is four different games on one day."""
    wnba = kalshi_game("KXWNBAGAME-26MAY10NYWSH", "New York vs Washington", (("NY", "New York"), ("WSH", "Washington")))
    mlb = gamma_game("mlb-nym-wsh-2026-05-10", ("New York Mets", "Washington Nationals"), "2026-05-10 17:35:00+00")

    assert found([wnba], [mlb]) == set()


@pytest.mark.parametrize(("minutes", "pairs"), [(0, 2), (90, 2), (91, 0)])
def test_starts_agree_within_ninety_minutes(minutes, pairs):
    """The tolerance is inclusive and holds both ways."""
    stone = milestone(NBA, f"2026-11-20T{1 + (30 - 0 + minutes) // 60:02d}:{(30 + minutes) % 60:02d}:00Z")

    assert len(found([kalshi_game()], [gamma_game(start="2026-11-20 01:30:00+00")], [stone])) == pairs


def test_doubleheader_is_told_apart_by_start():
    """Two games of one day pair each with its own start."""
    early = kalshi_game("KXMLBGAME-26AUG091310HOUSD", "Houston vs San Diego", MLB)
    late = kalshi_game("KXMLBGAME-26AUG091940HOUSD", "Houston vs San Diego", MLB)
    one = gamma_game(
        "mlb-hou-sd-2026-08-09", ("Houston Astros", "San Diego Padres"), "2026-08-09 17:10:00+00", condition="0x0a"
    )
    two = gamma_game(
        "mlb-hou-sd-2026-08-09",
        ("Houston Astros", "San Diego Padres"),
        "2026-08-09 23:40:00+00",
        ident="9002",
        condition="0x0b",
    )
    pairs = match(rows([early, late]), gamma_rows([two, one])).pairs

    assert {(pair.ticker[:26], pair.condition) for pair in pairs} == {
        ("KXMLBGAME-26AUG091310HOUSD", "0x0a"),
        ("KXMLBGAME-26AUG091940HOUSD", "0x0b"),
    }
    assert {pair.event for pair in pairs} == {"mlb:2026-08-09:hou+sd@1310", "mlb:2026-08-09:hou+sd@1940"}


def test_numbered_slug_of_a_doubleheader_is_a_game_and_not_a_companion():
    """The second game's slug may end in its number; it pairs by start like any other, and in baseball only."""
    late = kalshi_game("KXMLBGAME-26AUG091940HOUSD", "Houston vs San Diego", MLB)
    second = gamma_game("mlb-hou-sd-2026-08-09", ("Houston Astros", "San Diego Padres"), "2026-08-09 23:40:00+00")
    for suffix in ("-g2", "-game-2", "-2"):
        second["slug"] = second["markets"][0]["slug"] = f"mlb-hou-sd-2026-08-09{suffix}"
        assert len(found([late], [second])) == 2
    numbered = gamma_game()
    numbered["slug"] = numbered["markets"][0]["slug"] = "nba-uta-gsw-2026-11-19-2"

    assert found([kalshi_game()], [numbered]) == set()


def test_doubleheader_without_starts_is_refused_whole():
    """Two games of a day on one venue and no start to choose by: nobody is matched."""
    names = ("Houston Astros", "San Diego Padres")
    one = gamma_game("mlb-hou-sd-2026-08-09", names, None, condition="0x0a")
    two = gamma_game("mlb-hou-sd-2026-08-09", names, None, ident="9002", condition="0x0b")
    early = kalshi_game("KXMLBGAME-26AUG091310HOUSD", "Houston vs San Diego", MLB)
    matches = match(rows([early]), gamma_rows([one, two]))

    assert matches.pairs == ()
    assert matches.by_league["mlb"] == {"kalshi.ambiguous": 1}


def test_one_known_start_of_two_games_pairs_nothing():
    """B-100: of two games on a day one is known to be later; that the other one is meant is a guess, and nobody is matched."""
    names = ("Houston Astros", "San Diego Padres")
    early = kalshi_game("KXMLBGAME-26AUG09HOUSD", "Houston vs San Diego", MLB)
    late = kalshi_game("KXMLBGAME-26AUG091940HOUSD", "Houston vs San Diego", MLB)
    other = gamma_game("mlb-hou-sd-2026-08-09", names, "2026-08-09 17:10:00+00")

    assert found([early, late], [other]) == set()
    assert len(found([early], [other])) == 2


def test_two_candidates_for_one_game_reject_both():
    """The same game listed twice gives no pair at all (matching.md 3.3)."""
    copy = gamma_game(ident="9002", condition="0x" + "22" * 32)

    assert found([kalshi_game()], [gamma_game(), copy], [milestone(NBA, START)]) == set()


def test_second_moneyline_inside_one_event_spoils_the_game():
    """Two markets for one side are two candidates."""
    event = gamma_game()
    event["markets"].append({**event["markets"][0], "conditionId": "0x" + "33" * 32})

    assert found([kalshi_game()], [event], [milestone(NBA, START)]) == set()


def test_row_seen_on_two_pages_is_one_row():
    """A list that moves while it is paged repeats rows; a repeated row is not a rival."""
    event, other = kalshi_game(), gamma_game()
    matches = match(rows([event, event]), gamma_rows([other, other]))

    assert len(matches.pairs) == 2


def test_soccer_maps_one_to_one_and_draw_only_to_draw():
    """Three markets meet three markets; a team's NO is nobody's YES (B-103)."""
    ticker = "KXBUNDESLIGAGAME-26MAY16SVWBVB"
    sides = (("SVW", "Bremen"), ("BVB", "Dortmund"), ("TIE", "Tie"))
    event = kalshi_game(ticker, "Bremen vs Dortmund", sides)
    other = gamma_soccer("bun-wer-dor-2026-05-16", ("SV Werder Bremen", "BV Borussia 09 Dortmund"), "2026-05-16 13:30:00+00")
    pairs = match(rows([event]), gamma_rows([other])).pairs

    assert {(pair.ticker.removeprefix(ticker), pair.side, pair.outcome_index) for pair in pairs} == {
        ("-SVW", "bremen", 0),
        ("-BVB", "dortmund", 0),
        ("-TIE", "draw", 0),
    }
    assert len({pair.condition for pair in pairs}) == 3


def test_two_way_event_never_meets_three_way_markets():
    """Without a tie market Kalshi asks who advances or pays ties back: another question."""
    ticker = "KXUCLGAME-26MAY16SVWBVB"
    event = kalshi_game(ticker, "Bremen vs Dortmund", (("SVW", "Bremen"), ("BVB", "Dortmund")))
    other = gamma_soccer("ucl-wer-dor-2026-05-16", ("SV Werder Bremen", "BV Borussia 09 Dortmund"), "2026-05-16 13:30:00+00")
    matches = match(rows([event]), gamma_rows([other]))

    assert matches.pairs == ()
    assert matches.by_league["ucl"] == {"kalshi.no_tie_market": 1}


def test_near_miss_rematch_on_the_next_day_keeps_to_its_own_day():
    """Philadelphia plays at Toronto on two days in a row; each market meets its own."""
    sides = (("PHI", "Philadelphia"), ("TOR", "Toronto"))
    kalshi = [kalshi_game(f"KXNBAGAME-26JAN{day}PHITOR", "Philadelphia at Toronto", sides) for day in (11, 12)]
    slugs = [
        ("nba-phi-tor-2026-01-11", "2026-01-11 23:00:00+00", "0x0a"),
        ("nba-phi-tor-2026-01-12", "2026-01-13 00:30:00+00", "0x0b"),
    ]
    polymarket = [
        gamma_game(slug, ("76ers", "Raptors"), start, ident=slug, condition=condition) for slug, start, condition in slugs
    ]
    pairs = match(rows(kalshi), gamma_rows(polymarket)).pairs

    assert {(pair.ticker[:18], pair.condition) for pair in pairs} == {
        ("KXNBAGAME-26JAN11P", "0x0a"),
        ("KXNBAGAME-26JAN12P", "0x0b"),
    }


def test_near_miss_late_game_is_the_next_day_in_utc():
    """A 22:00 Eastern start is tomorrow in UTC on Polymarket and today in the ticker: the same game."""
    late = gamma_game(start="2026-11-20 03:00:00+00")
    late["eventDate"] = "2026-11-20"

    assert len(found([kalshi_game()], [late])) == 2


def test_near_miss_paris_is_not_paris_saint_germain():
    """Paris (Paris FC) at Rennes and Paris Saint-Germain against Brest are played on one day."""
    sides = (("REN", "Stade Rennais"), ("PFC", "Paris"), ("TIE", "Tie"))
    event = kalshi_game("KXLIGUE1GAME-26MAY10RENPFC", "Stade Rennais vs Paris", sides)
    psg = gamma_soccer("fl1-par-bre-2026-05-10", ("Paris Saint-Germain FC", "Stade Brestois 29"), None)
    pfc = gamma_soccer(
        "fl1-ren-pfc-2026-05-10", ("Stade Rennais FC 1901", "Paris FC"), None, ident="9200", first_condition=0x40
    )
    wrong = gamma_soccer("fl1-ren-psg-2026-05-10", ("Stade Rennais FC 1901", "Paris Saint-Germain FC"), None)

    assert found([event], [psg]) == set()
    assert found([event], [wrong]) == set()
    assert len(found([event], [psg, pfc])) == 3


def test_near_miss_academy_side_is_another_team():
    """Challengers share the parent's name and often the day."""
    sides = (("KT", "KT Rolster Challengers"), ("HLE", "Hanwha Life Esports Challengers"))
    event = kalshi_game("KXLOLGAME-26MAY120400KTHLE", "KT Rolster Challengers vs. Hanwha Life Esports Challengers", sides)
    parent = gamma_game("lol-kt-hle-2026-05-12", ("KT Rolster", "Hanwha Life Esports"), "2026-05-12 08:00:00+00")

    assert found([event], [parent]) == set()


def test_near_miss_sponsor_rename_is_missed_rather_than_guessed():
    """A club renamed by its sponsor is the same club, but nothing on the page proves it."""
    sides = (("DNF", "DN SOOPers"), ("BRO", "OKSavingsBank BRION"))
    event = kalshi_game("KXLOLGAME-26MAY150600DNFBRO", "DN SOOPers vs. OKSavingsBank BRION", sides)
    renamed = gamma_game("lol-dnf-bro-2026-05-15", ("DN SOOPers", "HANJIN BRION"), "2026-05-15 10:00:00+00")
    same = gamma_game("lol-dnf-bro-2026-05-15", ("DN SOOPers", "OKSavingsBank BRION"), "2026-05-15 10:00:00+00")

    assert found([event], [renamed]) == set()
    assert len(found([event], [same])) == 2


def test_near_miss_single_map_is_not_the_match():
    """One map of a series of five is another question, with or without a stated type."""
    sides = (("GMB", "GMBLERS ESPORTS"), ("EKO", "EKO Esports"))
    event = kalshi_game("KXLOLGAME-26MAY141200GMBEKO", "GMBLERS ESPORTS vs. EKO Esports", sides)
    for kind in ("child_moneyline", None, "moneyline"):
        other = gamma_game("lol-eko-gmb-2026-05-14", ("EKO Esports", "GMBLERS ESPORTS"), "2026-05-14 16:00:00+00")
        other["title"] = "LoL: EKO Esports vs GMBLERS ESPORTS (BO5) - LIT Playoffs"
        other["markets"] = [
            gamma_market(
                "LoL: EKO Esports vs GMBLERS ESPORTS - Game 4 Winner",
                ("EKO Esports", "GMBLERS ESPORTS"),
                "2026-05-14 16:00:00+00",
                sportsMarketType=kind,
            )
        ]
        assert found([event], [other]) == set()


def test_near_miss_advancing_is_not_winning_in_ninety_minutes():
    """A knock-out tie's winner after penalties is another question."""
    sides = (("FRA", "France"), ("NOR", "Norway"), ("TIE", "Tie"))
    event = kalshi_game("KXWCGAME-26JUN26NORFRA", "Norway vs France", sides)
    other = gamma_soccer("fif-nor-fra-2026-06-26", ("Norway", "France"), "2026-06-26 19:00:00+00")
    other["markets"] = [gamma_market("Will Norway advance on 2026-06-26?", ("Yes", "No"), "2026-06-26 19:00:00+00")]

    assert found([event], [other]) == set()


def test_near_miss_placeholder_team_is_nobody():
    """Team B and Player T mean something else tomorrow."""
    other = gamma_game("nba-uta-gsw-2026-11-19", ("Jazz", "Team B"))

    assert found([kalshi_game()], [other]) == set()


def test_near_miss_preseason_game_pairs_only_with_the_same_day_and_start():
    """Preseason and season share series and teams; the start tells them apart."""
    sides = (("DET", "Detroit"), ("CIN", "Cincinnati"))
    preseason = kalshi_game("KXNFLGAME-26AUG13DETCIN", "Detroit vs Cincinnati", sides)
    season = gamma_game("nfl-det-cin-2026-10-18", ("Lions", "Bengals"), "2026-10-18 17:00:00+00")

    assert found([preseason], [season]) == set()


def test_malformed_row_is_one_row_lost():
    """Shapes no venue documents abstain and leave the others matched."""
    good = gamma_rows([gamma_game()])
    bad = [({"title": 5, "tags": 7, "slug": []}, {"conditionId": "0x1", "question": None}), ({}, {"outcomes": 3, "id": "x"})]
    kalshi = [*rows([kalshi_game()]), ({"event_ticker": None, "markets": 3, "series_ticker": "KXNBAGAME"}, {"ticker": 4}, None)]

    assert len(match(kalshi, [*bad, *good]).pairs) == 2


@given(
    st.lists(st.sampled_from(["UTA", "GSW", "DEN", "LAL"]), min_size=2, max_size=2, unique=True),
    st.integers(18, 20),
    st.booleans(),
)
def test_match_needs_both_teams_and_the_day(codes, day, flipped):
    """Law: a pair exists exactly when teams and day are equal, and its outcome is the Kalshi side's nickname."""
    towns = {"UTA": "Utah", "GSW": "Golden State", "DEN": "Denver", "LAL": "Los Angeles L"}
    nicks = {"UTA": "Jazz", "GSW": "Warriors", "DEN": "Nuggets", "LAL": "Lakers"}
    ticker = f"KXNBAGAME-26NOV{day}{''.join(codes)}"
    event = kalshi_game(ticker, " at ".join(towns[code] for code in codes), [(code, towns[code]) for code in codes])
    names = ("Warriors", "Jazz") if flipped else ("Jazz", "Warriors")
    other = gamma_game("nba-x-y-2026-11-19", names)
    expected = set()
    if set(codes) == {"UTA", "GSW"} and day == 19:
        expected = {(f"{ticker}-{code}", names.index(nicks[code])) for code in codes}

    assert found([event], [other]) == expected


def test_five_thousand_events_take_well_under_five_seconds():
    """The join is dictionary work: time grows with rows, not with their product."""
    towns = ["Utah", "Denver", "Dallas", "Boston", "Miami", "Memphis", "Chicago", "Orlando", "Phoenix", "Portland"]
    nicks = ["Jazz", "Nuggets", "Mavericks", "Celtics", "Heat", "Grizzlies", "Bulls", "Magic", "Suns", "Trail Blazers"]
    codes = ["UTA", "DEN", "DAL", "BOS", "MIA", "MEM", "CHI", "ORL", "PHX", "POR"]
    months = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT"]
    games = [(y, m, d, t) for y in (27, 28) for m in range(10) for d in range(1, 26) for t in range(5)]
    kalshi, polymarket = [], []
    for y, m, d, t in games:
        a, b = t, 9 - t
        ticker = f"KXNBAGAME-{y}{months[m]}{d:02d}{codes[a]}{codes[b]}"
        kalshi.append(kalshi_game(ticker, f"{towns[a]} at {towns[b]}", ((codes[a], towns[a]), (codes[b], towns[b]))))
        day = f"20{y}-{m + 1:02d}-{d:02d}"
        polymarket.append(
            gamma_game(f"nba-x{t}-{day}", (nicks[a], nicks[b]), None, ident=ticker, condition=f"0x{len(polymarket):x}")
        )
    random.Random(5).shuffle(polymarket)
    assert len(kalshi) + len(polymarket) == 5_000
    first, second = rows(kalshi), gamma_rows(polymarket)
    began = time.process_time()

    assert len(match(first, second).pairs) == 5_000
    assert time.process_time() - began < 20  # ten times what it takes


def test_unread_row_is_charged_to_its_series_league():
    """A Kalshi row that could not be read counts among its league's misses; a series of no league counts for nobody."""
    stranger = kalshi_game()
    stranger["title"] = "Utah vs Atlantis"
    other = kalshi_game("KXRAINNYC-26NOV19NYC", "Rain in New York?")
    matches = match(rows([stranger, other]), gamma_rows([gamma_game()]))

    assert matches.by_league["nba"]["kalshi.unknown_team"] == len(stranger["markets"])
    assert matches.abstained["kalshi.not_a_game_winner"] == len(other["markets"])
    assert "kalshi.not_a_game_winner" not in matches.by_league["nba"]
