"""Claims about one figure of a statistical release: prices, jobs, growth.

The claim holds country, measure, reference period, agency, first print or revised, and the band. Nothing is taken for granted: a
country is named or is the agency's, and rules that are silent on revisions leave the print open (near-misses "country" and
"boundary"). Agency, measure and print fix how the figure is rounded, so rounding is no field of its own.
"""

import re

from controller.discovery.game import Row
from controller.discovery.names import fold
from controller.discovery.polymarket_keys import outcomes_of
from controller.discovery.questions.bands import Band, agrees, asked_band, kalshi_band
from controller.discovery.questions.claim import Claimed, Unread
from controller.discovery.questions.days import MONTHS, month_of
from controller.discovery.questions.wording import label_denies, no_pays_first, unknown_word
from controller.discovery.settlement.clauses import read

__all__ = ["kalshi_release_claim", "polymarket_release_claim"]

_SERIES = {
    "KXCPI": ("US", "cpi_monthly"), "KXECONSTATCPI": ("US", "cpi_monthly"),
    "KXCPIYOY": ("US", "cpi_yearly"), "KXECONSTATCPIYOY": ("US", "cpi_yearly"),
    "KXCPICORE": ("US", "core_cpi_monthly"), "KXECONSTATCPICORE": ("US", "core_cpi_monthly"),
    "KXCPICOREYOY": ("US", "core_cpi_yearly"), "KXECONSTATCORECPIYOY": ("US", "core_cpi_yearly"),
    "KXU3": ("US", "unemployment"), "KXECONSTATU3": ("US", "unemployment"),
    "KXPAYROLLS": ("US", "payrolls"), "KXGDP": ("US", "gdp_quarterly_annualized"),
    "KXUKGDPMOM": ("UK", "gdp_monthly"), "KXCHGDPYOY": ("China", "gdp_yearly"),
}  # fmt: skip
_COUNTRY = {
    "US": re.compile(r"\b(?:US|U\.S\.|USA)(?!\w)|\bUnited States\b|\bAmerican\b"),
    "UK": re.compile(r"\bUK\b|\bU\.K\.|\bUnited Kingdom\b"),
    "China": re.compile(r"\bChin(?:a|ese)\b"),
    "Brazil": re.compile(r"\bBrazil"),
    "Germany": re.compile(r"\bGerman"),
    "France": re.compile(r"\bFrance\b|\bFrench\b"),
    "Italy": re.compile(r"\bItal(?:y|ian)\b"),
    "Canada": re.compile(r"\bCanad"),
    "Japan": re.compile(r"\bJapan"),
    "euro area": re.compile(r"\beuro ?(?:zone|area)\b", re.I),
}
_AGENCIES = {"Bureau of Labor Statistics": "US", "Bureau of Economic Analysis": "US"}
_CPI = re.compile(r"\bCPI\b|\binflation\b|consumer price index", re.I)
_CORE = re.compile(r"\bcore\b|less food and energy|excluding food and energy", re.I)
_YEARLY = re.compile(r"\byear[- ](?:over|on)[- ]year\b|\bYoY\b|\bannual\b|\byear ending\b|\b12[- ]months?\b", re.I)
_MONTHLY = re.compile(r"\bmonth[- ](?:over|on)[- ]month\b|\bMoM\b|\bmonthly\b", re.I)
_RISE_IN = re.compile(rf"\b(?:rise|increase)\b.{{0,60}}\bin (?:{MONTHS})", re.I)
_QUARTERLY = re.compile(r"\bannuali[sz]ed\b", re.I)
_JOBS = re.compile(r"\bnon-?farm payrolls?\b|\bjobs added\b|\badd\w* .{0,30}\bjobs\b|\bpayrolls\b", re.I)
_UNEMPLOYMENT = re.compile(r"\bunemployment rate\b", re.I)
_GDP = re.compile(r"\bGDP\b|gross domestic product", re.I)
_SAID = frozenset(
    {"rate", "us", "real", "year", "ending", "yearly", "yoy", "month", "monthly", "mom", "annual", "annually", "annualized"}
    | {"annualised", "quarter", "quarterly"}
)
_WORDS = {
    "cpi": frozenset({"cpi", "inflation", "core", "consumer", "price", "index", "increase", "rise", "months"}),
    "unemployment": frozenset({"unemployment"}),
    "payrolls": frozenset({"jobs", "job", "numbers", "added", "add", "nonfarm", "non", "farm", "payroll", "payrolls"}),
    "gdp": frozenset({"gdp", "gross", "domestic", "product", "growth", "grow", "increase", "rise", "rate"}),
}
"""Words of a title beside country, band and period; any other ("producer", "Black", "nominal", "any") asks for another figure."""
_SPOKEN = (re.compile(r"\(?\bU-3\)?"), _CORE, re.compile(r"\beconomy\b", re.I))
_SEASONAL = re.compile(r"(not |un|non-)?\bseasonally[ -]adjusted", re.I)
_TICKER = re.compile(rf"KX[A-Z0-9]+-(\d\d)({MONTHS})(\d\d)?", re.I)
_MONTH = re.compile(
    r"\b(January|February|March|April|May|June|July|August|September|October|November|December"
    r"|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b\.?(?! \d\d?\b)(?: (20\d\d))?",
)
_QUARTER = re.compile(r"\bQ([1-4])(?: (20\d\d))?\b")


def kalshi_release_claim(event: Row, market: Row) -> Claimed | Unread:
    """Read a market of a known release; Unread "series" for any other series."""
    ticker = str(event.get("event_ticker") or market.get("event_ticker") or "")
    known = _SERIES.get(ticker.partition("-")[0])
    if known is None:
        return Unread("series", ticker)
    coded = _TICKER.fullmatch(ticker)
    title, event_title = str(market.get("title") or ""), str(event.get("title") or "")
    if _strange(f"{title} {event_title}", known[1]):
        return Unread("wording", f"{title} / {event_title}")
    band = kalshi_band(market)
    if band is None:
        return Unread("strike", str(market.get("ticker")))
    periods = {found for text in (title, event_title) if (found := _period(text, None)) is not None}
    if coded is not None and coded[3] is None:
        periods.add(f"20{coded[1]}-{month_of(coded[2]):02d}")  # a code with a day names the release, not the month measured
    if len(periods) != 1:
        return Unread("period", f"{ticker}: {title}")
    asked = f"{title} {event_title}"
    if _measure(asked) not in (None, known[1]) or _countries(asked) - {known[0]}:
        return Unread("contradiction", asked)
    rules = "\n".join(text for name in ("rules_primary", "rules_secondary") if isinstance(text := market.get(name), str))
    return _done(known[0], known[1], periods.pop(), band, rules)


def polymarket_release_claim(event: Row, market: Row) -> Claimed | Unread:
    """Read a question about one figure of one period; Unread "question_form" for anything else."""
    question = str(market.get("question") or "").strip()[:300]
    known = any(pattern.search(question) for pattern in (_CPI, _JOBS, _UNEMPLOYMENT, _GDP))
    band = asked_band(question) if known else None
    if band is None:
        return Unread("question_form", question)
    if [fold(name) for name in outcomes_of(market)] != ["yes", "no"]:
        return Unread("outcomes", str(market.get("outcomes")))
    title, rules = str(event.get("title") or "")[:300], str(market.get("description") or "")
    measure = _measure(f"{question} {title}") or _measure(f"{question} {rules[:1_000]}")
    if measure is None:
        return Unread("measure", question)
    if _strange(f"{question} {title}", measure) or label_denies(market.get("groupItemTitle"), band):
        return Unread("wording", f"{question} / {title}: {market.get('groupItemTitle')}")
    periods = {found for text in (question, title) if (found := _period(text, _year(title, rules))) is not None}
    if len(periods) != 1:
        return Unread("period", f"{question} / {title}")
    countries = _countries(f"{question} {title}") | {_AGENCIES[name] for name in read(rules).sources if name in _AGENCIES}
    if len(countries) != 1:
        return Unread("country", f"{question}: {', '.join(sorted(countries)) or 'none'}")
    return _done(countries.pop(), measure, periods.pop(), band, rules)


def _done(country: str, measure: str, period: str, band: Band, rules: str) -> Claimed | Unread:
    clauses = read(rules)
    if clauses.troubles or no_pays_first(rules):
        return Unread("rules", (clauses.troubles or ("pay No first",))[0])
    if not _of(rules, measure, period):
        return Unread("contradiction", f"{measure} of {period}: {rules[:150]}")
    if not agrees(asked_band(rules), band):
        return Unread("contradiction", f"{band.fields}: {rules[:150]}")
    if len(clauses.sources) != 1:
        return Unread("source", ", ".join(clauses.sources) or "none")
    agency = clauses.sources[0]
    if _AGENCIES.get(agency, country) != country:
        return Unread("contradiction", f"{agency} of {country}")
    if clauses.revised is None:
        return Unread("print", rules[:150])
    claim = ("economics", country, measure, period, agency, "revised" if clauses.revised else "first print", *band.fields)
    return Claimed((claim, None), False, (f"asks {' '.join(claim[1:])}",))


def _strange(text: str, measure: str) -> str:
    """The first word of a title that the plain figure would not need, "" for none."""
    kind = next(kind for kind in _WORDS if kind in measure)
    return unknown_word(text, _SAID | _WORDS[kind], (*_SPOKEN, *_COUNTRY.values()))


def _of(rules: str, measure: str, period: str) -> bool:
    """The rules speak of no core beside a headline, no other period, and not of the other seasonal adjustment.

    Monthly prices are headlined adjusted, yearly ones unadjusted; the texts seldom say so, but one that says the other means it.
    """
    if _CORE.search(rules) and "core" not in measure:
        return False
    stated = _period(rules, None)
    if stated is not None and stated != period:
        return False
    said = {bool(found[0]) for found in (match.groups() for match in _SEASONAL.finditer(rules))}
    return "cpi" not in measure or not said or said == {measure.endswith("yearly")}


def _measure(text: str) -> str | None:
    """The one measure that a text names, with its comparison base; None where base or measure is open."""
    kinds = [name for name, pattern in (("u", _UNEMPLOYMENT), ("p", _JOBS), ("g", _GDP), ("c", _CPI)) if pattern.search(text)]
    if len(kinds) != 1:
        return None
    if kinds[0] in "up":
        return {"u": "unemployment", "p": "payrolls"}[kinds[0]]
    yearly, monthly, quarterly = (bool(pattern.search(text)) for pattern in (_YEARLY, _MONTHLY, _QUARTERLY))
    monthly = monthly or (kinds[0] == "c" and not yearly and bool(_RISE_IN.search(text)))
    bases = [base for base, said in (("yearly", yearly), ("monthly", monthly), ("quarterly_annualized", quarterly)) if said]
    if len(bases) != 1:
        return None
    core = "core_" if kinds[0] == "c" and _CORE.search(text) else ""
    return f"{core}{'cpi' if kinds[0] == 'c' else 'gdp'}_{bases[0]}"


def _period(text: str, year: str | None) -> str | None:
    """ "2026-05" or "2026-Q1", None where the text names none, several or no year."""
    quarters, months = _QUARTER.findall(text), _MONTH.findall(text)
    found = {f"{stated or year}-Q{quarter}" for quarter, stated in quarters if stated or year}
    if not quarters:
        found = {f"{stated or year}-{month_of(month):02d}" for month, stated in months if stated or year}
    return found.pop() if len(found) == 1 else None


def _year(*texts: str) -> str | None:
    """The year of a release whose question names a month alone: the one its title states, else the one its rules state."""
    for text in texts:
        years = set(re.findall(r"\b20\d\d\b", text[:2_000]))
        if years:
            return str(years.pop()) if len(years) == 1 else None
    return None


def _countries(text: str) -> set[str]:
    return {name for name, pattern in _COUNTRY.items() if pattern.search(text)}
