"""The universes list what the venues would list, and recorded ones cannot give their answers away."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from sim_run import SHARED, shared

from trading.clock import SECOND
from trading.sim import recorded
from trading.sim.games import ROLES, make_schedule
from trading.sim.universe import Universe, load
from trading.units import WallNs

NOW = WallNs(int(datetime(2026, 11, 21, 18, 10, tzinfo=UTC).timestamp()) * SECOND)
ANSWERS = ("label", "relation", "certainty", "category", "yes_maps_to", "settlement_caveats", "why", "group", "pair_id")


@pytest.fixture(scope="module")
def universe() -> Universe:
    return load(None, 7, NOW)


def kalshi_markets(universe: Universe) -> dict[str, Any]:
    return {market["ticker"]: market for event in universe.kalshi.events for market in event["markets"]}


def polymarket_markets(universe: Universe) -> dict[str, Any]:
    return {market["conditionId"]: market for event in universe.polymarket.events for market in event["markets"]}


def test_the_same_seed_and_time_give_the_same_universe() -> None:
    """Catalogues and links depend on seed, time and size only."""
    assert load(None, 7, NOW) == load(None, 7, NOW)
    assert load(None, 7, NOW) != load(None, 8, NOW)


def test_every_id_is_unique(universe: Universe) -> None:
    """No ticker, condition id, token or slug occurs twice."""
    tickers = [market["ticker"] for event in universe.kalshi.events for market in event["markets"]]
    rows = [market for event in universe.polymarket.events for market in event["markets"]]
    tokens = [token for row in rows for token in json.loads(row["clobTokenIds"])]

    for ids in (tickers, [row["conditionId"] for row in rows], tokens, [row["slug"] for row in rows]):
        assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    ("schema", "pick"),
    [
        ("Series", lambda u: u.kalshi.series),
        ("EventData", lambda u: u.kalshi.events),
        ("Market", lambda u: [market for event in u.kalshi.events for market in event["markets"]]),
        ("Milestone", lambda u: u.kalshi.milestones),
    ],
)
def test_kalshi_objects_obey_the_published_schema(universe: Universe, schema: str, pick: Any) -> None:
    """Every synthetic Kalshi object validates against the venue's own OpenAPI schema."""
    path = SHARED / "reference" / "specs" / "kalshi-openapi.yaml"
    if not path.is_file():
        pytest.skip("the published Kalshi schema is not beside this checkout")
    names = _cached_schemas(path)
    validator = jsonschema.Draft202012Validator({"$ref": f"#/components/schemas/{schema}", "components": {"schemas": names}})

    for value in list(pick(universe))[:40]:
        problems = [error.message for error in validator.iter_errors(value) if "None is not" not in error.message]
        assert problems == [], value.get("ticker") or value.get("event_ticker") or value.get("id")


_SCHEMAS: dict[Path, Any] = {}


def _cached_schemas(path: Path) -> Any:
    if path not in _SCHEMAS:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        _SCHEMAS[path] = yaml.load(path.read_text(), Loader=loader)["components"]["schemas"]
    return _SCHEMAS[path]


def test_games_carry_each_venues_own_way_of_naming(universe: Universe) -> None:
    """Kalshi shows cities, a repeated sub title and a code as suffix; Polymarket nicknames and JSON inside JSON."""
    twos = [link for link in universe.links if len(link.tickers) == 2]
    kalshi, polymarket = kalshi_markets(universe), polymarket_markets(universe)

    for link in twos:
        market = polymarket[link.condition_id]
        outcomes = json.loads(market["outcomes"])
        assert market["slug"].startswith(link.group.split("-")[0])
        assert len(json.loads(market["clobTokenIds"])) == len(outcomes) == 2
        for ticker, _ in link.tickers:
            row = kalshi[ticker]
            assert row["yes_sub_title"] == row["no_sub_title"] not in outcomes
            assert ticker.startswith(row["event_ticker"] + "-")


def test_soccer_has_three_markets_on_both_venues(universe: Universe) -> None:
    """Home, away and draw pair one to one, Yes with YES, and their probabilities add up to one."""
    three = [link for link in universe.links if link.group.startswith("epl")]
    polymarket = polymarket_markets(universe)

    assert len(three) == 3
    assert sum(link.probability for link in three) == pytest.approx(1)
    assert {link.tickers[0][0].rsplit("-", 1)[1] for link in three} >= {"TIE"}
    assert all(json.loads(polymarket[link.condition_id]["outcomes"]) == ["Yes", "No"] for link in three)
    assert all(polymarket[link.condition_id]["negRisk"] for link in three)


def test_starts_cover_tonight_soon_and_in_play() -> None:
    """One game is in play and held three seconds, one starts within a minute, all others start later."""
    games = {game.role: game for game in make_schedule(7, NOW, len(ROLES)) if game.role}

    assert games["in_play"].start < NOW
    assert games["in_play"].hold_s == 3
    assert 0 < games["soon"].start - NOW < 60 * SECOND
    assert all(game.start - NOW > 3_600 * SECOND for role, game in games.items() if role not in ("in_play", "soon"))


def test_linked_markets_state_the_same_start(universe: Universe) -> None:
    """Kalshi's milestone and Polymarket's gameStartTime name the same second."""
    starts = {event: row["start_date"] for row in universe.kalshi.milestones for event in row["related_event_tickers"]}
    kalshi, polymarket = kalshi_markets(universe), polymarket_markets(universe)

    for link in universe.links:
        for ticker, _ in link.tickers:
            if "gameStartTime" not in polymarket[link.condition_id]:
                continue  # no game decides it
            stated = datetime.fromisoformat(starts[kalshi[ticker]["event_ticker"]])
            assert stated == datetime.fromisoformat(polymarket[link.condition_id]["gameStartTime"].replace("+00", "+00:00"))


def test_noise_is_there_and_linked_to_nothing(universe: Universe) -> None:
    """Spreads, totals, halves, props, futures, placeholders and a combo are listed, and no link names one."""
    linked = {ticker for link in universe.links for ticker, _ in link.tickers}
    linked_conditions = {link.condition_id for link in universe.links}
    noise = [ticker for ticker in kalshi_markets(universe) if ticker not in linked]
    other = [market for key, market in polymarket_markets(universe).items() if key not in linked_conditions]

    assert any("SPREAD-" in ticker for ticker in noise)
    assert any("TOTAL-" in ticker for ticker in noise)
    assert any(ticker.startswith("KXMVE") for ticker in noise)
    assert {market.get("sportsMarketType") for market in other} >= {"spreads", "totals", "first_half_moneyline", "points", None}
    assert any(market["negRiskOther"] for market in other)
    assert any(market["groupItemTitle"] == "Team A" for market in other if "groupItemTitle" in market)


def test_lines_of_both_venues_agree_only_where_a_link_says_so(universe: Universe) -> None:
    """A spread or total without a link has no twin on the other venue, so no matcher can be right to pair it."""
    kalshi, polymarket = kalshi_markets(universe), polymarket_markets(universe)
    linked = {(link.tickers[0][0], link.condition_id) for link in universe.links}
    agreeing, compared = set(), 0
    for game in make_schedule(7, NOW, 14):
        ours = {ticker: row for ticker, row in kalshi.items() if f"-{game.code}-" in ticker and "floor_strike" in row}
        lined = [row for row in polymarket.values() if row["slug"].startswith(f"{game.slug}-") and "line" in row]
        for row in (row for row in lined if row["sportsMarketType"] in ("spreads", "totals")):
            compared += 1
            word = row["sportsMarketType"].upper().removesuffix("S")
            agreeing |= {
                (ticker, row["conditionId"])
                for ticker, one in ours.items()
                if f"{word}-" in ticker and one["floor_strike"] == abs(row["line"])
            }

    assert compared > 10
    assert len(agreeing) == 2
    assert agreeing <= linked


def test_only_winners_speak_of_a_tie(universe: Universe) -> None:
    """As in the recorded texts of 2026-08: a margin or a total is decided by its line on a level score, too."""
    tied = {ticker for ticker, market in kalshi_markets(universe).items() if "ends in a tie" in market["rules_secondary"]}

    assert tied
    assert not [ticker for ticker in tied if "SPREAD" in ticker or "TOTAL" in ticker]


def test_a_future_and_a_decision_stand_on_both_venues(universe: Universe) -> None:
    """Some outcomes of each are linked, one to one, and others of the same event have no twin."""
    linked = {link.tickers[0][0] for link in universe.links}
    for stem in ("KXNBA-", "KXFEDDECISION-"):
        found = [ticker for ticker in kalshi_markets(universe) if ticker.startswith(stem)]
        twins = [ticker for ticker in found if ticker in linked]

        assert len(twins) >= 2
        assert len(found) > len(twins)


def test_the_rematch_is_listed_on_another_day_by_each_venue(universe: Universe) -> None:
    """Both venues list the two teams, on different days, and no link joins them."""
    games = [game for game in make_schedule(7, NOW, 14) if game.on_kalshi != game.on_polymarket]
    conditions = {link.group for link in universe.links}

    assert len(games) == 2
    assert games[0].slug != games[1].slug
    assert games[0].away == games[1].away
    assert conditions.isdisjoint({game.slug for game in games})


def test_a_large_universe_plays_no_team_twice_a_day() -> None:
    """Thousands of games stay unambiguous: a team has at most one game a day."""
    games = [game for game in make_schedule(3, NOW, 1_000) if not game.number]
    days = [(game.league.key, team.code, game.local.date()) for game in games if not game.role for team in game.order]

    assert len(set(days)) == len(days)
    assert len({game.slug for game in games}) == len(games)


def test_events_outside_the_range_are_refused() -> None:
    """The size is named with its rule."""
    with pytest.raises(ValueError, match=r"0 events are outside 1\.\.5000"):
        load(None, 1, NOW, events=0)


# --- recorded ----------------------------------------------------------------------------------------------------------


def test_a_recorded_universe_has_no_links_and_keeps_ids_and_titles() -> None:
    """Every ticker, condition id and title of the file is listed verbatim, once."""
    path = shared("pairs_dev.jsonl")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    universe = load(path, 1, NOW)
    kalshi, polymarket = kalshi_markets(universe), polymarket_markets(universe)

    assert universe.links == ()
    assert set(kalshi) == {row["kalshi"]["ticker"] for row in rows}
    assert {row["polymarket"]["condition_id"] for row in rows if "condition_id" in row["polymarket"]} <= set(polymarket)
    assert all(kalshi[row["kalshi"]["ticker"]]["title"] == row["kalshi"]["title"] for row in rows)
    assert {market["question"] for market in polymarket.values()} == {row["polymarket"]["question"] for row in rows}


def test_missing_fields_stay_missing() -> None:
    """A row without rules, outcomes or start gives a market without them."""
    universe = load(shared("pairs_dev.jsonl"), 1, NOW)
    bare = [market for market in polymarket_markets(universe).values() if "description" not in market]

    assert bare
    assert all("gameStartTime" not in market for market in bare)
    assert all("rules_primary" not in market for market in kalshi_markets(universe).values())


def test_answers_of_a_recorded_file_are_never_read(tmp_path: Path) -> None:
    """Poisoned and dropped answers change nothing."""
    path = shared("pairs_dev.jsonl")
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    without, poisoned = tmp_path / "without.jsonl", tmp_path / "poisoned.jsonl"
    bare = [{key: value for key, value in row.items() if key not in ANSWERS} for row in rows]
    without.write_text("\n".join(json.dumps(row) for row in bare))
    poisoned.write_text("\n".join(json.dumps({**row, **dict.fromkeys(ANSWERS, "poison")}) for row in bare))

    assert recorded.read(without) == recorded.read(path) == recorded.read(poisoned)


def test_a_broken_row_is_named(tmp_path: Path) -> None:
    """The error names file and line."""
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"kalshi": {"ticker": "T-1"}, "polymarket": {"condition_id": "0x1", "question": "Q"}}\n{"kalshi": 1}\n')

    with pytest.raises(ValueError, match=r"pairs\.jsonl:2 is no pair"):
        recorded.read(path)
