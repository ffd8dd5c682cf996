"""Join what both venues ask beside full-game winners: spreads, totals, halves, maps, futures, politics, decisions.

The readers are those of recorded rows (match_rows). A claim joins only the one market of the other venue that makes it: two
candidates reject all of them, and only starts that both venues state tell a doubleheader or a rematch apart (B-100). So every
pair is one to one per market and outcome. Winners are left to matching.py, which knows the whole game.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date

import msgspec

from controller.discovery.game import GameKey, Row, conflicting_starts
from controller.discovery.match_rows import kalshi_claim, polymarket_claim
from controller.discovery.matching import KalshiRow, PolymarketRow
from controller.discovery.names import Names
from controller.discovery.polymarket_keys import outcomes_of
from controller.discovery.questions.claim import Claim, Claimed, Unread
from trading.market import Outcome
from trading.units import WallNs

__all__ = ["DOMAINS", "ClaimedPair", "Claims", "asks", "domain_of", "match_claims"]

DOMAINS = ("futures", "politics", "economics", "crypto", "weather", "other")
"""Questions that no game decides, by the domains of matching.md section 2: they stand where a league stands otherwise."""
_DOMAIN = {"contest": "futures", "nominee": "politics", "election": "politics"}
_KINDS = {"btts": "both_teams_to_score"}
_PERIODS = {"1h": "first_half_"}


class ClaimedPair(msgspec.Struct, frozen=True, kw_only=True):
    """A Kalshi market and the outcome of a Polymarket market that pays for the same claim. game: None where no game decides."""

    league: str
    kind: str
    event: str
    claim: Claim
    ticker: str
    condition: str
    outcome_index: Outcome
    structural: bool
    starts_at: WallNs | None
    evidence: tuple[str, ...]
    game: GameKey | None


class Claims(msgspec.Struct, frozen=True):
    """The pairs, why rows have none by league, and Polymarket markets read per league.

    claimed: ids of rows with a claim; placeholders: ids of Polymarket markets whose meaning is still to be named.
    """

    pairs: tuple[ClaimedPair, ...]
    by_league: Mapping[str, Mapping[str, int]]
    read: Mapping[str, int]
    claimed: frozenset[str]
    placeholders: frozenset[str] = frozenset()


class _Sided(msgspec.Struct):
    ident: str
    index: int
    claimed: Claimed
    proven: bool


_Buckets = dict[Claim, dict[str, _Sided]]


def asks(claim: Claim) -> str:
    """The fact by which a pair is known again when one venue is read alone: its text changes when the question does."""
    return f"both ask {' | '.join(claim)}"


def domain_of(claim: Claim) -> str:
    """The league of a game's claim, else its domain."""
    if claim[0] == "game":
        return claim[1]
    domain = _DOMAIN.get(claim[0], claim[0])
    return domain if domain in DOMAINS else "other"


def match_claims(kalshi: Iterable[KalshiRow], polymarket: Iterable[PolymarketRow], *, names: Names) -> Claims:
    """Pair raw rows of both venues, in time linear in rows. Never raises on what a venue sent."""
    misses: dict[str, Counter[str]] = {}
    placeholders: set[str] = set()
    ours, theirs = _ours(kalshi, names, misses), _theirs(polymarket, names, placeholders)
    pairs = []
    for claim, markets in ours.items():
        others = theirs.get(claim, {})
        for one in markets.values():
            near = [other for other in others.values() if _may_be(one, other)]
            if len(near) != 1:
                reason = "ambiguous" if near else "starts_differ" if others else "no_counterpart"
            elif sum(_may_be(rival, near[0]) for rival in markets.values()) != 1:
                reason = "ambiguous"
            elif len(markets) + len(others) > 2 and (one.claimed.start is None or near[0].claimed.start is None):
                reason = "ambiguous"  # B-100: only starts tell two games of one day apart
            else:
                pairs.append(_pair(claim, one, near[0], names))
                continue
            misses.setdefault(domain_of(claim), Counter())[f"kalshi.{reason}"] += 1
    read: Counter[str] = Counter()
    seen: dict[str, str] = {one.ident: domain_of(claim) for claim, found in theirs.items() for one in found.values()}
    read.update(seen.values())
    claimed = frozenset((*seen, *(one.ident for found in ours.values() for one in found.values())))
    by_league = {league: dict(found) for league, found in misses.items()}
    return Claims(tuple(pairs), by_league, dict(read), claimed, frozenset(placeholders))


def _ours(rows: Iterable[KalshiRow], names: Names, misses: dict[str, Counter[str]]) -> _Buckets:
    found: _Buckets = {}
    for event, market, stone in rows:
        ident = str(market.get("ticker") or "")
        series = str(event.get("series_ticker") or str(event.get("event_ticker") or "").partition("-")[0])
        if not ident or names.league_of_series(series) is not None:
            continue
        if ident.startswith("KXMVE") or (market.get("market_type") or "binary") != "binary":
            continue  # a combo is many questions, a scalar is none (kalshi.md 5.2)
        read = kalshi_claim(event, market, stone, names)
        if isinstance(read, Unread):
            misses.setdefault("other", Counter())[f"kalshi.{read.reason}"] += 1
            continue
        claim = read.claims[0]
        if claim is not None:
            found.setdefault(claim, {})[ident] = _Sided(ident, 0, read, read.structural)
    return found


def _theirs(rows: Iterable[PolymarketRow], names: Names, placeholders: set[str]) -> _Buckets:
    found: _Buckets = {}
    for event, market in rows:
        ident = str(market.get("conditionId") or market.get("id") or "")
        if not ident or market.get("sportsMarketType") == "moneyline":
            continue
        read = polymarket_claim(event, market, names)
        if isinstance(read, Unread):
            if read.reason == "placeholder" or market.get("negRiskOther"):
                placeholders.add(ident)
            continue
        for index, claim in enumerate(read.claims):
            if claim is not None and claim[4:6] != ("full", "winner"):
                found.setdefault(claim, {})[ident] = _Sided(ident, index, read, _proven(event, market, claim, read, names))
    return found


def _proven(event: Row, market: Row, claim: Claim, read: Claimed, names: Names) -> bool:
    """Type, start and outcomes are fields, and the slug's word belongs to this league alone: nothing was inferred."""
    if read.structural or claim[0] != "game":
        return read.structural
    named = tuple(league.id for league in names.leagues_of_prefix(str(event.get("slug") or "").partition("-")[0]))
    stated = bool(market.get("sportsMarketType")) and len(outcomes_of(market)) == 2
    return stated and read.start is not None and named == (claim[1],) and names.leagues[claim[1]].names != "exact"


def _may_be(one: _Sided, other: _Sided) -> bool:
    return not conflicting_starts(one.claimed.start, other.claimed.start)


def _pair(claim: Claim, one: _Sided, other: _Sided, names: Names) -> ClaimedPair:
    first, second = one.claimed, other.claimed
    both = first.start is not None and second.start is not None
    start = first.start if first.start is not None else second.start
    game = _game(claim, start, names) if claim[0] == "game" else None
    day = "starts agree within 90 minutes" if both else "only the day agrees"
    return ClaimedPair(
        league=domain_of(claim),
        kind=_kind(claim),
        event=game.text(_clock(one.ident)) if game is not None else ":".join(_event(claim)),
        claim=claim,
        ticker=one.ident,
        condition=other.ident,
        outcome_index=Outcome(other.index),
        structural=both and one.proven and other.proven,
        starts_at=start,
        evidence=(asks(claim), *first.evidence, *second.evidence, *((day,) if game is not None else ())),
        game=game,
    )


def _game(claim: Claim, start: WallNs | None, names: Names) -> GameKey:
    """The game, in the same word as its winner's pair: one event, one claim (B-191)."""
    league, day, teams = names.leagues[claim[1]], date.fromisoformat(claim[2]), frozenset(claim[3].split("+"))
    return GameKey(sport=league.sport, league=league.id, day_et=day, start=start, teams=teams)


def _clock(ticker: str) -> str:
    """The ticker's HHMM, which tells doubleheaders apart; "" where it has none."""
    digits = ticker.split("-")[1][7:11] if ticker.count("-") else ""
    return digits if len(digits) == 4 and digits.isdigit() else ""


def _event(claim: Claim) -> Claim:
    """One competition, race, meeting or series of thresholds: everything but which of its outcomes."""
    return claim[:4] if claim[0] in ("economics", "crypto", "weather") else claim[:-1]


def _kind(claim: Claim) -> str:
    if claim[0] != "game":
        return claim[2] if claim[0] == "economics" and len(claim) > 2 else claim[0]
    period, kind = claim[4], _KINDS.get(claim[5], claim[5])
    return "map_winner" if period.startswith("map ") else _PERIODS.get(period, "") + kind
