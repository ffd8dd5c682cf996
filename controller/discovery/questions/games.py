"""Claims about one game beside its winner: spread, total, both teams to score, first half, first inning, one map.

The game itself is read by the two readers of full-game winners, which are handed the row with its market part taken off: one
place knows series, days, starts and names. The line is Kalshi's floor_strike or title and Polymarket's line or question, never
the ticker's suffix (KX...-1 and KX...-2 have both meant over 1.5: matching.md section 4).
"""

import re
from collections.abc import Callable
from functools import cache

from controller.discovery.game import Abstain, Keyed, Row
from controller.discovery.kalshi_keys import kalshi_key, other_competition
from controller.discovery.names import DRAW, League, Names, fold
from controller.discovery.parts import bare, foreign, of_event
from controller.discovery.polymarket_keys import outcomes_of, polymarket_key
from controller.discovery.questions.claim import Claim, Claimed, Unread
from controller.discovery.questions.lines import VERSUS, kalshi_asks, line_of, side_of

__all__ = ["SEGMENTS", "kalshi_game_claim", "polymarket_game_claim", "series_roots"]

_KINDS = {
    "SPREAD": ("spread", "full"),
    "TOTAL": ("total", "full"),
    "BTTS": ("btts", "full"),
    "1H": ("winner", "1h"),
    "1HWINNER": ("winner", "1h"),
    "1HSPREAD": ("spread", "1h"),
    "1HTOTAL": ("total", "1h"),
    "RFI": ("first_inning_run", "1i"),
    "MAP": ("winner", "map"),
}
SEGMENTS = tuple(_KINDS)
"""Ends of the series that are read beside a league's winners: KXNBA + SPREAD."""
_WINNER = re.compile(r"(?:GAME|MATCH)$")
_TAIL = re.compile(
    r": (?:(?P<spread>spreads?)|(?P<total>totals?(?: \w+)?)|(?P<btts>btts|both teams to score)"
    r"|first half (?:(?P<winner>winner)|(?P<half_spread>spread)|(?P<half_total>total))|(?P<first_inning_run>first inning run)"
    r"|map \d)$",
    re.I,
)
_P_SPREAD = re.compile(r"(?P<half>1H )?Spread: (?P<name>.+) \((?P<line>-\d+\.5)\)", re.I)
_P_TOTAL = re.compile(r"(?P<pair>.+): (?P<half>1H )?O/U (?P<line>\d+\.5)", re.I)
_P_BTTS = re.compile(r"(?P<pair>.+): Both Teams to Score\??", re.I)
_P_LEADING = re.compile(r"(?P<name>.+) leading at half-?time\?", re.I)
_P_HALF_DRAW = re.compile(r"(?P<pair>.+): Draw at half-?time\?", re.I)
_P_HALF_WIN = re.compile(r"(?P<pair>.+): 1H Moneyline", re.I)
_P_INNING = re.compile(r"Will there be a run scored in the first inning\?: (?P<pair>.+)", re.I)
_P_MAP = re.compile(r"(?P<pair>.+?)(?: -|:) (?:Map|Game) (?P<map>\d) Winner", re.I)
_NUMBER = re.compile(r"(?<![\w.])\d+\.\d+(?!\w)")
_COMPANION = re.compile(r" - (?:More Markets|Half-?time Result|Exact Score)$", re.I)
_COMPANION_SLUG = re.compile(r"(?<=\d{4}-\d{2}-\d{2})-(?:more-markets|halftime-result)$")
_TYPES = {
    "spreads": "spread",
    "totals": "total",
    "first_half_spreads": "spread",
    "first_half_totals": "total",
    "first_half_moneyline": "winner",
    "both_teams_to_score": "btts",
    "btts": "btts",
    "moneyline": "winner",
    "child_moneyline": "winner",
}


@cache
def series_roots(names: Names) -> dict[str, tuple[League, str]]:
    """KXEPL -> the league and its series of full-game winners."""
    return {_WINNER.sub("", series): (league, series) for league in names.leagues.values() for series in league.series}


def kalshi_game_claim(event: Row, market: Row, milestone: Row | None, names: Names) -> Claimed | Unread:
    """Read a market of a spread, total, half, inning or map series; any other series is unread."""
    series = str(event.get("series_ticker") or str(event.get("event_ticker") or "").partition("-")[0])
    found = next(
        (
            (series_roots(names)[series.removesuffix(end)], kind)
            for end, kind in _KINDS.items()
            if series.endswith(end) and series.removesuffix(end) in series_roots(names)
        ),
        None,
    )
    if found is None:
        return Unread("series", series)
    (league, winners), (kind, period) = found
    ticker, title = str(event.get("event_ticker") or ""), str(event.get("title") or "")
    metadata = event.get("product_metadata")
    competition = metadata.get("competition") if isinstance(metadata, dict) else None
    if other_competition({"product_metadata": {"competition": competition}}, league):
        return Unread("other_competition", title)
    if kind == "winner" and period == "map":
        ticker, _, number = ticker.rpartition("-")
        period = "map " + number
        if not title.endswith(f": Map {number}"):
            return Unread("map", title)
    pair = _pair(title, kind, period, league)
    if not pair:
        return Unread("title", title)
    game = _kalshi_game(league, series, winners, ticker, pair, milestone, names)
    if isinstance(game, Unread):
        return game
    what = kalshi_asks(kind, period, market, game, league, names, [part.strip() for part in VERSUS.split(pair)])
    if isinstance(what, Unread):
        return what
    return Claimed(
        (_claim(game, kind, period, what), None),
        game.key.start is not None and league.names != "exact",
        game.evidence,
        game.key.start,
    )


def _pair(title: str, kind: str, period: str, league: League) -> str:
    """ "A at B" of "Game 4: A at B: Spread"; "" where a tail names another kind or part than the series, or a head a part."""
    tail = _TAIL.search(title)
    named = {name for name, text in tail.groupdict().items() if text} if tail else set()
    half = any(name == "winner" or name.startswith("half_") for name in named)
    if named and ({name.removeprefix("half_") for name in named} != {kind} or half != (period == "1h")):
        return ""
    pair = title[: tail.start()] if tail else title
    head, colon, rest = pair.partition(": ")
    if not colon:
        return pair
    return (
        rest
        if ": " not in rest and league.names != "exact" and of_event(pair, league) and not foreign(head, (), league)
        else ""
    )


def _kalshi_game(
    league: League, series: str, winners: str, ticker: str, pair: str, milestone: Row | None, names: Names
) -> Keyed | Unread:
    """The game of a series beside the winners', read by the winners' own reader."""
    full = winners + ticker.removeprefix(series)
    sides = [part.strip() for part in VERSUS.split(pair)]
    if len(sides) != 2:
        return Unread("title", pair)
    tie = league.shape == "three_way"
    markets = [{"ticker": f"{full}-x{i}", "yes_sub_title": side} for i, side in enumerate(sides)]
    asked = {"ticker": f"{full}-TIE", "yes_sub_title": "Tie"} if tie else markets[0]
    event = {"event_ticker": full, "series_ticker": winners, "title": pair, "markets": markets}
    found = kalshi_key(event, asked, milestone, names=names)
    return Unread(found.reason, found.detail) if isinstance(found, Abstain) else found


def polymarket_game_claim(event: Row, market: Row, names: Names) -> Claimed | Unread:
    """Read a spread, total, both-teams, half, inning or map market; a full-game winner is unread here."""
    question, title = str(market.get("question") or "").strip(), str(event.get("title") or "").strip()
    form = _polymarket_form(question)
    if form is None:
        return Unread("question_form", question)
    kind, period, match = form
    stated = market.get("sportsMarketType")
    if stated and (_TYPES.get(stated, "") != kind or stated.startswith("first_half") != (period == "1h")):
        return Unread("type_conflict", f"{stated}: {question}")
    line = line_of(match["line"]) if kind in ("spread", "total") else ""
    given = market.get("line")
    # Gamma gives the same spread as -3.5 for full games and as 4.5 for halves: its size is what must agree.
    if line and given is not None and line_of(given).lstrip("-") != line.lstrip("-"):
        return Unread("line_conflict", f"{given}: {question}")
    base = _COMPANION.sub("", title)
    game = _polymarket_game(event, base, market.get("gameStartTime"), names)
    if isinstance(game, Unread):
        return game
    league = names.leagues[game.key.league]
    groups = match.groupdict()
    if not _labelled(str(market.get("groupItemTitle") or ""), line, period, league):
        return Unread("side_conflict", f"{question}: {market.get('groupItemTitle')}")
    if groups.get("pair") and not _same_pair(names, league, groups["pair"], game):
        return Unread("title_conflict", question)
    if kind in ("btts", "first_inning_run"):
        return _yes_no(market, _claim(game, kind, period, ()), game)
    if kind == "total":
        return _two(market, {"over": _claim(game, kind, period, ("over", line))}, "over", game, fold)
    if groups.get("name"):
        side = side_of(names, league, groups["name"], game)
        if not side:
            return Unread("side_unknown", question)
        if kind == "winner":
            return _yes_no(market, _claim(game, kind, period, (side,)), game)
        claim = _claim(game, kind, period, (side, line.lstrip("-")))
        return _two(market, {side: claim}, side, game, lambda name: side_of(names, league, name, game))
    if _P_HALF_DRAW.fullmatch(question):
        return _yes_no(market, _claim(game, kind, period, (DRAW,)), game)
    if period == "1h":
        return Unread("half_tie", question)  # two outcomes, and a half may end level: not one team's market
    sides = [side_of(names, league, name, game) for name in outcomes_of(market) or VERSUS.split(bare(groups["pair"], league))]
    if len(sides) != 2 or not all(sides) or sides[0] == sides[1]:
        return Unread("side_unknown", question)
    return Claimed(
        (_claim(game, kind, period, (sides[0],)), _claim(game, kind, period, (sides[1],))), False, game.evidence, game.key.start
    )


def _labelled(label: str, line: str, period: str, league: League) -> bool:
    """groupItemTitle ("Spread -3.5", "1H O/U 110.5") states no other line and no other part than the question."""
    numbers = {line_of(number) for number in _NUMBER.findall(label)}
    if (line and numbers - {line.lstrip("-")}) or "team total" in fold(label):
        return False
    if period not in ("full", "1h"):
        return True
    own = (
        "O/U",
        "Spread",
        "Total",
        "Totals",
        *(("1H", "1st Half", "First Half", "Halftime", "Half") if period == "1h" else ()),
    )
    return not foreign(label, own, league)


def _polymarket_form(question: str) -> tuple[str, str, re.Match[str]] | None:
    for pattern, kind, period in (
        (_P_INNING, "first_inning_run", "1i"),
        (_P_SPREAD, "spread", "full"),
        (_P_TOTAL, "total", "full"),
        (_P_BTTS, "btts", "full"),
        (_P_LEADING, "winner", "1h"),
        (_P_HALF_DRAW, "winner", "1h"),
        (_P_HALF_WIN, "winner", "1h"),
        (_P_MAP, "winner", "map"),
    ):
        match = pattern.fullmatch(question)
        if match is not None:
            if "half" in match.groupdict() and match["half"]:
                period = "1h"
            return kind, "map " + match["map"] if period == "map" else period, match
    return None


def _polymarket_game(event: Row, base: str, start: object, names: Names) -> Keyed | Unread:
    """The game, read by the winners' reader from the event alone; a two-way and a three-way question are both tried."""
    slug = _COMPANION_SLUG.sub("", str(event.get("slug") or ""))
    shell = {**event, "title": base, "slug": slug}
    reason = Abstain("title_form", base)
    for question in (base, f"Will {base} end in a draw?"):
        asked = {"conditionId": "game", "question": question, "sportsMarketType": "moneyline", "gameStartTime": start}
        found = polymarket_key(shell, asked, names=names)
        if isinstance(found, Keyed):
            return found
        reason = found
    return Unread(reason.reason, reason.detail)


def _same_pair(names: Names, league: League, text: str, game: Keyed) -> bool:
    return {side_of(names, league, name, game) for name in VERSUS.split(bare(text, league))} == game.key.teams


def _yes_no(market: Row, claim: Claim, game: Keyed) -> Claimed | Unread:
    outcomes = [fold(name) for name in outcomes_of(market)]
    if not outcomes and market.get("outcomes"):
        return Unread("outcomes", str(market.get("outcomes")))
    if outcomes not in ([], ["yes", "no"], ["no", "yes"]):
        return Unread("outcomes", str(outcomes))
    sides = (None, claim) if outcomes[:1] == ["no"] else (claim, None)
    return Claimed(sides, bool(outcomes) and game.key.start is not None, game.evidence, game.key.start)


def _two(market: Row, claims: dict[str, Claim], first: str, game: Keyed, read: Callable[[str], str]) -> Claimed | Unread:
    """Outcomes named by side; without names the proposition's own side is outcome 0."""
    outcomes = outcomes_of(market)
    if not outcomes:
        return (
            Unread("outcomes")
            if market.get("outcomes")
            else Claimed((claims[first], None), False, game.evidence, game.key.start)
        )
    sides = [read(name) for name in outcomes]
    if len(sides) != 2 or sides.count(first) != 1 or not all(sides):
        return Unread("outcomes", str(outcomes))
    found = (claims[first], None) if sides[0] == first else (None, claims[first])
    return Claimed(found, game.key.start is not None and game.proven, game.evidence, game.key.start)


def _claim(game: Keyed, kind: str, period: str, what: tuple[str, ...]) -> Claim:
    key = game.key
    return ("game", key.league, key.day_et.isoformat(), "+".join(sorted(key.teams)), period, kind, *what)
