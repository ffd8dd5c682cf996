"""Words of another half, another count, another team of the club or the opposite question: never the full game's market."""

import pytest

from controller.discovery.match_rows import match_row


def ours(series, code, title, question, label=None):
    ticker = f"{series}-{code}"
    event = ticker.rpartition("-")[0]
    names = {"ticker": ticker, "event_ticker": event, "series_ticker": series}
    return {**names, "event_title": title, "title": question, "yes_sub_title": label}


def theirs(title, question, day, league, **rest):
    names = {"condition_id": "0x01", "event_id": "1", "event_title": title, "question": question}
    return {**names, "event_condition_date": day, "league": league, **rest}


NBA = "Rockets vs. Kings"
MLS = "Seattle Sounders FC vs. San Jose Earthquakes"
MLB = "Kansas City Royals vs. Chicago White Sox"
RFI = "Kansas City vs Chicago WS"
SAME = {
    "winner": (
        ours("KXNBAGAME", "26JAN11HOUSAC-HOU", "Houston at Sacramento", "Houston at Sacramento Winner?", "Houston"),
        theirs(NBA, NBA, "2026-01-11", "NBA", sports_market_type="moneyline", outcomes=["Rockets", "Kings"]),
    ),
    "draw": (
        ours("KXMLSGAME", "26MAY13SEASJ-TIE", "Seattle vs San Jose", "Seattle vs San Jose Winner?"),
        theirs(MLS, f"Will {MLS} end in a draw?", "2026-05-13", "MLS"),
    ),
    "total": (
        ours("KXMLSTOTAL", "26MAY13SEASJ-2", "Seattle vs San Jose: Total Goals", "Will over 2.5 goals be scored?"),
        theirs(f"{MLS} - More Markets", f"{MLS}: O/U 2.5", "2026-05-13", "MLS"),
    ),
    "spread": (
        ours("KXMLBSPREAD", "26MAY131940KCCWS-CWS2", "Kansas City vs Chicago WS: Spread", "Chicago WS wins by over 1.5 runs?"),
        theirs(MLB, "Spread: Chicago White Sox (-1.5)", "2026-05-13", "MLB"),
    ),
    "both score": (
        ours("KXMLSBTTS", "26MAY13SEASJ-BTTS", "Seattle vs San Jose: BTTS", "Will both teams score?"),
        theirs(f"{MLS} - More Markets", f"{MLS}: Both Teams to Score", "2026-05-13", "MLS"),
    ),
    "first inning": (
        ours("KXMLBRFI", "26MAY141940KCCWS", f"{RFI}: First Inning Run", f"{RFI} First Inning Run?")
        | {"event_ticker": "KXMLBRFI-26MAY141940KCCWS"},
        theirs(MLB, f"Will there be a run scored in the first inning?: {MLB}", "2026-05-14", "MLB"),
    ),
}  # fmt: skip
BOCA = {"ticker": "KXARGPREMDIVGAME-26MAY10BOCVEL-BOC"}
OTHER = ("1st Half", "2nd Half", "1Q", "Regulation", "Corners", "Cards", "Shots", "Women", "U21", "Reserves", "Simulated")


@pytest.mark.parametrize("name", SAME)
def test_the_plain_game_matches(name):
    """B-098: what the other tests change is a pair before they change it."""
    assert match_row(*SAME[name]).outcome_index == 0


@pytest.mark.parametrize("word", OTHER)
@pytest.mark.parametrize("name", SAME)
def test_a_part_or_another_team_before_the_names_is_another_market(name, word):
    """Before the colon stands the competition or an occasion of it; anything else there narrows the question."""
    first, second = SAME[name]
    for field in ("event_title", "question"):
        assert not match_row(first, {**second, field: f"{word}: {second[field]}"}).match
    assert not match_row({**first, "event_title": f"{word}: {first['event_title']}"}, second).match


@pytest.mark.parametrize("word", OTHER)
@pytest.mark.parametrize("name", SAME)
def test_a_part_or_another_team_after_the_names_is_another_market(name, word):
    """A title's tail narrows it as well, whichever venue wrote it."""
    first, second = SAME[name]
    asked = first["title"].removesuffix("?")
    for tail in (f" - {word}", f" ({word})"):
        assert not match_row({**first, "title": f"{asked}{tail}?"}, second).match
        assert not match_row(first, {**second, "event_title": second["event_title"] + tail}).match


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("winner", "Winner?", "Loser?"),
        ("winner", "Winner?", "to advance?"),
        ("winner", "Winner?", "Series Winner?"),
        ("winner", "Winner?", ": First to 20 points?"),
        ("winner", "Winner?", "game: What will announcers say?"),
        ("winner", "Winner?", "Winner in regulation?"),
        ("total", "goals", "corners"),
        ("total", "Will over", "Will under"),
        ("spread", "runs", "hits"),
        ("spread", "wins by", "wins the 1st half by"),
        ("both score", "both teams score", "neither team score"),
        ("both score", "both teams score", "only one team score"),
        ("both score", "score?", "score in the first half?"),
        ("first inning", "First Inning", "No First Inning"),
        ("first inning", "First Inning", "Second Inning"),
    ],
)
def test_the_opposite_or_another_count_is_another_question(name, old, new):
    """Kalshi's title is read whole: what it counts, over which part, and that it does not deny."""
    first, second = SAME[name]
    assert old in first["title"]

    assert not match_row({**first, "title": first["title"].replace(old, new)}, second).match


@pytest.mark.parametrize(
    ("name", "label"),
    [("total", "Under 2.5 goals scored"), ("total", "Over 3.5 goals scored"), ("spread", "Kansas City"), ("both score", "No")],
)
def test_a_label_that_says_otherwise_contradicts_the_title(name, label):
    """B-099: yes_sub_title names the YES side; where it differs from the title nothing is proven."""
    first, second = SAME[name]

    assert not match_row({**first, "yes_sub_title": label}, second).match


@pytest.mark.parametrize("prefix", ["NBA", "Game 4", "NBA Cup Final"])
def test_the_competition_or_an_occasion_before_the_names_changes_nothing(prefix):
    """ "Game 4: A at B" is the same game; its day and start tell it from game 5."""
    first, second = SAME["winner"]

    assert match_row({**first, "event_title": f"{prefix}: {first['event_title']}"}, second).match


def test_a_numbered_game_of_a_doubleheader_needs_its_start():
    """B-100: in baseball two games of one day differ by nothing but the start."""
    first = ours("KXMLBGAME", "26MAY131310KCCWS-KC", "Kansas City vs Chicago WS", "Kansas City vs Chicago WS Winner?")
    second = theirs(MLB, MLB, "2026-05-13", "MLB")
    game_two = {**second, "event_title": f"{MLB} (Game 2)"}

    assert match_row(first, second).match
    assert not match_row(first, game_two).match
    assert not match_row(first, {**second, "event_slug": "mlb-kc-cws-2026-05-13-game-2"}).match


@pytest.mark.parametrize(
    "changed",
    [
        {"event_slug": "nbagl-hou-sac-2026-01-11"},
        {"event_slug": "wnba-hou-sac-2026-01-11"},
        {"event_slug": "nba-hou-sac-2026-01-11", "slug": "nba-hou-sac-2026-01-11-1h-moneyline"},
        {"event_title": "NBA Summer League: Rockets vs. Kings"},
        {"group_item_title": "1H Moneyline"},
        {"group_item_title": "Kings vs Warriors"},
        {"question": f"{NBA} - Most rebounds"},
        {"question": f"Race to 20: {NBA}"},
        {"question": f"{NBA} Series"},
    ],
)
def test_a_sister_competition_or_another_bet_on_the_game_is_no_winner(changed):
    """Slug, title, question and label all speak of the league's own game, whatever type is stated."""
    first, second = SAME["winner"]

    assert match_row(first, {**second, "event_slug": "nba-hou-sac-2026-01-11"}).match
    assert not match_row(first, {**second, **changed}).match


@pytest.mark.parametrize("label", [None, "CA Boca Juniors", "Boca Juniors"])
def test_a_name_made_of_such_words_is_a_name(label):
    """Names are cut out before the words around them are read."""
    title = "Boca Juniors vs Velez Sarsfield"
    first = ours("KXARGPREMDIVGAME", "26MAY10BOCVEL-VEL", title, f"{title} Winner?", "Velez Sarsfield")
    pair = "CA Boca Juniors vs. CA Vélez Sársfield"
    second = theirs(pair, "Will CA Boca Juniors win on 2026-05-10?", "2026-05-10", "argentina primera division")

    assert (
        match_row({**first, "yes_sub_title": "Boca Juniors"} | BOCA, {**second, "group_item_title": label}).outcome_index == 0
    )
    assert not match_row(first, second).match
