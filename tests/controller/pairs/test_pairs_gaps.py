"""`pairs list` beside a running controller: what a set of each pair would earn now (B-295)."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from controller.commands_pairs import register
from controller.control import Asked, control_path, serving
from controller.discovery.cache import Cached
from controller.durable import state_path
from controller.model import EventId, Pair
from controller.pairs.desk import Desk
from controller.settings import ControllerSettings
from trading.errors import Misuse
from trading.market import MarketId, Outcome
from trading.settings import load

PAIR = Pair(
    id="K:P",
    event=EventId("e"),
    league="nba",
    kind="game_winner",
    description="Utah = Jazz",
    first=MarketId("K"),
    second=MarketId("P"),
    outcome_index=Outcome.YES,
    state="approved",
    terms="verified",
    starts_at=None,
)


async def told(question: object) -> object:
    return {"K:P": "-0.0125", "X:Y": "0.02"}


async def busy(question: object) -> object:
    raise Misuse("busy")


async def listed(directory: Path, gaps: Asked | None) -> tuple[str, Any]:
    """The line and the row of `pairs list`, with a controller that answers so, or none."""
    flags = {"state_dir": str(directory), "discovery_cache_path": str(directory / "cache.json")}
    settings = load(ControllerSettings, flags=flags, environ={}, directory=directory)
    desk = Desk.of(settings)
    desk.cache.save(Cached(source=desk.cache.source, pairs=(PAIR,)))
    app = typer.Typer()
    register(app, lambda _: settings)
    (home := state_path(settings)).mkdir(mode=0o700, parents=True)

    def both() -> tuple[str, Any]:
        line, row = (CliRunner().invoke(app, ["pairs", "list", *more]).stdout for more in ((), ("--json",)))
        return line, json.loads(row)["pairs"][0]

    if gaps is None:
        return await asyncio.to_thread(both)
    async with serving(control_path(home), {"gaps": gaps}):
        return await asyncio.to_thread(both)


async def test_the_running_controller_tells_each_pairs_gap(tmp_path: Path) -> None:
    """B-295: dollars after fees, a loss with its sign."""
    line, row = await listed(tmp_path, told)

    assert "Utah = Jazz  earns $-0.0125 a set now" in line
    assert row["gap_dollars"] == "-0.0125"


@pytest.mark.parametrize("gaps", [None, busy])
async def test_the_list_stands_without_a_controller(tmp_path: Path, gaps: Asked | None) -> None:
    """None runs, or it is busy: the same list without the figure."""
    line, row = await listed(tmp_path, gaps)

    assert "Utah = Jazz" in line and "earns" not in line
    assert row["gap_dollars"] is None
