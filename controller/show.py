"""What the command line shows of a discovery: a table for people, one JSON object for programs."""

import json
import sys
from datetime import UTC, datetime

import typer
from rich.console import Console
from rich.table import Table

from controller.discovery.catalogue import Discovery
from controller.model import Pair

__all__ = ["discovery_json", "show_discovery"]

_SHOWN = 40


def discovery_json(found: Discovery) -> dict[str, object]:
    """Pairs, per-league counts with miss reasons, and what could not be read."""
    return {
        "schema": 1,
        "pairs": [_pair(pair) for pair in found.pairs],
        "leagues": [
            {
                "league": report.league,
                "pairs": report.pairs,
                "approved": report.approved,
                "kalshi_markets": report.kalshi_markets,
                "polymarket_markets": report.polymarket_markets,
                "misses": dict(report.misses),
                "from_cache": report.from_cache,
                "error": report.error,
            }
            for report in found.reports
        ],
        "failures": list(found.failures),
        "notices": list(found.notices),
    }


def _pair(pair: Pair) -> dict[str, object]:
    return {
        "pair_id": pair.id,
        "league": pair.league,
        "kind": pair.kind,
        "description": pair.description,
        "ticker": pair.first,
        "condition_id": pair.second,
        "outcome_index": int(pair.outcome_index),
        "state": pair.state,
        "terms": pair.terms,
        "starts_at": _when(pair.starts_at),
        "evidence": list(pair.evidence),
    }


def _when(ns: int | None) -> str | None:
    return None if ns is None else datetime.fromtimestamp(ns / 1e9, UTC).strftime("%Y-%m-%dT%H:%MZ")


def show_discovery(found: Discovery, *, as_json: bool) -> None:
    """Print to stdout; failures and notices also to stderr."""
    if as_json:
        typer.echo(json.dumps(discovery_json(found)))
        return
    console = Console(file=sys.stdout, highlight=False)
    leagues = Table("league", "pairs", "tradable", "Kalshi", "Polymarket", "why not (most frequent)", title="Discovery")
    for report in found.reports:
        if report.pairs or report.kalshi_markets or report.polymarket_markets or report.error:
            top = sorted(report.misses.items(), key=lambda item: -item[1])[:3]
            why = report.error or ", ".join(f"{reason} {count}" for reason, count in top)
            leagues.add_row(
                report.league,
                str(report.pairs),
                str(report.approved),
                str(report.kalshi_markets),
                str(report.polymarket_markets),
                why,
            )
    console.print(leagues)
    pairs = Table("Kalshi", "means", "starts", "state", "terms", title=f"{len(found.pairs)} pairs")
    for pair in found.pairs[:_SHOWN]:
        pairs.add_row(pair.first, pair.description, _when(pair.starts_at) or "?", pair.state, pair.terms)
    console.print(pairs)
    if len(found.pairs) > _SHOWN:
        console.print(f"... and {len(found.pairs) - _SHOWN} more; --json lists all")
    for line in (*found.notices, *found.failures):
        typer.echo(line, err=True)
