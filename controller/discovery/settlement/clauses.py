"""Read one settlement text into the clauses that decide whether a hedge pays: windows, voids, ties, overtime, lines, dates.

A clause is read only from a sentence whose words leave one meaning; two meanings in one text are trouble, and a text that cannot
be read as a whole (unfilled template, not English, far too long, hidden characters) says so instead of saying nothing. None
always means "the text does not say", which is never taken for agreement.
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Literal

import msgspec

__all__ = ["Clauses", "Pays", "read", "unreadable"]

Pays = Literal["fair", "half", "yes", "no", "draw_yes", "own_market"]
"""fair: a price the venue finds. half: $0.50 each. own_market: a market of its own (the draw) pays. draw_yes: No, No, draw Yes."""

_LONGEST = 20_000
"""Characters; the longest real text seen has under 4,000."""
_TEMPLATE = re.compile(r"\|\||\{\{|\}\}|<[A-Za-z_ ]+>|\[[A-Z][A-Z_ ]{2,}\]")
_SENTENCE = re.compile(r"(?<=[.!?:])\s+|\n+")
_NUMBER = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "seven": 7, "ten": 10, "fourteen": 14, "thirty": 30}
_HOURS = {"hour": 1, "day": 24, "week": 168}
_WINDOW = re.compile(r"\b(?:within|over|than|beyond|after|under) (\d+|[a-z]+)[ -](hour|day|week)s?\b", re.IGNORECASE)
_LATER = re.compile(r"postpone|reschedul|delay|not (?:started|begun|played)|begins? within", re.IGNORECASE)
_CANCEL = re.compile(r"cancel|abandon|no[ -]contest|not played|never played", re.IGNORECASE)
_OPEN = re.compile(r"remains? open|stays? open", re.IGNORECASE)
_OPEN_ENDED = re.compile(
    r"remains? open until the (?:game|match|fight|event|map) (?:has been|is) (?:completed|played)", re.IGNORECASE
)
_TIE = re.compile(r"\b(?:ends? in a (?:tie|draw)|is (?:a tie|tied|drawn)|score is tied)\b", re.IGNORECASE)
_WALKOVER = re.compile(r"walkover|walk over|retire(?:s|d|ment)|withdraw|disqualif|forfeit", re.IGNORECASE)
_PAYS: tuple[tuple[Pays, re.Pattern[str]], ...] = (
    ("fair", re.compile(r"\bfair (?:market )?(?:price|value)", re.IGNORECASE)),
    ("half", re.compile(r"50[-/ ]50|\$?0\.50\b|50¢|50 cents", re.IGNORECASE)),
    ("own_market", re.compile(r"market called \W?(?:tie|draw)\W? resolves to yes", re.IGNORECASE)),
    (
        "draw_yes",
        re.compile(r"draw\W{0,2} (?:market )?(?:will )?resolves? (?:to )?\W?yes|resolve in favor of \W?draw", re.IGNORECASE),
    ),
    ("no", re.compile(r"resolves? (?:to )?\W?no\b", re.IGNORECASE)),
    ("yes", re.compile(r"resolves? (?:to )?\W?yes\b", re.IGNORECASE)),
)
_REGULATION = re.compile(
    r"first 90 minutes|90 minutes (?:of regular play )?plus|regulation (?:time )?only|end of regulation"
    r"|(?:not include|exclud\w+|not count) (?:any )?(?:overtime|extra time)",
    re.IGNORECASE,
)
_OVERTIME = re.compile(
    r"\b(?:including|includes?) (?:any |all )?(?:potential )?(?:overtime|extra time|extra innings|shoot|penalt)", re.IGNORECASE
)
_HALF = re.compile(r"first half|at halftime|first (?:five|5) innings|1st half", re.IGNORECASE)
_ABOVE = re.compile(
    r"\b(?:more(?: than)?|above|over|greater than|exceeds?) \$?(\d[\d,]*(?:\.\d+)?)(?!\d)(?! ?%? ?(?:hour|day|minute|week))"
)
_AT_LEAST = re.compile(r"\bat least \$?(\d[\d,]*(?:\.\d+)?)(?!\d)(?! ?(?:hour|day|minute|week))", re.IGNORECASE)
_OR_MORE = re.compile(r"\$?(\d[\d,]*(?:\.\d+)?)%? or (?:more|higher|above|greater)\b", re.IGNORECASE)
_DAY = (
    r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})"
    r"(?:,? (?:at )?(\d{1,2}(?::\d{2})? ?[ap]\.?m\.?))?(?: \(?(ET|EST|EDT|UTC|GMT|CT|PT|CET)\b)?"
)
_CLOCK = re.compile(r"(\d{1,2})(?::(\d{2}))? ?([ap])", re.IGNORECASE)
_BEFORE = re.compile(rf"\bbefore (?:the earlier of [^,.]{{1,60}} or )?{_DAY}", re.IGNORECASE)
_BY = re.compile(rf"\b(?:by|through|on or before|no later than) {_DAY}", re.IGNORECASE)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_EASTERN = {"EST": "ET", "EDT": "ET", "GMT": "UTC"}
_SOURCES = {
    "CF Benchmarks": r"cf benchmarks|real[- ]time index|\bbrti\b",
    "Chainlink": r"chainlink",
    "Binance": r"binance",
    "Coinbase": r"coinbase",
    "Bureau of Labor Statistics": r"bureau of labor statistics|\bbls\b",
    "Bureau of Economic Analysis": r"bureau of economic analysis|\bbea\b",
    "Office for National Statistics": r"office for national statistics|\bons\.gov",
    "National Bureau of Statistics of China": r"national bureau of statistics",
    "Federal Reserve": r"federal reserve|\bfomc\b",
    "National Weather Service": r"national weather service|\bnws\b|climatological report",
    "Weather Underground": r"wunderground|weather underground",
    "Associated Press": r"associated press",
}
_SOURCE = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in _SOURCES.items()}
_SOURCE_WORDS = (
    "benchmarks", "index", "brti", "chainlink", "binance", "coinbase", "labor", "bls", "economic analysis", "bea",
    "federal reserve", "fomc", "weather", "nws", "climatological", "wunderground", "associated press",
)  # fmt: skip
_FIRST_PRINT = re.compile(
    r"first (?:print|release|published|reported|estimate)|initial(?:ly)? (?:release|report|estimate|publish)\w*|advance estimate"
    r"|(?:revis\w+|updates?) (?:\w+ ){0,6}(?:not be|will not|are not|won't)",
    re.IGNORECASE,
)
_REVISED = re.compile(
    r"(?:revised|revisions?) (?:\w+ ){0,4}(?:will be|are) (?:considered|included|used)|most recent revision", re.IGNORECASE
)
_AFTER_ISSUE = re.compile(
    r"\b(?:after|from|since|between) (?:the )?(?:issuance|market'?s? (?:issuance|creation|opening|launch))", re.IGNORECASE
)
_WORDS = re.compile(r"\b(?:if|resolves?|will|the|wins?|market)\b", re.IGNORECASE)


class Clauses(msgspec.Struct, frozen=True, kw_only=True):
    """One text. Every None: it does not say.

    troubles: why the text as a whole cannot be relied on. window_h: hours a postponed event is waited for; waits: it is waited
    for without an end. postponed: what is paid beyond the window. deadline: the last day that counts, with zone; ends: the minute
    of that day at which it is over, None = its end. operator and
    line: ">=" of the smallest value that pays; a line of x.5 is already whole. after_issue: only what follows the listing counts.
    """

    troubles: tuple[str, ...] = ()
    window_h: int | None = None
    waits: bool = False
    postponed: Pays | None = None
    cancelled: Pays | None = None
    tie: Pays | None = None
    walkover: Pays | None = None
    overtime: bool | None = None
    half: bool = False
    operator: Literal[">", ">="] | None = None
    line: str | None = None
    deadline: date | None = None
    zone: str | None = None
    ends: int | None = None
    sources: tuple[str, ...] = ()
    revised: bool | None = None
    after_issue: bool = False


class _Said(msgspec.Struct, frozen=True):
    """One sentence, whatever text it stands in: the texts of a series differ in their first one, so the rest is read once."""

    late: bool
    windows: tuple[int, ...]
    beyond: tuple[Pays, ...]
    """What is paid after the window; () where it stays open."""
    open: bool
    cancel: bool
    tie: bool
    walkover: bool
    pays: tuple[Pays, ...]
    regulation: bool
    overtime: bool
    half: bool
    first_print: bool
    revised: bool
    lines: tuple[tuple[Literal[">", ">="], str], ...]
    sources: tuple[str, ...]
    after_issue: bool


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""Of ASCII; lines and tabs are no trouble."""


@lru_cache(maxsize=50_000)
def _said(sentence: str) -> _Said:
    low = sentence.lower()

    def says(pattern: re.Pattern[str], *words: str) -> bool:
        """Nothing is searched where none of the words it needs occurs."""
        return _any(low, words) and pattern.search(sentence) is not None

    late = says(_LATER, "postpone", "reschedul", "delay", "not ", "begin")
    cancel = says(_CANCEL, "cancel", "abandon", "contest", "played")
    tie = says(_TIE, "tie", "draw")
    walkover = says(_WALKOVER, "walk", "retire", "withdraw", "disqualif", "forfeit")
    tail = low.rpartition("otherwise")[2] if late else ""
    regulation = says(_REGULATION, "minutes", "regulation", "overtime", "extra time")
    rest = _REGULATION.sub(" ", sentence) if regulation else sentence
    return _Said(
        late=late,
        windows=tuple(_windows(sentence)) if late else (),
        beyond=tuple(_pays(tail)) if late and not _OPEN.search(tail) else (),
        open=late and bool(_OPEN.search(sentence) or _OPEN_ENDED.search(sentence)),
        cancel=cancel,
        tie=tie,
        walkover=walkover,
        pays=tuple(_pays(sentence)) if cancel or tie or walkover else (),
        regulation=regulation,
        overtime="includ" in low and bool(_OVERTIME.search(rest)),
        half=says(_HALF, "half", "innings"),
        first_print=says(_FIRST_PRINT, "first ", "initial", "advance", "revis", "update"),
        revised=says(_REVISED, "revis"),
        lines=tuple(_lines(sentence)),
        sources=tuple(name for name, pattern in _SOURCE.items() if pattern.search(sentence))
        if _any(low, _SOURCE_WORDS)
        else (),
        after_issue=_AFTER_ISSUE.search(sentence) is not None,
    )


@lru_cache(maxsize=20_000)  # the teams' markets share a text, and the next discovery reads the same ones again
def read(text: str) -> Clauses:
    """The clauses of a text. Never raises; a text nobody should trade on has troubles and no clauses."""
    troubles = unreadable(text)
    if troubles:
        return Clauses(troubles=troubles)
    said = [_said(part.strip()) for part in _SENTENCE.split(text) if part and part.strip()]
    found: list[str] = []

    def one(name: str, values: list[Pays]) -> Pays | None:
        kinds = list(dict.fromkeys(values))
        if len(kinds) > 1 and set(kinds) != {"no", "draw_yes"}:  # soccer: the teams No, the draw Yes, in one clause
            found.append(f"says {' and '.join(kinds)} when {name}")
        return "draw_yes" if "draw_yes" in kinds else kinds[0] if len(kinds) == 1 else None

    short = long = half = prints = revises = after_issue = waits = False
    hours: set[int] = set()
    beyond: list[Pays] = []
    void: list[Pays] = []
    tied: list[Pays] = []
    retired: list[Pays] = []
    named: set[str] = set()
    for each in said:
        short, long, half = short or each.regulation, long or each.overtime, half or each.half
        prints, revises = prints or each.first_print, revises or each.revised
        after_issue, waits = after_issue or each.after_issue, waits or each.open
        hours.update(each.windows)
        beyond += each.beyond
        void += each.pays if each.cancel else ()
        tied += each.pays if each.tie else ()
        retired += each.pays if each.walkover else ()
        named.update(each.sources)
    windows = sorted(hours)
    if len(windows) > 1:
        found.append(f"names {len(windows)} windows for a postponed event: {', '.join(f'{count} h' for count in windows)}")
    tie = one("tied", tied)
    if short and long:
        found.append("counts regulation time only and overtime")
    operator, line = _line(said, found)
    deadline, zone, ends = _deadline(text, found)
    return Clauses(
        postponed=one("postponed too long", beyond) if windows else None,
        cancelled=one("cancelled", void),
        tie=tie,
        walkover=one("walked over", retired),
        window_h=windows[0] if len(windows) == 1 else None,
        waits=not windows and waits,
        overtime=None if short == long else long,
        half=half,
        operator=operator,
        line=line,
        deadline=deadline,
        zone=zone,
        ends=ends,
        sources=tuple(name for name in _SOURCE if name in named),
        revised=None if prints == revises else revises,
        after_issue=after_issue,
        troubles=tuple(found),
    )


def _any(low: str, words: Sequence[str]) -> bool:
    return any(word in low for word in words)


def _hidden(text: str) -> bool:
    if text.isascii():
        return _CONTROL.search(text) is not None
    return any(unicodedata.category(char) in ("Cc", "Cf") and char not in "\n\r\t\u200b\ufeff\u00ad" for char in set(text))


def unreadable(text: str) -> tuple[str, ...]:
    """Why a text as a whole says nothing to rely on, in words that follow "the rule text"; () = it can be read."""
    if not text.strip():
        return ("is missing or empty",)
    if len(text) > _LONGEST:
        return (f"has {len(text)} characters, more than any real rule text",)
    if _any(text, ("||", "{{", "}}", "<", "[")) and _TEMPLATE.search(text):
        return ("holds an unfilled template",)
    if _hidden(text):
        return ("holds control or hidden characters",)
    letters = [] if text.isascii() else [char for char in text if char.isalpha()]
    if not _WORDS.search(text) or sum(char.isascii() for char in letters) * 10 < len(letters) * 7:
        return ("is not in English, or no rule",)
    return ()


def _pays(sentence: str) -> list[Pays]:
    hits = [name for name, pattern in _PAYS if pattern.search(sentence)]
    if "own_market" in hits:
        return ["own_market"]
    return ["draw_yes"] if "draw_yes" in hits else hits


def _windows(sentence: str) -> list[int]:
    hours = []
    for count, unit in _WINDOW.findall(sentence):
        number = int(count[:6]) if count.isdigit() else _NUMBER.get(count.lower())
        if number is not None:
            hours.append(number * _HOURS[unit.lower()])
    return hours


def _lines(sentence: str) -> list[tuple[Literal[">", ">="], str]]:
    """Thresholds of a sentence. A half line has no tie with its number, so "more than 3.5" is "4 or more"."""
    seen: list[tuple[Literal[">", ">="], str]] = []
    for pattern, operator in ((_ABOVE, ">"), (_AT_LEAST, ">="), (_OR_MORE, ">=")):
        for raw in pattern.findall(sentence):
            number = raw.replace(",", "").rstrip(".")
            whole, _, part = number.partition(".")
            if operator == ">" and part == "5" and len(whole) < 6:
                seen.append((">=", str(int(whole) + 1)))
            else:
                digits = part.rstrip("0")
                seen.append((">" if operator == ">" else ">=", whole + (f".{digits}" if digits else "")))
    return seen


def _line(said: Sequence[_Said], found: list[str]) -> tuple[Literal[">", ">="] | None, str | None]:
    seen = {line for each in said for line in each.lines}
    if len(seen) > 1:
        found.append(f"states {len(seen)} different thresholds")
    return next(iter(seen)) if len(seen) == 1 else (None, None)


def _deadline(text: str, found: list[str]) -> tuple[date | None, str | None, int | None]:
    """The last day that counts, its zone, and the minute of that day at which it ends where that is not its end."""
    seen: set[tuple[date, str | None, int | None]] = set()
    low = text.lower()
    for pattern, back, words in ((_BEFORE, 1, ("before",)), (_BY, 0, ("by ", "through", "before", "later than"))):
        for month, day, year, clock, zone in pattern.findall(text) if _any(low, words) else ():
            minute = _minute(clock)
            try:
                # Midnight, and "before" a day, is the end of the day before.
                earlier = minute == 0 or (back and not clock)
                last = date(int(year), _MONTHS.index(month.lower()) + 1, int(day)) - timedelta(days=1 if earlier else 0)
            except (ValueError, OverflowError):
                found.append(f"names a day that does not exist: {month} {day}, {year}")
                continue
            word = zone.upper() or None
            seen.add((last, _EASTERN.get(word, word) if word else None, minute or None))
    if len({day for day, _, _ in seen}) > 1 or len({minute for _, _, minute in seen}) > 1:
        found.append("states several deadlines")
        return None, None, None
    zones = {zone for _, zone, _ in seen if zone}
    day_only, _, ends = next(iter(seen)) if seen else (None, None, None)
    return day_only, next(iter(zones)) if len(zones) == 1 else None, ends


def _minute(clock: str) -> int | None:
    """Minutes after midnight; None where no time is given or it is the last minute of the day."""
    told = _CLOCK.match(clock)
    if told is None:
        return None
    hour, minute = int(told[1]) % 12 + (12 if told[3].lower() == "p" else 0), int(told[2] or 0)
    return None if (hour, minute) == (23, 59) else hour * 60 + minute
