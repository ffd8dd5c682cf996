"""Contests, awards and elections: one word, year, stage or label that differs makes another question."""

import pytest

from controller.discovery.match_rows import match_row

YES_NO = ["Yes", "No"]


def ours(ticker, title, question, label=None):
    event = ticker.rpartition("-")[0]
    series = ticker.partition("-")[0]
    names = {"ticker": ticker, "event_ticker": event, "series_ticker": series}
    return {**names, "event_title": title, "title": question, "yes_sub_title": label}


def theirs(question, title=None, **rest):
    return {"condition_id": "0x01", "event_id": "1", "event_title": title, "question": question, **rest}


CUP = ours("KXMENWORLDCUP-26-NO", None, "Will Norway win the 2026 Men's World Cup?", "Norway")
P_CUP = theirs("Will Norway win the 2026 FIFA World Cup?", outcomes=YES_NO, group_item_title="Norway")
SEAT = ours("HOUSETX18-26-D", "TX-18 House winner?", "Will Democratic win the House race for TX-18?", "Democratic")
P_SEAT = theirs("Will the Democratic Party win the TX-18 House seat?", "TX-18 House Election Winner", deadline="2026-11-03")
MVP = ours("KXNFLMVP-27-LJAC", "MVP Winner?", "Will Lamar Jackson win the MVP?", "Lamar Jackson")
P_MVP = theirs("Will Lamar Jackson win the 2026 NFL MVP?", "Pro Football: 2026 MVP Winner")
GROUP = ours("KXWCGROUPWIN-26A-MEX", "World Cup Group A Winner", "Will Mexico finish first in World Cup Group A?", "Mexico")
P_GROUP = theirs("Will Mexico win Group A in the 2026 FIFA World Cup?", "FIFA World Cup Group A Winner")
FINALS = ours("KXNBA-26-LAL", None, "Will the Los Angeles L win the 2026 Pro Basketball Finals?", "Los Angeles L")
P_FINALS = theirs("Will the Los Angeles Lakers win the 2026 NBA Finals?", group_item_title="Lakers")
WOMEN = ours("KXWNBA-26-IND", "Women's champion", "Will Indiana win the 2026 Women's Pro Basketball Finals?", "Indiana")
P_WOMEN = theirs("Will Indiana Fever win the 2026 WNBA Finals?", "WNBA: 2026 Champion", group_item_title="Indiana Fever")
BASE = ours("KXMLB-26-ATH", "Pro Baseball Champion", "Will A's win the 2026 Pro Baseball Championship?", "A's")
P_BASE = theirs("Will the Athletics win the 2026 World Series?", "MLB World Series Champion 2026")

SAME = {
    "cup": (CUP, P_CUP),
    "seat": (SEAT, P_SEAT),
    "award": (MVP, P_MVP),
    "award named by its season": (
        {**MVP, "ticker": "KXNFLMVP-26-LJAC", "event_ticker": "KXNFLMVP-26"},
        theirs("Will Lamar Jackson win the 2025–26 NFL MVP?", "NFL MVP 2025-26", deadline="2026-02-08"),
    ),
    "group": (GROUP, P_GROUP),
    "a nation's other name": (
        ours("KXWCGROUPWIN-26A-KOR", "World Cup Group A Winner", "Will Korea Republic finish first in World Cup Group A?"),
        theirs("Will South Korea win Group A in the 2026 FIFA World Cup?", "FIFA World Cup Group A Winner"),
    ),
    "nominee": (
        ours(
            "KXPRESNOMR-28-MRUB",
            "2028 Republican presidential nominee",
            "Will Marco Rubio be the nominee for the Presidency for the Republican party?",
        ),
        theirs("Will Marco Rubio win the 2028 Republican presidential nomination?"),
    ),
    "finals": (FINALS, P_FINALS),
    "women's finals": (WOMEN, P_WOMEN),
    "a team of two letters": (BASE, P_BASE),
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_contest_matches_as_yes(name):
    """B-098: spelled as each venue spells it."""
    assert match_row(*SAME[name]).outcome_index == 0


@pytest.mark.parametrize("name", ["cup", "seat", "finals"])
def test_reversed_outcomes_turn_the_index(name):
    """B-099: the outcome is found by its name, not by its place."""
    first, second = SAME[name]

    assert match_row(first, {**second, "outcomes": ["No", "Yes"]}).outcome_index == 1


@pytest.mark.parametrize("label", ["No", "Not Norway", "Sweden", "Other", "Another team", "Norway or Sweden", "Norway Jr."])
def test_a_label_of_another_outcome_contradicts_its_question(label):
    """B-099: such a row is not read, whichever venue wrote it."""
    assert not match_row({**CUP, "yes_sub_title": label}, P_CUP).match
    assert not match_row(CUP, {**P_CUP, "group_item_title": label}).match


def test_a_ticker_or_title_of_another_party_or_district_contradicts_its_question():
    """KX...-R under a Democrat's question, and another district's event, are rows that say two things."""
    assert not match_row({**SEAT, "ticker": "HOUSETX18-26-R"}, P_SEAT).match
    assert not match_row({**SEAT, "event_title": "TX-17 House winner?"}, P_SEAT).match
    assert not match_row(SEAT, {**P_SEAT, "event_title": "TX-17 House Election Winner"}).match


def test_a_label_of_another_party_or_team_contradicts_its_question():
    """Labels of parties and known teams are compared as what they are, not by their words."""
    assert not match_row({**SEAT, "yes_sub_title": "Republican party"}, P_SEAT).match
    assert not match_row({**FINALS, "yes_sub_title": "Los Angeles C"}, P_FINALS).match
    assert not match_row(FINALS, {**P_FINALS, "group_item_title": "Clippers"}).match


@pytest.mark.parametrize("title", ["Women's World Cup 2026", "U-20 World Cup 2026", "Under-17 World Cup", "T20 World Cup 2026"])
def test_women_ages_and_other_sports_in_the_title_are_another_contest(title):
    """ "The World Cup" under such a title is not the men's football one, whichever venue wrote it."""
    plain = "Will Norway win the World Cup?"

    assert not match_row({**CUP, "event_title": title, "title": plain}, P_CUP).match
    assert not match_row(CUP, {**P_CUP, "event_title": title, "question": plain, "deadline": "2026-07-19"}).match


def test_a_letter_names_its_group():
    """Group A is no article: winning "a group" is another question, and so is Group B."""
    assert not match_row(GROUP, {**P_GROUP, "question": "Will Mexico win a Group in the 2026 FIFA World Cup?"}).match
    assert not match_row(GROUP, {**P_GROUP, "question": "Will Mexico win Group B in the 2026 FIFA World Cup?"}).match


@pytest.mark.parametrize(
    "what",
    ["Championship", "Final", "Cup", "Finals MVP", "Eastern Conference", "Regular Season", "Game 4", "Match", "League title"],
)
def test_words_that_name_no_competition_are_no_contest(what):
    """Two venues that both say "the final" may mean two finals."""
    first = ours("KXANY-26-SYD", "Champion", f"Will Sydney win the {what}?")

    assert not match_row(first, theirs(f"Will Sydney win the {what}?", deadline="2026-05-20")).match


@pytest.mark.parametrize("what", ["set 1 in the Pegula vs Masarova match", "game against the 76ers", "Game 4", "series"])
def test_a_meeting_of_two_is_no_contest_of_a_year(what):
    """B-100: two players meet again in the same year, so a year tells no meeting from the next."""
    first = ours("KXNBAANY-26MAY10-NYK", "Knicks vs 76ers", f"Will New York win the {what}?")
    second = theirs(f"Will New York win the {what}?", "NBA: Knicks vs. 76ers", event_date="2026-05-14", deadline="2026-05-14")

    assert not match_row(first, second).match


@pytest.mark.parametrize("what", ["first round of the 2026 Brazil presidential election", "2026 California governor primary"])
def test_first_place_is_the_win_only_in_a_table(what):
    """Near-misses "top_two" and "first round": a first place may win nothing yet."""
    first = ours("KXANY-26OCT04-LULA", "Vote", f"Will Lula finish first in the {what}?")

    assert not match_row(first, theirs(f"Will Lula win the {what}?")).match


@pytest.mark.parametrize(
    ("title", "ends"),
    [
        ("TX-18 House Special Election Winner", "2026-11-03"),
        ("TX-18 House Runoff Winner", "2026-12-12"),
        ("TX-18 House Primary Winner", "2026-11-03"),
        ("TX-18 House Election Winner", "2026-01-31"),
        ("TX-18 House Election Winner 2028", "2028-11-07"),
    ],
)
def test_another_vote_for_the_same_seat_is_another_question(title, ends):
    """Stage and month belong to an election (matching.md section 2)."""
    assert not match_row(SEAT, {**P_SEAT, "event_title": title, "deadline": ends}).match


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("Will Lamar Jackson win the 2025–26 NFL MVP?", "NFL MVP 2025-26"),
        ("Will Lamar Jackson win the 2027 NFL MVP?", "Pro Football: 2027 MVP Winner"),
        ("Will Lamar Jackson win the 2026 NFL Super Bowl MVP?", "Super Bowl MVP 2026"),
    ],
)
def test_another_season_of_an_award_is_another_award(question, title):
    """Polymarket's 2026 award is given in 2027; a range of years says both ends; a game's award has the game's year."""
    assert not match_row(MVP, theirs(question, title)).match


def test_a_season_named_by_one_year_is_refused_where_no_record_says_which():
    """A league that spans New Year: 2026 may be the season that ends or the one that begins."""
    what = "Defensive Player of the Year"
    first = ours("KXNFLDPOY-26-MGAR", "DPOY", f"Will Myles Garrett win the {what}?")

    assert not match_row(first, theirs(f"Will Myles Garrett win the 2026 NFL {what}?", "Pro Football: 2026 DPOY")).match


@pytest.mark.parametrize("end", ["2027-01-01T04:59:00Z", "2027-01-01", "2027-01-05"])
def test_an_end_around_new_year_dates_nothing(end):
    """The last minute of 2026 in New York is 2027 in UTC; a question that says no year then has none."""
    first = ours("KXTIME-27-EMUS", "Time Person of the Year", "Will Elon Musk win the Time Person of the Year?")

    assert not match_row(first, theirs("Will Elon Musk win Time Person of the Year?", deadline=end)).match


@pytest.mark.parametrize("ticker", ["KXNBA-26-LA", "KXMLB-26-NY"])
def test_a_city_of_two_teams_is_neither(ticker):
    """matching.md section 4: New York and Los Angeles are no team in a league where each has two."""
    city, league, cup = ("Los Angeles", "NBA", "NBA Finals") if "NBA" in ticker else ("New York", "MLB", "World Series")
    first = ours(ticker, f"{league} champion", f"Will {city} win the 2026 {cup}?", city)

    assert not match_row(first, theirs(f"Will {city} win the 2026 {cup}?", f"{league} champion 2026")).match


@pytest.mark.parametrize("who", ["anyone else", "another team", "any other team", "the field", "no team", "a team not listed"])
def test_what_is_still_to_be_named_is_no_entity(who):
    """near-miss "placeholder": it changes its meaning when somebody is named."""
    first = ours("KXMENWORLDCUP-26-OTH", None, f"Will {who} win the 2026 Men's World Cup?")

    assert not match_row(first, theirs(f"Will {who} win the 2026 FIFA World Cup?")).match


@pytest.mark.parametrize(
    ("what", "title", "other"),
    [
        ("Best Director", "Oscars: Best Director", "Golden Globes: Best Director"),
        ("Best Director", "Best Director 2027", "Best Director 2027"),
        ("Album of the Year", "Grammys", "American Music Awards"),
        ("World Championship", "World Championship", "World Championship"),
        ("World Cup", "Hockey World Cup", "World Cup"),
        ("Champions League", "Women's Champions League Winner", "Champions League Winner"),
        ("Esports World Cup", "Valorant at the Esports World Cup", "LoL at the Esports World Cup"),
        ("Nations League", "Nations League", "Volleyball Nations League"),
        ("most seats", "UK general election", "New Zealand general election"),
        ("Attorney General primary", "Texas primaries", "Ohio primaries"),
    ],
)
def test_what_only_the_title_tells_belongs_to_the_contest(what, title, other):
    """Award body, sport, women and state often stand in the event's title alone; words that many share name nothing."""
    first = ours("KXANY-27-X", title, f"Will Sam Reyes win the {what}?")

    assert not match_row(first, theirs(f"Will Sam Reyes win the {what}?", other, deadline="2027-03-15")).match


def test_an_award_body_is_one_however_it_is_spelled():
    """The same award under both venues' titles."""
    first = ours("KXOSCAR-27-X", "Oscar for Best Director?", "Will Sam Reyes win Best Director?")
    second = theirs("Will Sam Reyes win Best Director at the 2027 Academy Awards?", "Oscars 2027: Best Director Winner")

    assert match_row(first, second).outcome_index == 0


@pytest.mark.parametrize("count", ["10+", ">10", "≥10"])
def test_a_count_with_an_operator_is_no_contest(count):
    """ "10+ medals" and "10 medals" have the same words and are two questions (near-miss "boundary")."""
    first = ours("KXANY-26-NOR", "Medals", f"Will Norway win {count} Winter Olympics medals?")

    for other in ("10", count):
        assert not match_row(first, theirs(f"Will Norway win {other} Winter Olympics medals?", deadline="2026-02-22")).match


@pytest.mark.parametrize("who", ["Manager C", '"Show J"', "Player 9", "Golfer AB", "Club Q"])
def test_a_noun_with_a_letter_stands_for_a_name_to_come(who):
    """Recorded placeholders of every noun; a team that the league's table knows by such a name is a team ("Chicago C")."""
    first = ours("KXMLBNLMOTY-26-C", "NL Manager of the Year Winner?", f"Will {who} win NL MOTY?")
    cubs = ours("KXMLB-26-CHC", "Pro Baseball Champion", "Will Chicago C win the 2026 Pro Baseball Championship?", "Chicago C")

    assert not match_row(first, theirs(f"Will {who} win the 2026 NL Manager of the Year?", "MLB: NL Manager of the Year")).match
    assert match_row(cubs, theirs("Will the Chicago Cubs win the 2026 World Series?", "MLB World Series 2026")).match


@pytest.mark.parametrize(
    "what",
    [
        "by KO or TKO",
        "on 2026-05-12",
        "in the fifth round",
        "the House, the Democratic party win the Senate, and the Republican party win the Presidency",
    ],
)
def test_how_when_or_what_else_is_won_names_no_contest(what):
    """B-100: fights and games of one year have such words in common, and a set of words loses who wins which of two."""
    first = ours("KXANY-26-X", "Winner", f"Will Sam Reyes win {what}?")

    assert not match_row(first, theirs(f"Will Sam Reyes win {what}?", deadline="2026-12-01")).match


@pytest.mark.parametrize(
    ("title", "question"),
    [
        ("2032 Republican presidential nominee", "Will Marco Rubio win the 2028 Republican presidential nomination?"),
        ("Republican presidential nominee", "Will Marco Rubio win the 2028 Republican presidential nomination?"),
        ("2028 Republican presidential nominee", "Will Marco Rubio win the 2028 Democratic presidential nomination?"),
        ("2028 Republican presidential nominee", "Will Marco Rubio win the 2028 Republican vice presidential nomination?"),
        ("2028 Republican presidential nominee", "Will Marco Rubio win the 2028 presidential election?"),
    ],
)
def test_a_nominee_is_of_one_party_year_and_office(title, question):
    """Nominee and winner, and two years, are two questions; a year nobody states is none."""
    first = ours("KXPRESNOMR-28-MRUB", title, "Will Marco Rubio be the nominee for the Presidency for the Republican party?")

    assert not match_row(first, theirs(question)).match


def test_a_club_form_is_no_placeholder():
    """ "Nashville SC" ends in two letters and is a club."""
    first = ours("KXMLSCUP-26-NSH", "MLS Cup", "Will Nashville SC win the 2026 MLS Cup?")

    assert match_row(first, theirs("Will Nashville SC win the 2026 MLS Cup?")).outcome_index == 0
