"""Score proposals against labelled pairs: the one place that reads labels.

A proposal is (Kalshi ticker, Polymarket condition id or Gamma id, outcome index). A labelled row of certainty medium is
ignored, a wrong index is a false positive, and proposals that no label speaks of are counted but not judged (matching.md
section 6). Run as: python -m controller.discovery.score --labels FILE --proposals FILE|- [--json]
"""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["Proposal", "main", "proposals_from", "score"]

Proposal = tuple[str, str, int]
SCHEMA = 1
_WINNERS = frozenset({"moneyline", "moneyline_2way", "moneyline_3way", "moneyline_draw"})


def score(rows: Iterable[Mapping[str, Any]], proposals: Iterable[Proposal]) -> dict[str, Any]:
    """Precision, recall over full-game winners and over all positives, counts by category, and every false positive."""
    made: dict[tuple[str, str], int] = {}
    doubled: set[tuple[str, str]] = set()
    for ticker, market, index in proposals:
        if made.setdefault((ticker, market), index) != index:
            doubled.add((ticker, market))  # both outcomes proposed: one of them is wrong
    by_category: dict[str, dict[str, int]] = {}
    wrong: list[dict[str, Any]] = []
    judged: set[tuple[str, str]] = set()
    for row in rows:
        places = _places(row)
        judged.update(places)
        if row.get("certainty") == "medium":
            continue
        counts = by_category.setdefault(str(row["category"]), {"positives": 0, "found": 0, "false_positives": 0})
        place = next((place for place in places if place in made), None)
        same = row.get("label") == "equivalent"
        counts["positives"] += same
        if place is None:
            continue
        expected = int(row["yes_maps_to"]["outcome_index"]) if same else None
        if same and made[place] == expected and place not in doubled:
            counts["found"] += 1
        else:
            counts["false_positives"] += 1
            why = row.get("relation") if not same else "both outcomes proposed" if place in doubled else "wrong outcome index"
            pair = {"pair_id": row.get("pair_id"), "ticker": place[0], "market": place[1]}
            wrong.append({**pair, "why": why, "proposed_index": made[place], "expected_index": expected})
    winners = {name: counts for name, counts in by_category.items() if name.rpartition(".")[2] in _WINNERS}
    found = sum(counts["found"] for counts in by_category.values())
    return {
        "schema": SCHEMA,
        "proposals": len(made),
        "unlabelled": sum(place not in judged for place in made),
        "true_positives": found,
        "false_positives": len(wrong),
        "precision": _share(found, found + len(wrong)),
        "recall_game_winner": _recall(winners),
        "recall_all": _recall(by_category),
        "by_category": {
            name: {**counts, "recall": _share(counts["found"], counts["positives"])}
            for name, counts in sorted(by_category.items())
        },
        "wrong": wrong,
    }


def proposals_from(document: Any) -> list[Proposal]:
    """Proposals out of JSON: a list, or an object with "pairs"; each item as [ticker, market, index] or as an object.

    An object names the ticker first, kalshi or ticker, the market second, polymarket, condition or condition_id, and
    outcome_index. Raises ValueError when an item has another form.
    """
    if isinstance(document, dict):
        document = document.get("pairs")
    if not isinstance(document, list):
        raise ValueError('proposals are a list or an object with a list under "pairs"')
    return [_proposal(item) for item in document]


def _proposal(item: Any) -> Proposal:
    if isinstance(item, list) and len(item) == 3:
        return str(item[0]), str(item[1]), int(item[2])
    if isinstance(item, dict):
        ticker = _first(item, ("first", "kalshi_ticker", "kalshi", "ticker"))
        market = _first(item, ("second", "condition_id", "condition", "polymarket"))
        index = item.get("outcome_index")
        if ticker is not None and market is not None and isinstance(index, int):
            return ticker, market, int(index)
    raise ValueError(f"{item!r} is no proposal: ticker, condition id and outcome_index are needed")


def _first(item: Mapping[str, Any], fields: Sequence[str]) -> str | None:
    return next((str(item[field]) for field in fields if isinstance(item.get(field), str)), None)


def _places(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    ticker = str(row["kalshi"]["ticker"])
    return [(ticker, str(row["polymarket"][field])) for field in ("condition_id", "id") if row["polymarket"].get(field)]


def _recall(categories: Mapping[str, Mapping[str, int]]) -> float | None:
    return _share(sum(c["found"] for c in categories.values()), sum(c["positives"] for c in categories.values()))


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Returns 0 without false positives, 1 with, 2 when an input cannot be read."""
    parser = argparse.ArgumentParser(
        prog="python -m controller.discovery.score", description="Score proposed pairs against labels."
    )
    parser.add_argument("--proposals", required=True, help="JSON file of proposals, - = standard input")
    parser.add_argument("--labels", required=True, help="JSONL file of labelled pairs")
    parser.add_argument("--json", action="store_true", help="print the whole result as JSON")
    options = parser.parse_args(arguments)
    try:
        text = sys.stdin.read() if options.proposals == "-" else Path(options.proposals).read_text(encoding="utf-8")
        proposals = proposals_from(json.loads(text))
        rows = [json.loads(line) for line in Path(options.labels).read_text(encoding="utf-8").splitlines() if line.strip()]
        result = score(rows, proposals)
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"cannot score: {error if isinstance(error, OSError) else repr(error)}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(result))
        return 1 if result["wrong"] else 0
    print(
        f"proposals {result['proposals']}  false positives {result['false_positives']}  precision {result['precision']}\n"
        f"recall of game winners {result['recall_game_winner']}  of all positives {result['recall_all']}"
    )
    for name, counts in result["by_category"].items():
        if counts["positives"] or counts["false_positives"]:
            print(f"  {name}: found {counts['found']} of {counts['positives']}, wrong {counts['false_positives']}")
    for item in result["wrong"]:
        print(f"  wrong: {item['ticker']} {item['market']} {item['why']}")
    return 1 if result["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
