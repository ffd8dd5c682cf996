"""Claims about the price of a coin: at one instant, or touched within a stated window.

The claim holds asset, shape, instant or window, price source with its quote, method (average, candle close or high) and band. The
source and the method are read from the rules alone and are missing from most titles: without them there is no claim, because an
index average and one exchange's candle are two prices (near-miss "source"). Up-or-down markets have a price of their own to
beat and are never read.
"""

import re
from datetime import UTC, date, datetime, timedelta

from controller.discovery.game import Row
from controller.discovery.names import fold
from controller.discovery.polymarket_keys import outcomes_of
from controller.discovery.questions.bands import Band, agrees, asked_band, kalshi_band, number
from controller.discovery.questions.claim import Claimed, Unread
from controller.discovery.questions.days import MONTHS, days_in, eastern_day, one_day, ticker_day
from controller.discovery.questions.wording import label_denies, no_pays_first, unknown_word
from controller.discovery.settlement.clauses import read
from controller.discovery.when import EASTERN, eastern
from trading.units import WallNs

__all__ = ["kalshi_crypto_claim", "polymarket_crypto_claim"]

_ASSETS = {"BTC": "bitcoin", "ETH": "ethereum", "SOL": "solana", "XRP": "xrp", "DOGE": "dogecoin"}
_CODES = {name: code for code, name in _ASSETS.items()}
_COIN = re.compile(rf"\b({'|'.join((*_ASSETS, *_CODES))})\b", re.I)
_AT = re.compile(r"KX(BTC|ETH|SOL|XRP|DOGE)[DE]?")
_TOUCH = re.compile(r"KX(BTC|ETH|SOL|XRP|DOGE)(MAX|MIN)(?:MON|Y)")
_TICKER = re.compile(r"[A-Z]+-(\d\d[A-Z]{3}\d\d)(\d\d)")
_CLOCK = re.compile(r"\b(1[0-2]|[1-9])(?::([0-5]\d))? ?([ap])\.?m\.?,? ?\(?(ET|EST|EDT)\b", re.I)
_DAY_CLOCK = re.compile(r"\b(\d\d):(\d\d) in the ET timezone", re.I)
_POLY_AT = re.compile(
    r"\b(?:at least|at most|above|below|between|over|under|less than|greater than)\b.* on [A-Z][a-z]+ \d", re.I
)
_POLY_TOUCH = re.compile(r"Will (?P<coin>.+?) (?P<way>reach|hit|dip to|drop to) (?P<strike>\$[\d,.]+k?)\b(?P<rest>.*)", re.I)
_METHODS = {
    "60s average": re.compile(
        r"average (?:\w+ ){0,4}(?:sixty|60)[ -]seconds?|(?:sixty|60)[ -]second(?:s of|\w* average)", re.I
    ),
    "1m close": re.compile(r"(?:1|one)[- ]minute candle\b.{0,120}?\bclos", re.I | re.S),
    "1m high or low": re.compile(r"(?:1|one)[- ]minute candle\b.{0,160}?\b(?:high|low)\b", re.I | re.S),
}
_SIDES = {"high": re.compile(r"\bhigh\b", re.I), "low": re.compile(r"\blow\b", re.I)}
_SAID = frozenset({"price", "range", "today", "close", "reach", "hit", "dip", "drop", "this", "week", "month", "year", "get"})
_HOW_FAR = re.compile(r"\bHow (?:high|low)\b")
"""Words of a title beside coin, band and time; any other ("classic", "dominance", "ETF") asks for another value."""
_QUOTE = re.compile(r"\b(?:BTC|ETH|SOL|XRP|DOGE)[/_-]?(USDT|USDC|USD)\b")


def kalshi_crypto_claim(event: Row, market: Row) -> Claimed | Unread:
    """Read a price-at-time or touch market; Unread "series" for any other series."""
    ticker = str(event.get("event_ticker") or market.get("event_ticker") or "")
    series = ticker.partition("-")[0]
    at, touch = _AT.fullmatch(series), _TOUCH.fullmatch(series)
    if at is None and touch is None:
        return Unread("series", series)
    found = at or touch
    assert found is not None
    asset, title = found[1], f"{event.get('title') or ''} {market.get('title') or ''}"
    strange = unknown_word(title, _SAID, (_COIN, _HOW_FAR))
    if strange or (touch is not None and _SIDES["low" if touch[2] == "MAX" else "high"].search(title)):
        return Unread("wording", title)
    rules = _rules(market)
    band = kalshi_band(market)
    if band is None:
        return Unread("strike", str(market.get("ticker")))
    if _assets(title) != {asset}:
        return Unread("asset", title)
    if touch is not None:
        return _touched(asset, "high" if touch[2] == "MAX" else "low", band, rules, title)
    coded = _TICKER.fullmatch(ticker)
    day = ticker_day(coded[1]) if coded else None
    if coded is None or day is None or one_day(title, None) not in (None, day):
        return Unread("instant", ticker)
    moment = eastern(day, f"{coded[2]}00")
    stated = {one for one in (_clock(title, day), _clock(rules, day)) if one is not None}
    if moment is None or stated != {moment}:
        return Unread("instant", f"{ticker}: {title}")
    return _done(asset, "at", _utc(moment), band, rules)


def polymarket_crypto_claim(event: Row, market: Row) -> Claimed | Unread:
    """Read "X above N on D, 5PM ET?" and "Will X reach N ...?"; Unread "question_form" for anything else."""
    question = str(market.get("question") or "").strip()[:300]
    assets = _assets(question)
    touch = _POLY_TOUCH.fullmatch(question) if assets else None
    if len(assets) != 1 or "up or down" in question.lower() or (touch is None and not _POLY_AT.search(question)):
        return Unread("question_form", question)
    outcomes = [fold(name) for name in outcomes_of(market)]
    if outcomes != ["yes", "no"]:
        return Unread("outcomes", str(market.get("outcomes")))
    if unknown_word(question, _SAID, (_COIN,)):
        return Unread("wording", question)
    asset, rules = assets.pop(), str(market.get("description") or "")
    if touch is not None:
        strike = number(touch["strike"])
        if strike is None:
            return Unread("strike", question)
        high = touch["way"].lower() in ("reach", "hit")
        band = Band("at_least" if high else "at_most", (strike,))
        if label_denies(market.get("groupItemTitle"), band):
            return Unread("contradiction", f"{question}: {market.get('groupItemTitle')}")
        return _touched(asset, "high" if high else "low", band, rules, touch["rest"])
    asked = asked_band(question)
    if asked is None or label_denies(market.get("groupItemTitle"), asked):
        return Unread("strike", f"{question}: {market.get('groupItemTitle')}")
    last = eastern_day(event.get("endDate") or market.get("endDate"))
    day = one_day(question, last.year if last else None)
    if day is None or (last is not None and last != day):
        return Unread("instant", f"{question}: {last}")
    stated = {moment for moment in (_clock(question, day), _clock(rules, day)) if moment is not None}
    if len(stated) != 1:
        return Unread("instant", question)
    return _done(asset, "at", _utc(stated.pop()), asked, rules)


def _touched(asset: str, side: str, band: Band, rules: str, asked: str) -> Claimed | Unread:
    """Both ends of the window stand in the rules: "by a day" begins whenever the market was made (matching.md 4)."""
    other = "low" if side == "high" else "high"
    if not _SIDES[side].search(rules) or _SIDES[other].search(rules):
        return Unread("source", f"not the {side}: {rules[:150]}")
    days = sorted(days_in(rules))
    if len(days) != 2 or not re.search(r"11:59 ?p\.?m\.?,? ?\(?(?:ET|EST|EDT)\b", rules, re.I):
        return Unread("window", rules[:200])
    named = re.search(rf"\b({MONTHS})[a-z]* (\d\d?) ?[-–] ?(\d\d?)\b", asked, re.I)
    first, last = days
    if named is not None and (named[1][:3].lower(), named[2], named[3]) != (
        f"{first:%b}".lower(),
        str(first.day),
        str(last.day),
    ):
        return Unread("window", asked)
    if (last - first) > timedelta(days=400):
        return Unread("window", asked)
    return _done(asset, f"touches {side}", f"{first.isoformat()} to {last.isoformat()} ET", band, rules)


def _done(asset: str, shape: str, when: str, band: Band, rules: str) -> Claimed | Unread:
    clauses = read(rules)
    if clauses.troubles or no_pays_first(rules):
        return Unread("rules", (clauses.troubles or ("pay No first",))[0])
    if not agrees(asked_band(rules), band):
        return Unread("contradiction", f"{band.fields}: {rules[:150]}")
    methods = [name for name, pattern in _METHODS.items() if pattern.search(rules)]
    if len(clauses.sources) != 1 or len(methods) != 1:
        return Unread("source", f"{', '.join(clauses.sources) or 'no source'}; {', '.join(methods) or 'no method'}")
    quotes = set(_QUOTE.findall(rules))
    if len(quotes) > 1:
        return Unread("source", f"quotes {', '.join(sorted(quotes))}")
    source = " ".join((clauses.sources[0], *quotes))
    claim = ("crypto", asset, shape, when, source, methods[0], *band.fields)
    return Claimed((claim, None), False, (f"asks {asset} {shape} {when} {' '.join(band.fields)} by {source}, {methods[0]}",))


def _assets(text: str) -> set[str]:
    return {word.upper() if word.upper() in _ASSETS else _CODES[word.lower()] for word in _COIN.findall(text)}


def _rules(market: Row) -> str:
    parts = (market.get("rules_primary"), market.get("rules_secondary"))
    return "\n".join(part for part in parts if isinstance(part, str))[:20_000]


def _clock(text: str, day: date) -> WallNs | None:
    """The one moment of that day that a text states in Eastern time; None where it states none or several."""
    found = set()
    for hour, minute, half, zone in _CLOCK.findall(text[:20_000]):
        moment = eastern(day, f"{int(hour) % 12 + (12 if half.lower() == 'p' else 0):02d}{minute or '00'}")
        if moment is None or zone.upper() not in ("ET", _zone(day)):
            return None  # summer time named in winter is another hour
        found.add(moment)
    for hour, minute in _DAY_CLOCK.findall(text[:20_000]):
        moment = eastern(day, f"{hour}{minute}")
        if moment is None:
            return None
        found.add(moment)
    return found.pop() if len(found) == 1 else None


def _zone(day: date) -> str:
    return str(datetime(day.year, day.month, day.day, 12, tzinfo=EASTERN).tzname())


def _utc(moment: WallNs) -> str:
    return f"{datetime.fromtimestamp(moment // 1_000_000_000, UTC):%Y-%m-%dT%H:%MZ}"
