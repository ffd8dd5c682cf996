"""`pairs match` and `pairs score`: recorded rows through the matcher, one answer each.

A row holds pair_id, kalshi and polymarket. Matching never sees a label: it is given these three fields and nothing else.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from controller.discovery.candidates import LEAST, candidates
from controller.discovery.match_rows import Match, match_row, score
from controller.discovery.mutations import KEEPING, flips
from controller.pairs.desk import PairRefused
from controller.pairs.sheet import Sheet, sheet_of_row

__all__ = ["match_lines", "mutation_counts", "review_counts", "row_sheet", "rows_of", "score_file"]


def rows_of(file: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of a file, one a line. Raises PairRefused with the line that is none, and OSError."""
    for number, row in _read(file):
        if isinstance(row, str):
            raise PairRefused(f"{file}:{number} {row}")
        yield row


def match_lines(file: Path, unread: list[str]) -> Iterator[dict[str, Any]]:
    """{"pair_id", "match", "outcome_index", "reasons"} for each line, also for one that is no row: half a line loses no other.

    Lines that are no row are added to unread. Rows that share an id and differ match nothing: an answer by that id could be taken
    for the other row's. Raises OSError.
    """
    rows = list(_read(file))  # once: the file may be a pipe
    told = _told_twice(row for _, row in rows if not isinstance(row, str))
    for number, row in rows:
        if isinstance(row, str):
            unread.append(f"{file}:{number} {row}")
            yield _answer(None, (f"line {number} {row}",))
        elif _key(row) in told:
            yield _answer(row.get("pair_id"), (f"duplicate_id: other rows with this id differ (line {number})",))
        else:
            found = _match(row)
            yield {
                "pair_id": row.get("pair_id"),
                "match": found.match,
                "outcome_index": found.outcome_index,
                "reasons": list(found.reasons),
            }


def row_sheet(file: Path, pair_id: str) -> Sheet:
    """The page of one row, its polarity as far as the matcher proves it. Raises PairRefused when there is no such row."""
    rows = [row for _, row in _read(file) if not isinstance(row, str) and str(row.get("pair_id")) == pair_id]
    if not rows:
        raise PairRefused(f"no row {pair_id!r} in {file}")
    found = _match(rows[0])
    why = [] if found.match else [f"no match: {reason}" for reason in found.reasons]
    if any(row != rows[0] for row in rows):
        why.insert(0, f"duplicate id: {len(rows)} rows of the file bear it and differ; this is the first of them")
        return sheet_of_row(rows[0], doubts=why)
    return sheet_of_row(rows[0], outcome_index=found.outcome_index, doubts=why)


def _read(file: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """(line number, object or what is wrong with the line). Raises OSError."""
    with file.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as exc:
                yield number, f"is no JSON object: {exc}"
                continue
            yield number, row if isinstance(row, dict) else "is no JSON object"


def _match(row: Mapping[str, Any]) -> Match:
    ours, theirs = row.get("kalshi"), row.get("polymarket")
    if not isinstance(ours, Mapping) or not isinstance(theirs, Mapping):
        return Match(match=False, outcome_index=None, reasons=("a side is missing",), tradable=False)
    return match_row(dict(ours), dict(theirs))


def _answer(pair_id: object, reasons: tuple[str, ...]) -> dict[str, Any]:
    return {"pair_id": pair_id, "match": False, "outcome_index": None, "reasons": list(reasons)}


def _told_twice(rows: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Ids that stand in rows which differ."""
    seen: dict[str, int] = {}
    twice: set[str] = set()
    for row in rows:
        sides = hash(repr((row.get("kalshi"), row.get("polymarket"))))
        if seen.setdefault(_key(row), sides) != sides:
            twice.add(_key(row))
    return frozenset(twice - {""})


def _key(row: Mapping[str, Any]) -> str:
    return "" if row.get("pair_id") is None else str(row["pair_id"])


def mutation_counts(file: Path) -> dict[str, dict[str, int]]:
    """Per kind of mutation: to how many labelled positives it applies, how many answers changed, and how many should have."""
    found = flips(row for row in rows_of(file) if row.get("label") == "equivalent")
    return {kind: {**row, "expected": 0 if kind in KEEPING else row["applicable"]} for kind, row in found.items()}


def score_file(file: Path) -> dict[str, Any]:
    """tp, fp, fn, precision, recall, by category, false positives and proposals. Raises PairRefused where labels are missing."""
    try:
        return {"schema": 1, **msgspec.to_builtins(score(rows_of(file))), "proposals": review_counts(file)}
    except KeyError as exc:
        raise PairRefused(f"{file}: a row lacks {exc}: only labelled rows can be scored") from exc


def review_counts(file: Path, *, similarity: int = LEAST) -> dict[str, Any]:
    """What a person would be shown: matches that may not trade by themselves and look-alikes, and how many are right.

    Keys: shown, right, precision (None when nothing is shown), and by_text, the shown and right of the look-alikes alone.
    """
    shown, right = {"key": 0, "text": 0}, {"key": 0, "text": 0}
    for row in rows_of(file):
        if row.get("certainty") == "medium":
            continue
        found, same = match_row(row["kalshi"], row["polymarket"]), row["label"] == "equivalent"
        if found.match and not found.tradable:
            shown["key"] += 1
            right["key"] += same and found.outcome_index == row["yes_maps_to"]["outcome_index"]
        elif not found.match and candidates([row["kalshi"]], [row["polymarket"]], similarity=similarity):
            shown["text"] += 1
            right["text"] += same
    total = sum(shown.values())
    return {
        "shown": total,
        "right": sum(right.values()),
        "precision": sum(right.values()) / total if total else None,
        "by_text": {"shown": shown["text"], "right": right["text"]},
    }
