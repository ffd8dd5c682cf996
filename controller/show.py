"""What the command line shows of a discovery: a table for people, one JSON object for programs."""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import typer
from rich.console import Console
from rich.table import Table

from controller.discovery.catalogue import Discovery
from controller.model import Pair

__all__ = ["brief", "discovery_json", "show_discovery"]

_SHOWN = 40
_WIDE = 240


def brief(failures: Sequence[str]) -> list[str]:
    """One line per venue and kind of failure instead of one per league: what happened, how often, the next step."""
    groups: dict[tuple[str, str], list[str]] = {}
    for line in failures:
        venue = "kalshi" if line.startswith("kalshi") else "polymarket" if line.startswith("polymarket") else ""
        kind = "unreachable" if "unreachable" in line else "timeout" if "timeout" in line else line
        groups.setdefault((venue, kind), []).append(line)
    lines = []
    for (venue, kind), found in groups.items():
        if kind in ("unreachable", "timeout"):
            host = "KALSHI_API_BASE" if venue == "kalshi" else "POLYMARKET_GAMMA_URL"
            what = "cannot be reached" if kind == "unreachable" else "does not answer in time"
            lines.append(f"{venue} {what} ({len(found)} reads failed); check the network and {host}")
        else:
            lines.append(found[0])
    return lines


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
    # outside a terminal nothing is wrapped: a broken ticker cannot be searched for
    console = Console(file=sys.stdout, highlight=False, width=None if sys.stdout.isatty() else _WIDE)
    leagues = Table("league", "pairs", "tradable", "Kalshi", "Polymarket", "why not (most frequent)", title="Discovery")
    for report in found.reports:
        if report.pairs or report.kalshi_markets or report.polymarket_markets or report.error:
            top = sorted(report.misses.items(), key=lambda item: -item[1])[:3]
            why = "not read" if report.error else ", ".join(f"{reason} {count}" for reason, count in top)
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
    for line in (*found.notices, *brief(found.failures)):
        typer.echo(line, err=True)
