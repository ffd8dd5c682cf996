"""Answer one question: do these two markets ask the same, and which outcome is Kalshi's YES?

match_row reads one row of each venue (the shape of the labelled pairs). Equal claims match, everything else does not, and text
similarity only proposes to people. Labels are read by score alone.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from controller.discovery.game import Abstain, Keyed, Row, conflicting_starts
from controller.discovery.kalshi_keys import kalshi_key
from controller.discovery.names import Names, load
from controller.discovery.polymarket_keys import polymarket_key
from controller.discovery.questions.claim import Claimed, Unread
from controller.discovery.questions.contests import kalshi_contest_claim, polymarket_contest_claim
from controller.discovery.questions.crypto import kalshi_crypto_claim, polymarket_crypto_claim
from controller.discovery.questions.economics import kalshi_economics_claim, polymarket_economics_claim
from controller.discovery.questions.games import kalshi_game_claim, polymarket_game_claim
from controller.discovery.questions.releases import kalshi_release_claim, polymarket_release_claim
from controller.discovery.questions.weather import kalshi_weather_claim, polymarket_weather_claim
from controller.discovery.settlement.clauses import unreadable
from controller.discovery.texts import unusable

__all__ = [
    "Match",
    "Score",
    "kalshi_claim",
    "match_row",
    "polymarket_claim",
    "read_kalshi",
    "read_polymarket",
    "score",
]

_RULES = ("rules_primary", "rules_secondary")
_KALSHI_FIELDS = ("ticker", "event_ticker", "title", "yes_sub_title", "strike_type", "floor_strike", "cap_strike", *_RULES)
_KALSHI_VALUES = (kalshi_economics_claim, kalshi_crypto_claim, kalshi_weather_claim, kalshi_release_claim)
_POLYMARKET_VALUES = (
    polymarket_economics_claim,
    polymarket_crypto_claim,
    polymarket_weather_claim,
    polymarket_release_claim,
)
"""Readers of measured values: each knows its own series and question form, and leaves the others alone."""


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """outcome_index is the Polymarket outcome that equals Kalshi YES, None without a match.

    tradable: structure on both sides, both starts and named outcomes. Terms and approval are asked elsewhere.
    """

    match: bool
    outcome_index: int | None
    reasons: tuple[str, ...]
    tradable: bool


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """Counts over rows of certainty other than medium. A wrong outcome index is a false positive and a miss."""

    tp: int
    fp: int
    fn: int
    precision: float | None
    recall: float | None
    by_category: Mapping[str, Mapping[str, int]]
    false_positives: tuple[str, ...]


def match_row(kalshi: Row, polymarket: Row, *, names: Names | None = None) -> Match:
    """Compare one row of each venue. Never raises on what a venue sent; reasons say what stood in the way."""
    table = names or load()
    first, second = read_kalshi(kalshi, table), read_polymarket(polymarket, table)
    for venue, read in (("kalshi", first), ("polymarket", second)):
        if isinstance(read, Unread):
            return _no(f"{venue}: {read.reason} {read.detail[:200]}".strip())
    assert isinstance(first, Claimed) and isinstance(second, Claimed)
    return _compare(first, second)


def score(rows: Iterable[Mapping[str, Any]], *, names: Names | None = None) -> Score:
    """Judge match_row on labelled rows; the only place here that reads labels."""
    counts: dict[str, dict[str, int]] = {}
    wrong: list[str] = []
    for row in rows:
        if row.get("certainty") == "medium":
            continue
        found = match_row(row["kalshi"], row["polymarket"], names=names)
        same = row["label"] == "equivalent"
        right = same and found.match and found.outcome_index == row["yes_maps_to"]["outcome_index"]
        place = counts.setdefault(str(row["category"]), {"tp": 0, "fp": 0, "fn": 0})
        place["tp"] += right
        place["fn"] += same and not right
        if found.match and not right:
            place["fp"] += 1
            wrong.append(str(row.get("pair_id")))
    tp, fp, fn = (sum(place[name] for place in counts.values()) for name in ("tp", "fp", "fn"))
    return Score(
        tp=tp,
        fp=fp,
        fn=fn,
        precision=tp / (tp + fp) if tp + fp else None,
        recall=tp / (tp + fn) if tp + fn else None,
        by_category=counts,
        false_positives=tuple(wrong),
    )


def _no(*reasons: str) -> Match:
    return Match(match=False, outcome_index=None, reasons=reasons, tradable=False)


def _compare(first: Claimed, second: Claimed) -> Match:
    wanted = first.claims[0]
    hits = [index for index, claim in enumerate(second.claims) if claim is not None and claim == wanted]
    if len(hits) != 1:
        seen = next((claim for claim in second.claims if claim is not None), ())
        return _no(f"kalshi asks {' | '.join(wanted or ())}", f"polymarket asks {' | '.join(seen)}")
    if conflicting_starts(first.start, second.start):
        return _no("starts are more than 90 minutes apart")
    both = first.start is not None and second.start is not None
    facts = (f"both ask {' | '.join(wanted or ())}", *first.evidence, *second.evidence)
    return Match(match=True, outcome_index=hits[0], reasons=facts, tradable=first.structural and second.structural and both)


def read_kalshi(row: Row, names: Names) -> Claimed | Unread:
    """The claim of one Kalshi row, or why there is none. Never raises on what the venue sent."""
    if unusable(row[name] for name in row if name not in _RULES):
        return Unread("unreadable_text")
    if (trouble := _troubled([row[name] for name in _RULES if row.get(name) is not None])) is not None:
        return trouble
    market = {name: row.get(name) for name in _KALSHI_FIELDS}
    event: Row = {
        "event_ticker": row.get("event_ticker"),
        "series_ticker": row.get("series_ticker"),
        "title": row.get("event_title") or row.get("title"),
        "product_metadata": row.get("product_metadata"),
        "markets": [market],
    }
    return kalshi_claim(event, market, row.get("milestone"), names)


def kalshi_claim(event: Row, market: Row, milestone: Row | None, names: Names) -> Claimed | Unread:
    """The claim of a Kalshi market as the venue lists it (event of GET /events, its milestone), or why there is none."""
    try:
        if unusable((event.get("title"), market.get("title"), market.get("yes_sub_title"))):
            return Unread("unreadable_text")
        if names.league_of_series(str(event.get("series_ticker"))) is not None:
            return _winner(kalshi_key(event, market, milestone, names=names))
        for reader in _KALSHI_VALUES:
            value = reader(event, market)
            if isinstance(value, Claimed) or value.reason != "series":
                return value
        game = kalshi_game_claim(event, market, milestone, names)
        return kalshi_contest_claim(event, market, names) if isinstance(game, Unread) and game.reason == "series" else game
    except (TypeError, AttributeError, ValueError, KeyError) as error:
        return Unread("malformed", repr(error))


def read_polymarket(row: Row, names: Names) -> Claimed | Unread:
    """The claims of one Polymarket row, or why there are none. Never raises on what the venue sent."""
    try:
        if unusable(row[name] for name in row if name != "description"):
            return Unread("unreadable_text")
        if (trouble := _troubled([row["description"]] if row.get("description") is not None else [])) is not None:
            return trouble
        event, market = _gamma_event(row), _gamma_market(row)
    except (TypeError, AttributeError, ValueError, KeyError) as error:
        return Unread("malformed", repr(error))
    return polymarket_claim(event, market, names)


def polymarket_claim(event: Row, market: Row, names: Names) -> Claimed | Unread:
    """The claims of a Gamma market and its event as the venue lists them, or why there are none."""
    try:
        if unusable((event.get("title"), market.get("question"), market.get("groupItemTitle"))):
            return Unread("unreadable_text")
        for reader in _POLYMARKET_VALUES:
            value = reader(event, market)
            if isinstance(value, Claimed) or value.reason != "question_form":
                return value
        game = polymarket_game_claim(event, market, names)
        if isinstance(game, Claimed) or game.reason != "question_form":
            return game
        found = _winner(polymarket_key(event, market, names=names))
        if isinstance(found, Claimed) or market.get("sportsMarketType"):
            return found
        contest = polymarket_contest_claim(event, market, names)
        return contest if isinstance(contest, Claimed) or contest.reason == "placeholder" else found
    except (TypeError, AttributeError, ValueError, KeyError) as error:
        return Unread("malformed", repr(error))


def _winner(found: Keyed | Abstain) -> Claimed | Unread:
    if isinstance(found, Abstain):
        return Unread(found.reason, found.detail)
    key = found.key
    place = ("game", key.league, key.day_et.isoformat(), "+".join(sorted(key.teams)), "full", "winner")
    first, second = (None if side is None else (*place, side) for side in found.sides)
    return Claimed((first, second), found.proven, found.evidence, key.start)


def _gamma_event(row: Row) -> Row:
    tags = [{"slug": tag} for tag in row.get("tags") or ()]
    if row.get("league"):
        tags.append({"label": row["league"]})
    return {
        "id": row.get("event_id"),
        "slug": row.get("event_slug"),
        "title": row.get("event_title") or row.get("question"),
        "eventDate": row.get("event_date") or row.get("event_condition_date"),
        "startTime": row.get("start_time"),
        "endDate": row.get("deadline") or row.get("end_date"),
        "seriesSlug": row.get("series_slug"),
        "tags": tags,
    }


def _gamma_market(row: Row) -> Row:
    market = {
        "conditionId": row.get("condition_id"),
        "id": row.get("id"),
        "slug": row.get("slug"),
        "question": row.get("question"),
        "groupItemTitle": row.get("group_item_title"),
        "sportsMarketType": row.get("sports_market_type"),
        "line": row.get("line"),
        "gameStartTime": row.get("game_start_time"),
        "negRiskOther": row.get("neg_risk_other"),
        "description": row.get("description"),
    }
    outcomes = row.get("outcomes")
    return {**market, "outcomes": outcomes if isinstance(outcomes, str) else json.dumps(outcomes)} if outcomes else market


def _troubled(texts: Sequence[object]) -> Unread | None:
    """A settlement text that is there and cannot be relied on proves nothing (matching.md 3.5); one that was not recorded leaves
    the terms unverified."""
    if not texts:
        return None
    if not all(isinstance(text, str) for text in texts):
        return Unread("rules_unreadable", "the rules are no text")
    troubles = unreadable("\n\n".join(map(str, texts)))
    return Unread("rules_unreadable", f"the rule text {'; '.join(troubles)}") if troubles else None
