"""Look-alikes: markets that only read alike are shown to people, explained, refused or forgotten, and never traded (B-104)."""

import json

import msgspec
import pytest
import typer
from test_pairs_desk import market
from typer.testing import CliRunner

from controller import commands_pairs
from controller.discovery.cache import Alike, Cached, DiscoveryCache
from controller.pairs import finding
from controller.pairs.desk import Desk, PairRefused
from controller.pairs.page import lines_of
from controller.settings import ControllerSettings
from trading.market import KALSHI, POLYMARKET
from trading.units import WallNs

NOW = WallNs(1_795_000_000_000_000_000)
FIRST = msgspec.structs.replace(market("KXHALF-26-A", KALSHI, ("Yes", "No"), "If Ann sings at half-time, it resolves to Yes."))
SECOND = msgspec.structs.replace(market("0xab", POLYMARKET, ("Yes", "No"), "If Ann performs, this market resolves to Yes."))


def alike(similarity: int = 92, rules: str = "") -> Alike:
    second = msgspec.structs.replace(SECOND, rules=rules) if rules else SECOND
    return Alike(league="other", similarity=similarity, first=FIRST, second=second)


@pytest.fixture
def settings(tmp_path):
    return ControllerSettings(state_dir=str(tmp_path / "state"), discovery_cache_path=str(tmp_path / "cache.json"))


def desk_with(settings, *found):
    desk = Desk.of(settings)
    desk.cache.save(Cached(source=desk.cache.source, alike=found))
    return desk


def test_look_alikes_are_listed_beside_pairs(settings):
    """They wait for nobody: no list of pairs has them."""
    desk = desk_with(settings, alike(92))

    assert [one.id for one in desk.alike()] == ["KXHALF-26-A:0xab"]
    assert desk.listed() == []


@pytest.mark.parametrize(
    ("flags", "shown", "hidden"),
    [((), 75, "1 more have titles less alike than 75"), (("--similarity", "76"), 0, "2 more"), (("--similarity", "0"), 74, "")],
)
def test_find_lists_from_a_likeness_on_and_counts_the_rest(settings, monkeypatch, flags, shown, hidden):
    """B-293: at or above the score, 75 when none is given; nobody is left to believe that this is all."""

    async def found(settings):
        return [], [alike(75), alike(74)], []

    monkeypatch.setattr(finding, "find_proposed", found)
    app = typer.Typer()
    commands_pairs.register(app, lambda _: settings)
    result = CliRunner().invoke(app, ["pairs", "find", "--json", *flags])
    rows = json.loads(result.stdout)["look_alikes"]

    assert min((row["similarity"] for row in rows), default=0) == shown
    assert ("--similarity 0 shows all" in result.stderr) is bool(hidden) and hidden in result.stderr


def test_show_says_that_nothing_proves_a_look_alike(settings):
    """The page names the state, the likeness and that no outcome is known to mean another."""
    page = "\n".join(lines_of(desk_with(settings, alike()).show("KXHALF-26-A:0xab")))

    assert "state look-alike" in page
    assert "92 of 100 alike; nothing proves that both ask the same" in page
    assert "not proven" in page
    assert "If Ann performs" in page


def test_a_look_alike_is_never_approved(settings):
    """B-099: which outcomes mean the same is not proven, so no reason given makes it tradable."""
    desk = desk_with(settings, alike())
    with pytest.raises(PairRefused, match="never traded"):
        desk.approve("KXHALF-26-A:0xab", by="ann", why="I read both", now=NOW)

    assert desk.store.load().pairs == {}


def test_a_rejected_look_alike_returns_only_with_another_text(settings):
    """B-300."""
    desk = desk_with(settings, alike())
    desk.reject("KXHALF-26-A:0xab", by="ann", why="another stage", now=NOW)
    after = desk.alike()
    desk.cache.save(Cached(source=desk.cache.source, alike=(alike(rules="If Ann dances, this market resolves to Yes."),)))

    assert after == []
    assert len(desk.alike()) == 1


def test_find_prints_look_alikes_apart_and_marked(settings, monkeypatch):
    """`pairs find` tells proposed pairs and look-alikes apart, for people and for programs."""

    async def found(settings):
        return [], [alike()], []

    monkeypatch.setattr(finding, "find_proposed", found)
    app = typer.Typer()
    commands_pairs.register(app, lambda _: settings)
    words = CliRunner().invoke(app, ["pairs", "find", "--similarity", "80"])
    program = CliRunner().invoke(app, ["pairs", "find", "--json"])
    row = json.loads(program.stdout)

    assert "look-alike" in words.stdout
    assert "KXHALF-26-A:0xab" in words.stdout
    assert row["pairs"] == []
    assert (row["look_alikes"][0]["look_alike"], row["look_alikes"][0]["similarity"]) == (True, 92)


def test_the_cache_keeps_look_alikes_of_leagues_not_read_again(tmp_path):
    """B-107 holds for them too: a refresh replaces only what it read."""
    cache = DiscoveryCache(tmp_path / "c.json")
    kept = msgspec.structs.replace(alike(), league="nba")
    base = cache.merge(Cached(alike=(kept, alike())), ["nba", "other"], now=NOW, base=Cached())
    after = cache.merge(Cached(), ["other"], now=NOW, base=base)

    assert after.alike == (kept,)
