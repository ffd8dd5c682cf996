"""Sides, lines and labels of game markets: every field that names them agrees, or the row is not read."""

import pytest

from controller.discovery.match_rows import match_row, read_kalshi
from controller.discovery.names import load
from controller.discovery.questions.claim import Claimed

MLB = "Kansas City Royals vs. Chicago White Sox"
BUN = "1. FC Heidenheim 1846 vs. 1. FSV Mainz 05"


def ours(ticker, title, question, label=None, **rest):
    event = ticker.rpartition("-")[0]
    names = {"ticker": ticker, "event_ticker": event, "series_ticker": ticker.partition("-")[0]}
    return {**names, "event_title": title, "title": question, "yes_sub_title": label, **rest}


def theirs(title, question, day, league, **rest):
    names = {"condition_id": "0x01", "event_id": "1", "event_title": title, "question": question}
    return {**names, "event_condition_date": day, "league": league, **rest}


def mlb(question, **rest):
    return theirs(MLB, question, "2026-05-13", "MLB", **rest)


GAME = ours("KXMLBGAME-26MAY131940KCCWS-CWS", "Kansas City vs Chicago WS", "Kansas City vs Chicago WS Winner?")
SPREAD = ours(
    "KXMLBSPREAD-26MAY131940KCCWS-CWS2",
    "Kansas City vs Chicago WS: Spread",
    "Chicago WS wins by over 1.5 runs?",
    floor_strike=1.5,
)
TOTAL = ours(
    "KXMLBTOTAL-26MAY131940KCCWS-8",
    "Kansas City vs Chicago WS: Total Runs",
    "Kansas City vs Chicago WS Total Runs?",
    "Over 7.5 runs scored",
    floor_strike=7.5,
    strike_type="greater",
)
HALF = ours("KXBUNDESLIGA1H-26MAY16FCHM05-M05", "Heidenheim vs Mainz: First Half Winner", "Will Mainz win the 1st Half?")
MAP = ours(
    "KXLOLMAP-26MAY120400KTHLE-2-HLE",
    "KT Rolster vs. Hanwha Life Esports: Map 2",
    "Will Hanwha Life Esports win map 2 in the KT Rolster vs. Hanwha Life Esports match?",
)
P_SPREAD = mlb(
    "Spread: Chicago White Sox (-1.5)", outcomes=["Kansas City Royals", "Chicago White Sox"], group_item_title="Spread -1.5"
)
P_TOTAL = mlb(f"{MLB}: O/U 7.5", outcomes=["Under", "Over"], group_item_title="O/U 7.5")
P_HALF = theirs(f"{BUN} - Halftime Result", "1. FSV Mainz 05 leading at halftime?", "2026-05-16", "Bundesliga")
P_MAP = theirs("LoL: A", "LoL: KT Rolster vs Hanwha Life Esports - Game 2 Winner", "2026-05-12", "lol")
P_MAP["event_title"] = "LoL: KT Rolster vs Hanwha Life Esports (BO3) - LCK"


@pytest.mark.parametrize(
    ("first", "second", "index"),
    [
        (GAME, mlb(MLB, outcomes=["Kansas City Royals", "Chicago White Sox"]), 1),
        (GAME, mlb(MLB, outcomes=["Chicago White Sox", "Kansas City Royals"]), 0),
        (SPREAD, P_SPREAD, 1),
        (TOTAL, P_TOTAL, 1),
        (HALF, P_HALF, 0),
        (HALF, {**P_HALF, "outcomes": ["No", "Yes"]}, 1),
        (MAP, P_MAP, 1),
        ({**GAME, "title": "Kansas City vs Chicago WS Pro Baseball game: Chicago WS wins?"}, mlb(MLB), 1),
        ({**SPREAD, "event_title": "Game 4: Kansas City at Chicago WS: Spread"}, P_SPREAD, 1),
        ({**SPREAD, "event_title": "Kansas City vs Chicago WS"}, P_SPREAD, 1),
    ],
)
def test_the_outcome_is_found_by_its_name(first, second, index):
    """B-099: whatever order the outcomes have and whichever of its usual titles the event bears."""
    assert match_row(first, second).outcome_index == index


@pytest.mark.parametrize("competition", ["Pro Baseball", "Pro Baseball Preseason", "MLB", ""])
def test_a_league_by_any_of_its_names_is_that_league(competition):
    """Kalshi renames competitions: the league's short name and no name refuse nothing."""
    named = {**GAME, "product_metadata": {"competition": competition, "competition_scope": "Game"}}

    assert isinstance(read_kalshi(named, load()), Claimed)


@pytest.mark.parametrize(
    ("first", "changed"),
    [
        (GAME, {"title": "Kansas City vs Chicago WS Pro Baseball game: Kansas City wins?"}),
        (GAME, {"yes_sub_title": "Kansas City"}),
        (GAME, {"ticker": "KXMLBGAME-26MAY131940CHCCWS-CWS", "event_ticker": "KXMLBGAME-26MAY131940CHCCWS"}),
        (GAME, {"yes_sub_title": "Not Chicago WS"}),
        (GAME, {"product_metadata": {"competition": "Pro Basketball (M)"}}),
        (GAME, {"product_metadata": {"competition": "Pro Baseball", "competition_scope": "1st Inning Winner"}}),
        (SPREAD, {"ticker": "KXMLBSPREAD-26MAY131940KCCWS-KC2"}),
        (SPREAD, {"event_title": "Kansas City vs Chicago WS: Total Runs"}),
        (SPREAD, {"event_title": "1st Half: Kansas City vs Chicago WS: Spread"}),
        (SPREAD, {"strike_type": "less"}),
        (SPREAD, {"cap_strike": 1.5}),
        (SPREAD, {"floor_strike": 2.5}),
        (SPREAD, {"product_metadata": {"competition": "College Baseball"}}),
        (TOTAL, {"yes_sub_title": "Under 7.5 runs scored"}),
        (TOTAL, {"event_title": "Kansas City vs Chicago WS: First 5 Innings Total Runs"}),
        (HALF, {"ticker": "KXBUNDESLIGA1H-26MAY16FCHM05-FCH"}),
        (HALF, {"yes_sub_title": "Heidenheim"}),
        (HALF, {"event_title": "Heidenheim vs Mainz: Totals"}),
        (MAP, {"title": "Will Hanwha Life Esports win map 2 in the T1 vs. Hanwha Life Esports match?"}),
        (MAP, {"title": "Will Hanwha Life Esports win map 1 in the KT Rolster vs. Hanwha Life Esports match?"}),
        (MAP, {"yes_sub_title": "KT Rolster"}),
    ],
)
def test_a_field_of_kalshi_that_contradicts_another_leaves_no_claim(first, changed):
    """Title, label, ticker, strike and metadata say the same, or nothing is proven (matching.md section 2)."""
    second = {"KXMLBG": mlb(MLB), "KXMLBS": P_SPREAD, "KXMLBT": P_TOTAL, "KXBUND": P_HALF, "KXLOLM": P_MAP}[first["ticker"][:6]]
    assert match_row(first, second).match

    assert not match_row({**first, **changed}, second).match


@pytest.mark.parametrize(
    ("second", "changed"),
    [
        (P_SPREAD, {"group_item_title": "Spread -2.5"}),
        (P_SPREAD, {"group_item_title": "1H Spread -1.5"}),
        (P_SPREAD, {"outcomes": ["Yes", "No"]}),
        (P_SPREAD, {"outcomes": ["Chicago Cubs", "Kansas City Royals"]}),
        (P_SPREAD, {"sports_market_type": "totals"}),
        (P_TOTAL, {"group_item_title": "Corners O/U 7.5"}),
        (P_TOTAL, {"group_item_title": "Team Total O/U 7.5"}),
        (P_TOTAL, {"question": "Chicago White Sox: O/U 7.5"}),
        (P_TOTAL, {"question": "Bobby Witt Jr.: Hits O/U 7.5"}),
        (P_HALF, {"question": f"{BUN}: 1H Moneyline", "outcomes": ["1. FC Heidenheim 1846", "1. FSV Mainz 05"]}),
        (P_MAP, {"question": "LoL: KT Rolster vs Hanwha Life Esports Challengers - Game 2 Winner"}),
    ],
)
def test_a_field_of_polymarket_that_contradicts_another_leaves_no_claim(second, changed):
    """A level half pays two named outcomes 50-50: it is no market of one team's half (B-103)."""
    first = {P_SPREAD["question"]: SPREAD, P_TOTAL["question"]: TOTAL, P_HALF["question"]: HALF}.get(second["question"], MAP)

    assert not match_row(first, {**second, **changed}).match


FRA = "Angers SCO vs. RC Strasbourg Alsace"
WIN, BY = "Will Minnesota win", "by over 1.5 points?"
FRA_TITLE = "Angers vs Strasbourg Alsace: First Half Winner"


@pytest.mark.parametrize(
    ("code", "question", "label", "same"),
    [
        ("ANG", "Angers SCO leading at halftime?", None, True),
        ("TIE", f"{FRA}: Draw at halftime?", None, True),
        ("ANG", "RC Strasbourg Alsace leading at halftime?", None, False),
        ("TIE", "Angers SCO leading at halftime?", None, False),
        ("XXX", "Angers SCO leading at halftime?", None, False),
        ("ANG", "RC Strasbourg Alsace leading at halftime?", "Strasbourg Alsace", False),
    ],
)
def test_a_half_whose_title_names_no_side_takes_it_from_the_code(code, question, label, same):
    """The code stands in where a recording kept no label; a label and a code that differ prove nothing."""
    first = ours(f"KXLIGUE11H-26MAY10ANGRCS-{code}", FRA_TITLE, f"{FRA_TITLE}?", label)

    assert match_row(first, theirs(f"{FRA} - Halftime Result", question, "2026-05-10", "Ligue 1")).match is same


@pytest.mark.parametrize(
    ("series", "tail", "asked", "question", "same"),
    [
        ("KXNBA1HSPREAD", "First Half Spread", f"{WIN} the 1H {BY}", "1H Spread: Timberwolves (-1.5)", True),
        (
            "KXNBA1HTOTAL",
            "First Half Total",
            "Will over 1.5 points be scored in the 1H?",
            "Spurs vs. Timberwolves: 1H O/U 1.5",
            True,
        ),
        ("KXNBASPREAD", "Spread", f"{WIN} {BY}", "Spread: Timberwolves (-1.5)", True),
        ("KXNBA1HSPREAD", "First Half Spread", f"{WIN} the 1H {BY}", "Spread: Timberwolves (-1.5)", False),
        ("KXNBA1HSPREAD", "First Half Spread", f"{WIN} the 2H {BY}", "1H Spread: Timberwolves (-1.5)", False),
        ("KXNBA2HSPREAD", "Second Half Spread", f"{WIN} the 2H {BY}", "1H Spread: Timberwolves (-1.5)", False),
        ("KXNBASPREAD", "Spread", f"{WIN} the 1H {BY}", "Spread: Timberwolves (-1.5)", False),
        ("KXNBASPREAD", "Spread", "Will Minnesota not win by over 1.5 points?", "Spread: Timberwolves (-1.5)", False),
        ("KXNBATOTAL", "Total Points", "Will over 1.5 points be scored in the 1H?", "Spurs vs. Timberwolves: O/U 1.5", False),
    ],
)
def test_halves_are_told_by_series_and_title(series, tail, asked, question, same):
    """A part that the title names is the series' own part, or the row contradicts itself."""
    first = ours(f"{series}-26MAY15SASMIN-MIN1", f"San Antonio vs Minnesota: {tail}", asked)

    assert match_row(first, theirs("Spurs vs. Timberwolves", question, "2026-05-15", "NBA")).match is same
