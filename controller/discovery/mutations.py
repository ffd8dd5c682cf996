"""Change one labelled positive so that it asks something else, to see that the matcher notices.

Each kind rewrites the Polymarket side of a row and returns None where it does not apply. All kinds but swapped_teams must flip the
answer (to no match or to the other outcome); swapped_teams only writes the two teams in the other order and must not.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, timedelta

from controller.discovery.game import Row
from controller.discovery.match_rows import match_row

__all__ = ["KEEPING", "KINDS", "flips", "mutate"]

KEEPING = frozenset({"swapped_teams"})
"""Kinds that must not change the answer."""
_LINE = re.compile(r"(?<=[-\s])(\d+)\.5")
_PAIR = re.compile(r"^(?P<a>.+?) vs\. (?P<b>[^:(]+?)(?P<rest>$| - .*$)")


def mutate(row: Row, kind: str) -> Row | None:
    """The row with its Polymarket side changed, None where the kind does not apply. Raises KeyError for an unknown kind."""
    changed = KINDS[kind](row["polymarket"])
    return None if changed is None else {**row, "polymarket": {**row["polymarket"], **changed}}


def flips(rows: Iterable[Row]) -> Mapping[str, Mapping[str, int]]:
    """For each kind: to how many of the rows that match it applies, and how many of those changed their answer."""
    counts = {kind: {"applicable": 0, "flipped": 0} for kind in KINDS}
    for row in rows:
        before = match_row(row["kalshi"], row["polymarket"])
        for kind in KINDS if before.match else ():
            mutant = mutate(row, kind)
            if mutant is not None:
                after = match_row(mutant["kalshi"], mutant["polymarket"])
                counts[kind]["applicable"] += 1
                counts[kind]["flipped"] += after.outcome_index != before.outcome_index
    return counts


def _shift(days: int) -> Callable[[Row], Row | None]:
    def moved(market: Row) -> Row | None:
        stated = market.get("event_condition_date")
        if not stated or market.get("game_start_time"):
            return None
        day = (date.fromisoformat(stated) + timedelta(days=days)).isoformat()
        return {"event_condition_date": day, "question": market["question"].replace(stated, day)}

    return moved


def _line(change: int) -> Callable[[Row], Row | None]:
    def moved(market: Row) -> Row | None:
        question = _LINE.sub(lambda found: f"{int(found[1]) + change}.5", market["question"])
        return None if question == market["question"] else {"question": question, "line": None}

    return moved


def _reordered(market: Row) -> Row | None:
    outcomes = market.get("outcomes")
    return {"outcomes": outcomes[::-1]} if isinstance(outcomes, list) else None


def _half(market: Row) -> Row | None:
    question = market["question"]
    for full, half in ((": O/U", ": 1H O/U"), ("Spread:", "1H Spread:")):
        if full in question and half not in question:
            return {"question": question.replace(full, half)}
    return None


def _swapped(market: Row) -> Row | None:
    found = _PAIR.match(market.get("event_title") or "")
    if found is None or not market["question"].startswith(("Will ", "Spread:")) or " vs. " in market["question"]:
        return None
    return {"event_title": f"{found['b']} vs. {found['a']}{found['rest']}"}


KINDS: Mapping[str, Callable[[Row], Row | None]] = {
    "day_later": _shift(1),
    "day_earlier": _shift(-1),
    "line_up": _line(1),
    "line_down": _line(-1),
    "outcomes_reordered": _reordered,
    "first_half": _half,
    "swapped_teams": _swapped,
}
