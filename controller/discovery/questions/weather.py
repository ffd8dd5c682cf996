"""Claims about the highest or lowest temperature of a local day at one station.

A city is no station: Central Park and LaGuardia differ by degrees, and Chicago has two airports (near-miss "station"). Station and
product are read from the rules, never from the city in a title; without both there is no claim. The unit is part of the band.
"""

import re

from controller.discovery.game import Row
from controller.discovery.names import fold
from controller.discovery.polymarket_keys import outcomes_of
from controller.discovery.questions.bands import Band, asked_band, kalshi_band
from controller.discovery.questions.claim import Claimed, Unread
from controller.discovery.questions.days import eastern_day, one_day, ticker_day
from controller.discovery.questions.wording import label_denies, no_pays_first, unknown_word
from controller.discovery.settlement.clauses import read

__all__ = ["STATIONS", "kalshi_weather_claim", "polymarket_weather_claim"]

STATIONS = {
    "KNYC": "central park", "KLGA": "laguardia", "KJFK": "john f kennedy", "KMDW": "midway", "KORD": "ohare",
    "KMIA": "miami international", "KAUS": "bergstrom", "KLAX": "los angeles international", "KDEN": "denver international",
    "KBKF": "buckley", "KPHL": "philadelphia international", "KIAH": "bush intercontinental", "KHOU": "hobby",
    "KDFW": "fort worth international", "KDAL": "love field", "KATL": "hartsfield", "KBOS": "logan",
    "KDCA": "reagan", "KIAD": "dulles", "KSEA": "tacoma", "KSFO": "san francisco international", "KLAS": "harry reid",
    "KPHX": "sky harbor", "KMSP": "saint paul international", "KMSY": "louis armstrong", "KOKC": "will rogers",
    "KSAT": "san antonio international", "EGLC": "london city", "EGLL": "heathrow",
}  # fmt: skip
"""ICAO code of each station and the words of its name that no other station's name has."""
_SERIES = re.compile(r"KX(HIGH|LOW)[A-Z]+")
_TICKER = re.compile(r"KX[A-Z]+-(\d\d[A-Z]{3}\d\d)")
_METRIC = {
    "high": re.compile(r"\b(?:highest|high|maximum) temp", re.I),
    "low": re.compile(r"\b(?:lowest|low|minimum) temp", re.I),
}
_PLACE = re.compile(
    r"(?i:\b(?:(?:high|low)(?:est)?|(?:max|min)imum) temp(?:erature)?s?)(?: in [A-Z][\w.'’-]*,?(?: [A-Z][\w.'’-]*){0,3})?"
)
"""The value and the city, which proves nothing; any other word ("forecast", "at noon") asks for another value."""
_CODE = re.compile(rf"(?<![A-Za-z])({'|'.join(STATIONS)})(?![A-Za-z])")
_PRODUCTS = {
    "NWS climatological report": re.compile(r"climatological report|daily climate report", re.I),
    "Weather Underground history": re.compile(r"wunderground|weather underground", re.I),
}
_UNITS = {"F": re.compile(r"fahrenheit|°\s?F\b", re.I), "C": re.compile(r"celsius|°\s?C\b", re.I)}


def kalshi_weather_claim(event: Row, market: Row) -> Claimed | Unread:
    """Read a KXHIGH... or KXLOW... market; Unread "series" for any other series."""
    ticker = str(event.get("event_ticker") or market.get("event_ticker") or "")
    coded = _TICKER.fullmatch(ticker)
    series = _SERIES.fullmatch(ticker.partition("-")[0])
    title = f"{event.get('title') or ''} {market.get('title') or ''}"
    if series is None or coded is None or not any(pattern.search(title) for pattern in _METRIC.values()):
        return Unread("series", ticker)
    if unknown_word(title, frozenset(), (_PLACE,)):
        return Unread("wording", title)
    band, day = kalshi_band(market), ticker_day(coded[1])
    rules = "\n".join(text for name in ("rules_primary", "rules_secondary") if isinstance(text := market.get(name), str))
    if band is None:
        return Unread("strike", str(market.get("ticker")))
    if day is None or {one_day(text, day.year) for text in (title, rules)} - {None, day}:
        return Unread("day", ticker)
    return _done(series[1].lower(), day.isoformat(), band, title, rules)


def polymarket_weather_claim(event: Row, market: Row) -> Claimed | Unread:
    """Read "Will the highest temperature in X be N on D?"; Unread "question_form" for anything else."""
    question = str(market.get("question") or "").strip()[:300]
    metrics = [name for name, pattern in _METRIC.items() if pattern.search(question)]
    if len(metrics) != 1:
        return Unread("question_form", question)
    if unknown_word(question, frozenset(), (_PLACE,)):
        return Unread("wording", question)
    if [fold(name) for name in outcomes_of(market)] != ["yes", "no"]:
        return Unread("outcomes", str(market.get("outcomes")))
    last = eastern_day(event.get("endDate") or market.get("endDate"))
    band, day = asked_band(question), one_day(question, last.year if last else None)
    rules = str(market.get("description") or "")
    if band is None or label_denies(market.get("groupItemTitle"), band):
        return Unread("strike", f"{question}: {market.get('groupItemTitle')}")
    if day is None or (last is not None and not 0 <= (last - day).days <= 2):
        return Unread("day", f"{question}: {last}")
    return _done(metrics[0], day.isoformat(), band, question, rules)


def _done(metric: str, day: str, band: Band, asked: str, rules: str) -> Claimed | Unread:
    clauses = read(rules)
    if clauses.troubles or no_pays_first(rules):
        return Unread("rules", (clauses.troubles or ("pay No first",))[0])
    metrics = {name for text in (asked, rules) for name, pattern in _METRIC.items() if pattern.search(text)}
    if metrics != {metric}:
        return Unread("metric", asked)
    words = f" {fold(rules)} ".replace(" o hare ", " ohare ")
    stations = {code for code, name in STATIONS.items() if f" {name} " in words} | set(_CODE.findall(rules))
    products = [name for name, pattern in _PRODUCTS.items() if pattern.search(rules)]
    units = [name for name, pattern in _UNITS.items() if pattern.search(f"{asked} {rules}")]
    for what, seen in (("station", sorted(stations)), ("product", products), ("unit", units)):
        if len(seen) != 1:
            return Unread(what, f"{len(seen)} of them: {', '.join(seen)}")
    claim = ("weather", stations.pop(), metric, day, products[0], units[0], *band.fields)
    return Claimed((claim, None), False, (f"asks {' '.join(claim[1:])}",))
