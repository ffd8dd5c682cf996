"""What a venue should never send: no crash, no pair that trades, a reason; and the rest of the catalogue is read all the same."""

import json

import pytest
from discovery_games import gamma_game, kalshi_game
from discovery_sides import gamma_lines, nba_lines, stones
from test_discovery_catalogue import ALL, NBA, Gamma, Kalshi, ids, run

from controller.discovery.match_rows import match_row
from controller.pairs.sheet import sheet_of
from trading.market import hash_rules

WINNERS = {f"{NBA}-UTA", f"{NBA}-GSW"}
LONG = "If the Jazz win, this market will resolve to Jazz. " * 2_000


def rules(found, ticker):
    """The page of a pair as `pairs show` has it."""
    pair = next(pair for pair in found.pairs if pair.first == ticker)
    return pair, sheet_of(pair, found.markets[pair.first], found.markets[pair.second], sport="basketball")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("If {{team}} wins, this market will resolve to {{team}}.", "unfilled template"),
        ("If || team || wins, this market will resolve to Yes.", "unfilled template"),
        ("", "missing or empty"),
        (" \n\t", "missing or empty"),
        ("Если «Джаз» выиграет, рынок разрешится в пользу «Джаза».", "not in English"),
        ("Si el Jazz gana, el mercado se resolvera a Jazz.", "not in English"),
        (LONG, "more than any real rule text"),
        ("If the Jazz win, this market resolves to Jazz.\x1b[2J", "control or hidden"),
        ("If the Jazz win, this market resolves to \u202eJazz.", "control or hidden"),
        ("If the game is canceled, it resolves 50-50. If canceled, the market resolves to No.", "half and no when cancelled"),
    ],
)
async def test_rules_nobody_can_rely_on_leave_a_pair_that_waits_and_says_why(text, reason):
    """Fails closed (matching.md 3.5): whatever the structure proves, it is not approved, and its page gives the reason."""
    kalshi, gamma = Kalshi(), Gamma()
    for market in gamma.events[0]["markets"]:
        market["description"] = text
    gamma.events[0]["description"] = text
    found = await run(kalshi, gamma)
    pair, sheet = rules(found, f"{NBA}-UTA")

    assert pair.state == "proposed"
    assert pair.terms in ("conflict", "unverified")
    assert reason in " ".join((*sheet.doubts, *(one.second for one in sheet.settlement.findings)))
    assert "\x1b" not in str(sheet)
    assert found.failures == ()


@pytest.mark.parametrize(
    "change",
    [
        {"question": "{{team1}} vs. {{team2}}"},
        {"question": "Jazz vs. Warriors\x1b[2J"},
        {"question": "x" * 100_000},
        {"outcomes": json.dumps(["Jazz", "Jazz"])},
        {"outcomes": "not json"},
        {"outcomes": json.dumps(["{{team1}}", "{{team2}}"])},
        {"gameStartTime": "2026-11-20 03:00:00"},
        {"gameStartTime": "2026-11-27 03:00:00+00"},
        {"line": 3.5},
        {"sportsMarketType": "totals"},
        {"conditionId": None, "id": None},
        {"question": 5, "outcomes": {"a": 1}, "gameStartTime": []},
    ],
)
async def test_a_market_with_such_a_field_is_no_pair_and_the_others_are(change):
    """Templates, escapes, endless titles, twice the same outcome, no zone, fields that contradict each other or have no shape."""
    kalshi, gamma = Kalshi(), Gamma()
    gamma.events[0]["markets"][0].update(change)
    gamma.events[0] |= {"title": change["question"]} if isinstance(change.get("question"), str) else {}
    found = await run(kalshi, gamma)

    assert ids(found) & WINNERS == set()
    assert ids(found) == ALL - WINNERS


@pytest.mark.parametrize("junk", [None, 5, "market", [], {}, {"ticker": None}, {"ticker": 5, "title": ["a"]}])
async def test_rows_of_no_shape_do_not_stop_a_discovery(junk):
    """One row lost is one row lost."""
    kalshi, gamma = Kalshi(), Gamma()
    kalshi.events["KXNBAGAME"][0]["markets"].append(junk)
    gamma.events[0]["markets"].append(junk)
    gamma.events.append({"markets": junk} if not isinstance(junk, dict) else junk)
    found = await run(kalshi, gamma)

    assert ids(found) == ALL


@pytest.mark.parametrize("turned", ["outcomes", "clobTokenIds"])
async def test_one_condition_id_with_two_meanings_is_no_pair(turned):
    """The order of the outcomes decides which token is bought: a second row that says it otherwise makes both worthless."""
    kalshi, gamma = Kalshi(), Gamma()
    again = gamma_game()
    market = again["markets"][0]
    market[turned] = json.dumps(json.loads(market[turned])[::-1])
    gamma.events.append(again)
    found = await run(kalshi, gamma)

    assert ids(found) == ALL - WINNERS
    assert sum(report.misses.get("polymarket.duplicate_id", 0) for report in found.reports) == 1


async def test_the_same_row_twice_is_one_row():
    """Pages move while they are read; a price that moved between them changes nothing."""
    kalshi, gamma = Kalshi(), Gamma()
    gamma.events.append(gamma_game())
    gamma.events[-1]["markets"][0]["bestBid"] = 0.01
    kalshi.events["KXNBAGAME"].append(kalshi_game())

    assert ids(await run(kalshi, gamma)) == ALL


async def test_one_ticker_with_two_meanings_is_no_pair():
    """Kalshi's row of one ticker names another team the second time."""
    kalshi, gamma = Kalshi(), Gamma()
    again = kalshi_game()
    again["markets"][0]["yes_sub_title"] = again["markets"][1]["yes_sub_title"]
    kalshi.events["KXNBAGAME"].append(again)
    found = await run(kalshi, gamma)

    assert again["markets"][0]["ticker"] not in ids(found)
    assert sum(report.misses.get("kalshi.duplicate_id", 0) for report in found.reports) == 1


@pytest.mark.parametrize("side", ["kalshi", "polymarket"])
@pytest.mark.parametrize("text", ["{{team}} wins", " ", LONG, "Wenn es so kommt, dann Ja", "It resolves to Yes.\x1b[31m", 5])
def test_a_recorded_row_whose_rules_cannot_be_read_matches_nothing(side, text):
    """A text that is there and says nothing to rely on is no proof; one that was not recorded at all decides nothing."""
    events = nba_lines()
    stone = stones(events[0])[0]
    ours = {**events[0]["markets"][0], "event_ticker": NBA, "series_ticker": "KXNBAGAME", "event_title": events[0]["title"]}
    ours |= {"milestone": stone}
    game = gamma_lines()
    market = game["markets"][0]
    theirs = {"condition_id": market["conditionId"], "event_slug": game["slug"], "event_title": game["title"], "tags": ["nba"]}
    theirs |= {"question": market["question"], "outcomes": json.loads(market["outcomes"])}
    theirs |= {"sports_market_type": "moneyline", "game_start_time": market["gameStartTime"]}
    assert match_row(ours, theirs).match
    (ours if side == "kalshi" else theirs)["rules_primary" if side == "kalshi" else "description"] = text
    if side == "kalshi":
        ours["rules_secondary"] = ""
    found = match_row(ours, theirs)

    assert not found.match
    assert found.reasons[0].startswith(f"{side}: rules_unreadable the rule")


@pytest.mark.parametrize("junk", [None, 5, "stone", {"primary_event_tickers": 5}, {"related_event_tickers": [None, [], 5]}])
async def test_a_milestone_of_no_shape_gives_no_start_and_takes_none(junk):
    """What names no event says nothing about one."""
    kalshi = Kalshi()
    kalshi.stones.append(junk)

    assert {pair.state for pair in (await run(kalshi, Gamma())).pairs} == {"approved"}


def test_half_a_character_in_a_text_is_hashed_like_any_other():
    """JSON may hold a lone surrogate; a page about it must not fail."""
    assert hash_rules("If \ud800 wins") != hash_rules("If  wins")
