"""Change one labelled positive so that it asks something else, to see that the matcher notices.

Each kind rewrites one side of a row and returns None where it does not apply. All kinds but swapped_teams must flip the
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
_DAY = re.compile(r"\b20\d\d-\d\d-\d\d(?!\d)")
_CODES = re.compile(r"-\d\d[A-Z]{3}\d\d(?:\d{4})?([A-Z0-9]+)$")
_BETWEEN = re.compile(r" (?:at|vs\.?) ", re.I)
_LINE = re.compile(r"(?<=[-\s])(\d+)\.5")
_AT_LEAST = re.compile(r"\bat least (\d+(?:\.\d+)?)|\b(\d+(?:\.\d+)?)\+", re.I)
_PAIR = re.compile(r"^(?P<a>.+?) vs\. (?P<b>[^:(]+?)(?P<rest>$| - .*$)")


def mutate(row: Row, kind: str) -> Row | None:
    """The row with one side changed, None where the kind does not apply. Raises KeyError for an unknown kind."""
    if kind == "opponent":
        ours = _opponent(row["kalshi"])
        if ours is not None:
            return {**row, "kalshi": {**row["kalshi"], **ours}}
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
        stated = market.get("event_condition_date") or market.get("event_date")
        if not stated:
            return None
        texts = {name: value for name, value in market.items() if isinstance(value, str) and name != "description"}
        return {name: _DAY.sub(lambda found: _plus(found[0], days), value) for name, value in texts.items()}

    return moved


def _plus(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def _opponent(market: Row) -> Row | None:
    """A game winner's YES side replaced by the other team of the same event: its code in the ticker, its name where one stands."""
    event, ticker = str(market.get("event_ticker")), str(market.get("ticker"))
    code, found = ticker.rpartition("-")[2], _CODES.search(event)
    if "GAME" not in event or found is None or code == "TIE":
        return None
    codes = found[1]
    other = codes.removeprefix(code) if codes.startswith(code) else codes.removesuffix(code)
    changed: dict[str, object] = {"ticker": f"{event}-{other}"}
    if market.get("yes_sub_title"):
        names = _BETWEEN.split(str(market.get("event_title") or market.get("title")).removesuffix(" Winner?"))
        names = [name.rpartition(": ")[2] for name in names if name.rpartition(": ")[2] != market["yes_sub_title"]]
        if len(names) != 1:
            return None
        changed["yes_sub_title"] = names[0]
    return None if other == codes else changed


def _other_team(market: Row) -> Row | None:
    """A question that names one team of its event, asked about the other one."""
    found = _PAIR.match(market.get("event_title") or "")
    if found is None or " vs. " in market["question"]:
        return None
    for one, other in ((found["a"], found["b"]), (found["b"], found["a"])):
        if one in market["question"]:
            return {"question": market["question"].replace(one, other)}
    return None


def _line(change: int) -> Callable[[Row], Row | None]:
    def moved(market: Row) -> Row | None:
        question = _LINE.sub(lambda found: f"{int(found[1]) + change}.5", market["question"])
        return None if question == market["question"] else {"question": question, "line": None}

    return moved


def _above(market: Row) -> Row | None:
    """ "at least 50" and "50+" become "above 50"."""
    question = _AT_LEAST.sub(lambda found: f"above {found[1] or found[2]}", market["question"])
    return None if question == market["question"] else {"question": question}


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
    "opponent": _other_team,
    "day_later": _shift(1),
    "day_earlier": _shift(-1),
    "line_up": _line(1),
    "line_down": _line(-1),
    "at_least_to_above": _above,
    "outcomes_reordered": _reordered,
    "first_half": _half,
    "swapped_teams": _swapped,
}
