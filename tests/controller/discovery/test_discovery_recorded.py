"""What the matcher makes of recorded venue data. Skips where the recordings are not beside the checkout."""

import gzip
import json
from collections import Counter

import pytest
from discovery_recorded import SHARED, labelled, universe

from controller.discovery.game import Keyed
from controller.discovery.kalshi_keys import kalshi_key
from controller.discovery.matching import match
from controller.discovery.polymarket_keys import polymarket_key
from controller.discovery.score import score

pytestmark = pytest.mark.skipif(not SHARED.exists(), reason="recorded venue data is not beside this checkout")


def read(name):
    path = SHARED / name
    return json.loads(gzip.decompress(path.read_bytes()) if name.endswith(".gz") else path.read_bytes())


def proposals(rows):
    return [(pair.ticker, pair.condition, int(pair.outcome_index)) for pair in match(*universe(rows)).pairs]


def test_labelled_pairs_give_no_false_positive_and_most_game_winners():
    """All recorded rows at once, as two venues' catalogues: nothing wrong, nine in ten winners found."""
    rows = labelled()
    result = score(rows, proposals(rows))

    assert result["wrong"] == []
    assert result["recall_game_winner"] >= 0.9
    assert result["unlabelled"] == 0


def test_each_labelled_row_alone_gives_no_false_positive():
    """No row is saved by another one: alone, no wrong pair is proposed either."""
    rows = labelled()
    made = [proposal for row in rows for proposal in proposals([row])]

    assert score(rows, made)["wrong"] == []


@pytest.mark.parametrize("days", [-1, 1])
def test_recorded_winners_moved_by_a_day_never_match(days):
    """Mutation: the other venue's day moves by one, and every pair is gone."""
    rows = [row for row in labelled() if row["label"] == "equivalent"]
    kalshi, polymarket = universe(rows)
    moved = []
    for event, market, stone in kalshi:
        found = kalshi_key(event, market, stone)
        if not isinstance(found, Keyed):
            continue
        day = found.key.day_et.fromordinal(found.key.day_et.toordinal() + days)
        old = str(event["event_ticker"])
        head, _, tail = old.partition("-")
        ticker = f"{head}-{day.strftime('%y%b%d').upper()}{tail[7:]}"
        children = [
            {**child, "ticker": child["ticker"].replace(old, ticker), "event_ticker": ticker} for child in event["markets"]
        ]
        moved.append(
            (
                {**event, "event_ticker": ticker, "markets": children},
                {**market, "ticker": market["ticker"].replace(old, ticker), "event_ticker": ticker},
                stone,
            )
        )
    assert len(moved) > 60

    # a moved game may land on a recorded rematch of the same teams; none of these may be a labelled pair
    labels = {(row["kalshi"]["ticker"], row["polymarket"].get("condition_id")) for row in rows}
    assert not {(pair.ticker, pair.condition) for pair in match(moved, polymarket).pairs} & labels
    assert match(moved, polymarket).pairs == ()


def test_recorded_spread_total_and_segment_rows_never_get_a_key():
    """Every recorded market whose category is not a winner stays out on at least one venue."""
    winners = ("moneyline", "moneyline_2way", "moneyline_3way", "moneyline_draw")
    others = [
        row
        for row in labelled()
        if row["category"].rpartition(".")[2] not in winners and not row["category"].startswith("sports.nba")
    ]

    assert len(others) == 687
    assert [row["pair_id"] for row in others if proposals([row])] == []


def test_recorded_nba_catalogues_match_all_listed_games():
    """Verbatim Gamma events of January 2026 meet the eighteen Kalshi events of the same days, both ways round."""
    events = read("kalshi_events_nba_2026-01.json")["events"]
    codes = [event["sub_title"].split(" (")[0].split(" at ") for event in events]
    towns = [event["title"].split(" at ") for event in events]
    kalshi = [
        (event, {"ticker": f"{event['event_ticker']}-{code}", "yes_sub_title": town}, None)
        for event, pair, names in zip(events, codes, towns, strict=True)
        for code, town in zip(pair, names, strict=True)
    ]
    polymarket = [(event, market) for event in read("polymarket_gamma_nba_2026-01.json.gz") for market in event["markets"]]
    matches = match(kalshi, polymarket)

    assert len(matches.pairs) == 36
    assert {pair.key.league for pair in matches.pairs} == {"nba"}
    assert matches.abstained["polymarket.not_a_game_winner"] == 457 - 28


def test_recorded_kalshi_catalogue_gives_a_key_to_every_game_winner_and_to_nothing_else():
    """Sixty-one verbatim events of August 2026: every GAME market is read, no spread, total or future is."""
    events = read("kalshi_events_sports_2026-08.json.gz")["events"]
    rows = [
        (event["event_ticker"].partition("-")[0].endswith("GAME"), event, market)
        for event in events
        for market in event["markets"]
    ]

    assert Counter(winner for winner, _, _ in rows) == {True: 91, False: 212}
    assert [row["ticker"] for winner, event, row in rows if isinstance(kalshi_key(event, row), Keyed) is not winner] == []


def test_recorded_futures_and_noisy_universe_never_match():
    """Championship markets have no game key, and a mixed noisy universe only yields games both venues list."""
    futures = [(event, market) for event in read("polymarket_events_wnba_2026-07.json") for market in event["markets"]]
    assert len(futures) == 6
    assert not any(isinstance(polymarket_key(event, market), Keyed) for event, market in futures)
    kalshi, polymarket = [], []
    for line in (SHARED / "events_unlabelled_2026-05.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["venue"] == "kalshi":
            markets = [
                {"ticker": c["platform_id"], "event_ticker": row["event_id"], "title": c["title"]}
                for c in row["children_shown"]
            ]
            event = {"event_ticker": row["event_id"], "title": row["title"], "markets": markets}
            kalshi += [(event, market, None) for market in markets]
        else:
            tags = [{"label": row["league"]}] if row["league"] else []
            event = {"id": row["event_id"], "title": row["title"], "eventDate": row["condition_date"], "tags": tags}
            polymarket += [(event, {"conditionId": c["platform_id"], "question": c["title"]}) for c in row["children_shown"]]
    matches = match(kalshi, polymarket)

    assert 20 <= len(matches.pairs) <= 60
    assert all("GAME-" in pair.ticker for pair in matches.pairs)
    assert not any(pair.structural for pair in matches.pairs)
