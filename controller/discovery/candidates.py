"""Pairs of markets whose texts look alike, for people to look at: never a match, never tradable.

Only pairs of which one side has no claim are proposed: two claims that differ are known to differ. Texts are compared inside
a bucket alone (domain, stage, day, numbers, one word both say), and a word too common to tell markets apart makes no bucket, so
the work grows with the number of markets and not with its square. Every name of one text must stand in the other: two players
of one template read more alike than two venues' words for one player.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple

import msgspec
from rapidfuzz.fuzz import token_set_ratio

from controller.discovery.game import Row
from controller.discovery.match_rows import read_kalshi, read_polymarket
from controller.discovery.names import Names, fold, load
from controller.discovery.questions.claim import Claimed
from controller.discovery.questions.days import MONTHS, ticker_day

__all__ = ["LEAST", "Candidate", "candidates", "look_alikes"]

LEAST = 75
"""Likeness from which look-alikes are shown; without the rule of names most are wrong at any likeness (matching.md section 2)."""
_CROWD = 64
"""More markets than this under one word: the word names a template, not a market."""
_MAX_TEXT = 300
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_DAY = re.compile(rf"-(\d\d(?:{MONTHS.upper()})\d\d)")
_ISO = re.compile(r"20\d\d-\d\d-\d\d")
_SILENT = frozenset(
    {"will", "the", "a", "an", "of", "in", "on", "at", "by", "be", "to", "for", "vs", "win", "wins", "winner", "game", "match"}
    | {"market", "yes", "no"}
)  # fmt: skip
_NO_NAMES = _SILENT | frozenset(
    {"who", "what", "which", "how", "when", "does", "do", "is", "are", "has", "have", "pro", "baseball", "basketball"}
    | {"football", "hockey", "club", "fc", "sc", "cf", "ac", "ca"}
)
"""Capitalised words that name nobody; the words of league labels are added to them."""
_WORD = re.compile(r"[^\W\d_][\w'’.-]*")
_PLACEHOLDER = re.compile(
    r"\b(?:another|(?:any )?other)\b"
    r"|\b(?i:player|person|candidate|team|club|option|party|country|artist|driver|actor|company|contestant) [A-Z]{1,2}\b"
)
"""What these stand for changes when it is named."""
_GAME = re.compile(r"\b(?:vs|v|at|beat|win (?:game|map|set)|map|o/u|spread|score|scored|half)\b", re.I)

_STAGE = re.compile(r"\b(announc|confirm|run for|nomin|primary|advance|qualif|first round|runoff)", re.I)
"""An announcement is not the fact, a nomination not the race: a stage that one text names alone is another question."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """Two markets that read alike: the Kalshi ticker, the Polymarket condition id (or Gamma id), likeness 0..100 and both texts."""

    ticker: str
    condition: str
    similarity: int
    kalshi: str
    polymarket: str


class _Text(NamedTuple):
    ident: str
    bucket: tuple[str, str, tuple[str, ...], frozenset[str]]
    words: frozenset[str]
    names: frozenset[str]
    text: str
    claimed: bool


def candidates(
    kalshi: Iterable[Row], polymarket: Iterable[Row], *, similarity: int = LEAST, names: Names | None = None
) -> tuple[Candidate, ...]:
    """Look-alikes at or above similarity (0..100), the most alike first. Never raises on what a venue sent."""
    table = names or load()
    ours = ((row, isinstance(read_kalshi(row, table), Claimed)) for row in kalshi)
    reads = ((row, read_polymarket(row, table)) for row in polymarket)
    # what a placeholder asks changes when it is named
    theirs = (
        (row, isinstance(read, Claimed)) for row, read in reads if isinstance(read, Claimed) or read.reason != "placeholder"
    )
    return look_alikes(ours, theirs, similarity=similarity)


def look_alikes(
    kalshi: Iterable[tuple[Row, bool]], polymarket: Iterable[tuple[Row, bool]], *, similarity: int = LEAST
) -> tuple[Candidate, ...]:
    """The same for rows of which is known whether they have a claim; placeholders are left out by the caller."""
    places: dict[tuple[object, str], list[_Text]] = defaultdict(list)
    nobody = _NO_NAMES | _label_words()
    for row, claimed in polymarket:
        ident = str(row.get("condition_id") or row.get("id") or "")
        for text in _texts(ident, row, ("question", "group_item_title"), claimed, nobody):
            for word in text.words:
                places[text.bucket, word].append(text)
    found: dict[tuple[str, str], Candidate] = {}
    for row, claimed in kalshi:
        for ours in _texts(str(row.get("ticker") or ""), row, ("title", "yes_sub_title"), claimed, nobody):
            for theirs in _near(ours, places):
                likeness = round(token_set_ratio(ours.text, theirs.text, score_cutoff=similarity))
                if likeness >= max(similarity, 1):
                    found[ours.ident, theirs.ident] = Candidate(
                        ticker=ours.ident,
                        condition=theirs.ident,
                        similarity=likeness,
                        kalshi=ours.text,
                        polymarket=theirs.text,
                    )
    return tuple(sorted(found.values(), key=lambda one: (-one.similarity, one.ticker, one.condition)))


def _near(ours: _Text, places: dict[tuple[object, str], list[_Text]]) -> Iterator[_Text]:
    """The markets of ours' bucket that share a telling word with it, each once."""
    seen: set[str] = set()
    for word in ours.words:
        others = places.get((ours.bucket, word), ())
        for theirs in others if len(others) <= _CROWD else ():
            if theirs.ident not in seen and not (ours.claimed and theirs.claimed) and _same_names(ours, theirs):
                seen.add(theirs.ident)
                yield theirs


def _same_names(ours: _Text, theirs: _Text) -> bool:
    """Both name somebody, and nobody whom the other does not mention."""
    return bool(ours.names and theirs.names) and ours.names <= theirs.words and theirs.names <= ours.words


@cache
def _label_words() -> frozenset[str]:
    return frozenset(word for league in load().leagues.values() for label in league.labels for word in label.split())


def _texts(ident: str, row: Row, fields: tuple[str, str], claimed: bool, nobody: frozenset[str]) -> Iterator[_Text]:
    """The row's text, or nothing where it has no id, no text or one too long to be a title."""
    parts = [value for value in (row.get(name) for name in fields) if isinstance(value, str) and value]
    asked = " ".join(dict.fromkeys(parts))
    if not ident or not parts or len(asked) > _MAX_TEXT or "||" in asked or _PLACEHOLDER.search(asked):
        return
    folded = fold(asked)
    words = frozenset(word for word in folded.split() if word not in _SILENT and not word.isdigit())
    numbers = tuple(sorted(set(_NUMBER.findall(asked))))
    named = frozenset(part for word in _WORD.findall(asked) if word[0].isupper() for part in fold(word).split()) - nobody
    stages = frozenset(stage.lower() for stage in _STAGE.findall(asked))
    bucket = ("game" if _GAME.search(asked) else "other", _day(row), numbers, stages)
    yield _Text(ident, bucket, words, named, folded, claimed)


def _day(row: Row) -> str:
    """The day either venue states for its event as YYYY-MM-DD, "" where it states none."""
    for name in ("event_condition_date", "event_date", "ticker_date"):
        stated = row.get(name)
        if isinstance(stated, str) and _ISO.match(stated):
            return stated[:10]
    coded = _DAY.search(str(row.get("event_ticker") or row.get("ticker") or ""))
    day = ticker_day(coded[1]) if coded else None
    return day.isoformat() if day else ""
