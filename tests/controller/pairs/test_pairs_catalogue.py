"""The simulator's catalogue with spoilt games: discovery and every page of it stand, and no spoilt game trades."""

import copy
import json

import pytest
import typer
from typer.testing import CliRunner

from controller.commands_pairs import register
from controller.discovery.catalogue import discover
from controller.pairs.desk import Desk
from controller.settings import ControllerSettings
from trading.clock import SECOND, ManualClock
from trading.sim.universe import load
from trading.units import WallNs

NOW = WallNs(1_795_000_000 * SECOND)
LONG = "If it is so, this market will resolve to Yes. " * 2_200
SPOILT = {
    "template": {"description": "If {{team}} wins, this market will resolve to {{team}}."},
    "template in the title": {"question": "{{team}} vs. {{other}}"},
    "empty": {"description": ""},
    "foreign": {"description": "Der Markt wird auf Ja aufgeloest, wenn die Mannschaft gewinnt."},
    "endless": {"description": LONG},
    "escapes": {"description": "If they win, this market will resolve to Yes.\x1b[2J"},
    "escapes in the title": {"question": "A vs. B\x1b]0;x\x07"},
    "no zone": {"gameStartTime": "2026-11-19 03:00:00"},
    "another start": {"gameStartTime": "2027-01-19 03:00:00+00"},
    "another type": {"sportsMarketType": "totals", "line": 3.5},
    "one outcome twice": {"outcomes": '["A", "A"]'},
}


class Catalogue:
    """Both venues of the simulator as discovery reads them, without a server."""

    def __init__(self, events=20):
        made = load(None, 1, NOW, events=events)
        self.links = made.links
        self.kalshi, self.polymarket = made.kalshi, [copy.deepcopy(event) for event in made.polymarket.events]

    async def event_pages(self, *, status="", series_ticker=None, **filters):
        if status:
            yield [row for row in self.kalshi.events if series_ticker in (None, row["series_ticker"])]
        else:
            yield self.polymarket

    async def milestones(self, *, category="", minimum_start_date=None):
        return list(self.kalshi.milestones)

    async def series(self):
        return {row["ticker"]: row for row in self.kalshi.series}

    def games(self):
        """Every two-way game's event with its winner's market."""
        for event in self.polymarket:
            for market in event["markets"]:
                if market.get("sportsMarketType") == "moneyline" and "Yes" not in market["outcomes"]:
                    yield event, market


@pytest.fixture
def run(tmp_path):
    settings = ControllerSettings(state_dir=str(tmp_path / "state"), discovery_cache_path=str(tmp_path / "cache.json"))
    app = typer.Typer()
    register(app, lambda state_dir: settings)

    async def find(catalogue):
        return await discover(catalogue, catalogue, clock=ManualClock(wall=NOW), cache=Desk.of(settings).cache, force=True)

    return find, lambda *words: CliRunner().invoke(app, ["pairs", *words], color=True)


async def test_every_simulated_game_of_both_venues_is_paired(run):
    """B-097: all leagues, lines and questions the simulator lists on both venues, and nothing else."""
    find, _ = run
    catalogue = Catalogue(events=60)
    found = await find(catalogue)

    assert {pair.first for pair in found.pairs} == {ticker for link in catalogue.links for ticker, *_ in link.tickers}
    assert len({pair.league for pair in found.pairs}) >= 5


async def test_spoilt_games_are_no_approved_pairs_and_their_pages_give_the_reason(run):
    """No crash, no trade, a reason for each; what is not spoilt is approved as ever."""
    find, command = run
    catalogue = Catalogue()
    paired = {pair.second for pair in (await find(catalogue)).pairs if pair.state == "approved"}
    both = (game for game in catalogue.games() if game[1]["conditionId"] in paired)
    games = dict(zip(SPOILT, both, strict=False))
    assert len(games) == len(SPOILT)
    ids = {what: market["conditionId"] for what, (_, market) in games.items()}
    for what, (event, market) in games.items():
        market.update(SPOILT[what])
        event.update({"title": market["question"]} if "question" in SPOILT[what] else {})
    found = await find(catalogue)
    left = {what: [pair for pair in found.pairs if pair.second == condition] for what, condition in ids.items()}

    assert found.failures == ()
    assert {pair.state for pair in found.pairs if pair.second not in ids.values() and pair.starts_at} == {"approved"}
    assert {what for what in SPOILT if left[what]} == {"template", "empty", "foreign", "endless", "escapes"}
    assert not {"\x1b", "\x07"} & set(command("list").stdout)
    for what, pairs in left.items():
        for pair in pairs:
            page, sheet = command("show", pair.id), json.loads(command("show", pair.id, "--json").stdout)
            assert (page.exit_code, sheet["state"], sheet["class"]) == (0, "proposed", "C"), what
            assert sheet["doubts"]
            assert "doubt: " in page.stdout
            assert not {"\x1b", "\x07"} & set(page.stdout)
