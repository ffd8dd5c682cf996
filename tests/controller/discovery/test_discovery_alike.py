"""What no claim joins is compared by its text inside a bucket, bounded, for people only (B-104)."""

import pytest
from discovery_sides import gamma_question, kalshi_question
from test_discovery_catalogue import run
from test_discovery_domains import FUTURE, venues

from controller.discovery import assemble
from controller.discovery.cache import DiscoveryCache
from controller.discovery.candidates import look_alikes

ASKED = "Will Ann Smith perform at the 2027 halftime show?"


def shows(count=1):
    """Markets of both venues whose form no reader knows."""
    ours = [
        kalshi_question(f"KXHALFTIME-27N{n}", "Halftime show?", "AS", ASKED.replace("Smith", f"Smith{n}")) for n in range(count)
    ]
    theirs = [
        gamma_question(ASKED.replace("Smith", f"Smith{n}"), "Halftime performer", "2027-02-08T00:00:00Z", 0x900 + n)
        for n in range(count)
    ]
    return ours, theirs


async def test_unread_markets_that_read_alike_become_look_alikes_and_no_pair():
    """They carry both markets with their rules and are not tradable."""
    found = await run(*venues(*shows()))

    assert found.pairs == ()
    assert found.markets == {}
    (one,) = found.alike
    assert one.similarity == 100
    assert (one.first.tradable, one.second.tradable) == (False, False)
    assert "resolves to Yes" in one.first.rules


def test_what_reads_less_alike_than_asked_is_not_shown():
    """B-104: likeness is a figure of 0 to 100 and the threshold holds; close names in other words fall short of it."""
    ours = [({"ticker": "KXA-1", "title": "Will Ann Smith perform in the halftime show?"}, False)]
    theirs = [({"id": "1", "question": "Ann Smith named as the performer of the great big halftime event?"}, False)]

    (shown,) = look_alikes(ours, theirs, similarity=50)
    assert 50 <= shown.similarity < 95
    assert look_alikes(ours, theirs, similarity=95) == ()


async def test_a_pair_is_no_look_alike_and_known_differences_are_none():
    """What is paired is not proposed twice, and two claims that differ are known to differ."""
    heat = gamma_question("Will the Miami Heat win the 2027 NBA Finals?", "2027 NBA Champion", "2027-07-01T00:00:00Z", 0x70)
    found = await run(*venues([FUTURE[0]], [FUTURE[1], heat]))

    assert len(found.pairs) == 1
    assert found.alike == ()


async def test_placeholders_are_never_look_alikes():
    """What they ask changes when they are named (matching.md 3.6)."""
    ours, theirs = shows()
    theirs[0]["markets"][0]["negRiskOther"] = True

    assert (await run(*venues(ours, theirs))).alike == ()


async def test_look_alikes_are_bounded(monkeypatch: pytest.MonkeyPatch):
    """However many there are, the cache stays small: the most alike are kept."""
    monkeypatch.setattr(assemble, "_MOST_ALIKE", 3)
    found = await run(*venues(*shows(6)))

    assert len(found.alike) == 3


async def test_look_alikes_outlive_a_start_from_the_cache(tmp_path):
    """`pairs show` works offline on what the last reading found."""
    cache = DiscoveryCache(tmp_path / "c.json")
    first = await run(*venues(*shows()), cache)
    again = await run(*venues([], []), cache)

    assert again.alike == first.alike == cache.load()[0].alike
