"""Promises of a discovery run: both venues at once, failures contained, the cache used, merged and never trusted blindly."""

import json

import pytest
from discovery_games import gamma_game, gamma_soccer, kalshi_game, milestone

from controller.discovery.cache import SCHEMA, Cached, DiscoveryCache
from controller.discovery.catalogue import discover
from controller.discovery.claims import DOMAINS
from controller.discovery.names import load
from trading.clock import SECOND, ManualClock
from trading.errors import Unreachable
from trading.units import WallNs

NBA = "KXNBAGAME-26NOV19UTAGSW"
MLS = "KXMLSGAME-26NOV21VANHOU"
NOW = 1_795_000_000 * SECOND  # 2026-11-18


class Kalshi:
    """A catalogue in memory. broken names the reads that fail."""

    def __init__(self):
        sides = (("VAN", "Vancouver"), ("HOU", "Houston"), ("TIE", "Tie"))
        self.events = {"KXNBAGAME": [kalshi_game()], "KXMLSGAME": [kalshi_game(MLS, "Vancouver vs Houston", sides)]}
        self.stones = [milestone(NBA, "2026-11-20T03:00:00Z"), milestone(MLS, "2026-11-22T01:00:00Z")]
        self.broken = set()
        self.asked = []
        self.since = None

    async def event_pages(self, *, status="open", series_ticker=None):
        self.asked.append(series_ticker)
        if series_ticker in self.broken:
            raise Unreachable("kalshi", "connect", "refused")
        yield self.events.get(series_ticker, [])
        yield []

    async def milestones(self, *, category="Sports", minimum_start_date=None):
        if "milestones" in self.broken:
            raise Unreachable("kalshi", "connect", "refused")
        self.since = minimum_start_date
        return self.stones

    async def series(self):
        return {name: {"ticker": name, "fee_type": "quadratic", "fee_multiplier": 1} for name in self.events}


class Gamma:
    """A sweep in memory."""

    def __init__(self):
        self.events = [
            gamma_game(),
            gamma_soccer("mls-van-hou-2026-11-21", ("Vancouver Whitecaps FC", "Houston Dynamo FC"), None),
        ]
        for market in self.events[1]["markets"]:
            market["gameStartTime"] = "2026-11-22 01:00:00+00"
        self.broken = False
        self.asked = []

    async def event_pages(self, **filters):
        self.asked.append(filters)
        if self.broken:
            raise Unreachable("polymarket", "connect", "refused")
        for event in self.events:
            yield [event]


async def run(kalshi, gamma, cache=None, clock=None, **options):
    return await discover(kalshi, gamma, clock=clock or ManualClock(wall=NOW), cache=cache, **options)


def ids(found):
    return {pair.first for pair in found.pairs}


ALL = {f"{NBA}-UTA", f"{NBA}-GSW", f"{MLS}-VAN", f"{MLS}-HOU", f"{MLS}-TIE"}


async def test_run_returns_pairs_and_markets_of_all_leagues():
    """Every pair has both Market values and no other market stands with them; every league has its report."""
    found = await run(Kalshi(), Gamma())

    assert ids(found) == ALL
    assert {pair.state for pair in found.pairs} == {"approved"}
    assert all(pair.first in found.markets and pair.second in found.markets for pair in found.pairs)
    assert found.markets[f"{NBA}-UTA"].starts_at == found.pairs[0].starts_at
    assert found.markets.keys() == {side for pair in found.pairs for side in (pair.first, pair.second)}
    assert {report.league for report in found.reports} == {*load().leagues, *DOMAINS}
    assert found.failures == ()
    nba = next(report for report in found.reports if report.league == "nba")
    assert (nba.kalshi_events, nba.kalshi_markets, nba.polymarket_markets, nba.pairs, nba.approved) == (1, 2, 1, 2, 2)


async def test_only_requested_leagues_are_read_and_unknown_ones_are_named():
    """ENABLED_LEAGUES limits the reads; a typo is a notice, not silence."""
    kalshi = Kalshi()
    found = await run(kalshi, Gamma(), leagues=("nba", "nbaa"))

    assert kalshi.asked == ["KXNBAGAME"]
    assert {pair.league for pair in found.pairs} == {"nba"}
    assert found.notices == ("unknown league 'nbaa' ignored",)


async def test_milestones_are_read_from_a_day_before_now():
    """A game in play began before this moment and still needs its start."""
    kalshi = Kalshi()
    await run(kalshi, Gamma(), leagues=("nba",))

    assert kalshi.since == "2026-11-17T11:06:40Z"


async def test_progress_is_told():
    """Long work says what it does."""
    told = []
    await run(Kalshi(), Gamma(), leagues=("nba",), progress=lambda done, total, text: told.append((done, total, text)))

    assert (1, 1, "kalshi KXNBAGAME") in told
    assert told[-1] == (1, 1, "2 pairs")


async def test_missing_milestones_leave_pairs_proposed_and_are_reported():
    """Without starts nothing is approved; the run goes on."""
    kalshi = Kalshi()
    kalshi.broken = {"milestones"}
    found = await run(kalshi, Gamma())

    assert ids(found) == ALL
    assert {pair.state for pair in found.pairs} == {"proposed"}
    assert "milestones" in found.failures[0]


async def test_two_milestones_with_different_starts_give_no_start():
    """An event claimed by two games starts at neither."""
    kalshi = Kalshi()
    kalshi.stones.append(milestone(NBA, "2026-11-20T01:00:00Z"))
    found = await run(kalshi, Gamma(), leagues=("nba",))

    assert {pair.state for pair in found.pairs} == {"proposed"}


async def test_untagged_venue_is_swept_whole():
    """Where no event bears the games tag everything open is read."""

    class Untagged(Gamma):
        async def event_pages(self, **filters):
            self.asked.append(filters)
            if "tag_slug" not in filters:
                yield self.events

    gamma = Untagged()
    found = await run(Kalshi(), gamma, leagues=("nba", "mls"))

    assert ids(found) == ALL
    assert len(gamma.asked) == 2


async def test_closed_market_is_no_pair():
    """A market that no longer takes orders is counted, not paired."""
    gamma = Gamma()
    gamma.events[0]["markets"][0].update({"closed": True, "active": False})
    found = await run(Kalshi(), gamma, leagues=("nba",))

    assert found.pairs == ()
    assert found.reports[0].misses["closed"] == 2


async def test_young_cache_is_used_without_any_read(tmp_path):
    """B-106: younger than the time to live is used as it is, filtered to the leagues asked for."""
    cache, clock = DiscoveryCache(tmp_path / "c.json"), ManualClock(wall=NOW)
    first = await run(Kalshi(), Gamma(), cache, clock)
    clock.advance(7_199 * SECOND)
    kalshi, gamma = Kalshi(), Gamma()
    again = await run(kalshi, gamma, cache, clock)
    some = await run(kalshi, gamma, cache, clock, leagues=("mls",))

    assert kalshi.asked == gamma.asked == []
    assert again.pairs == first.pairs
    assert again.markets == first.markets
    assert {pair.league for pair in some.pairs} == {"mls"}
    assert all(report.from_cache for report in again.reports)


async def test_the_cache_of_another_process_is_read_and_its_own_is_remembered(tmp_path):
    """B-105: the file is read again only when somebody else wrote it: decoding thousands of pairs holds up the books."""
    mine, other = DiscoveryCache(tmp_path / "c.json"), DiscoveryCache(tmp_path / "c.json")
    await run(Kalshi(), Gamma(), mine)
    kept, notice = other.load()
    assert notice is None
    assert (kept, other.load()[0] is kept) == (mine.load()[0], True)

    await run(Kalshi(), Gamma(), other, leagues=("mls",), force=True)
    seen = mine.load()[0]
    assert seen == other.load()[0] == DiscoveryCache(tmp_path / "c.json").load()[0]
    (tmp_path / "c.json").write_bytes(b"{")
    assert "corrupt" in (mine.load()[1] or "")


async def test_force_and_changed_approval_setting_read_again(tmp_path):
    """B-033 and C-11: FORCE_DISCOVERY and a stricter setting never live on old approvals."""
    cache = DiscoveryCache(tmp_path / "c.json")
    await run(Kalshi(), Gamma(), cache)
    forced, strict = Kalshi(), Kalshi()
    await run(forced, Gamma(), cache, force=True)
    found = await run(strict, Gamma(), cache, mode="all")

    assert forced.asked
    assert strict.asked
    assert {pair.state for pair in found.pairs} == {"proposed"}


async def test_old_cache_with_nothing_new_is_renewed_from_kalshi_alone(tmp_path):
    """B-106: known pairs still open stay, closed ones go, and the other venue is not asked when all is paired."""
    cache, clock = DiscoveryCache(tmp_path / "c.json"), ManualClock(wall=NOW)
    await run(Kalshi(), Gamma(), cache, clock)
    clock.advance(7_200 * SECOND)
    kalshi, gamma = Kalshi(), Gamma()
    kalshi.events["KXMLSGAME"] = []
    found = await run(kalshi, gamma, cache, clock)

    assert gamma.asked == []
    assert ids(found) == {f"{NBA}-UTA", f"{NBA}-GSW"}
    assert {pair.league for pair in cache.load()[0].pairs} == {"nba"}


async def test_old_cache_drops_a_pair_whose_start_moved(tmp_path):
    """A postponed game is another game until both venues are read again."""
    cache, clock = DiscoveryCache(tmp_path / "c.json"), ManualClock(wall=NOW)
    await run(Kalshi(), Gamma(), cache, clock, leagues=("nba",))
    clock.advance(7_200 * SECOND)
    kalshi = Kalshi()
    kalshi.stones = [milestone(NBA, "2026-11-20T00:30:00Z")]
    found = await run(kalshi, Gamma(), cache, clock, leagues=("nba",))

    assert found.pairs == ()


async def test_a_renewed_pair_carries_the_hash_of_todays_text(tmp_path):
    """A rule text that changed between two full readings is noticed at the renewal, not hours later (matching.md 3.5)."""
    cache, clock = DiscoveryCache(tmp_path / "c.json"), ManualClock(wall=NOW)
    before = {pair.id: pair.texts for pair in (await run(Kalshi(), Gamma(), cache, clock, leagues=("nba",))).pairs}
    clock.advance(7_200 * SECOND)
    same = {pair.id: pair.texts for pair in (await run(Kalshi(), Gamma(), cache, clock, leagues=("nba",))).pairs}
    clock.advance(7_200 * SECOND)
    kalshi = Kalshi()
    kalshi.events["KXNBAGAME"][0]["markets"][0]["rules_secondary"] = "If the game is cancelled, it resolves to No."
    after = {pair.id: pair.texts for pair in (await run(kalshi, Gamma(), cache, clock, leagues=("nba",))).pairs}

    assert same == before
    assert [one for one in before if after[one] != before[one]] == [one for one in before if one.startswith(f"{NBA}-UTA")]


async def test_old_cache_with_a_new_market_reads_the_other_venue_too(tmp_path):
    """An unpaired Kalshi market is looked up at every refresh, because the other venue often lists later."""
    cache, clock = DiscoveryCache(tmp_path / "c.json"), ManualClock(wall=NOW)
    empty = Gamma()
    empty.events = empty.events[1:]
    assert ids(await run(Kalshi(), empty, cache, clock)) == {ticker for ticker in ALL if ticker.startswith(MLS)}
    clock.advance(7_200 * SECOND)

    assert ids(await run(Kalshi(), Gamma(), cache, clock)) == ALL


async def test_failed_league_keeps_its_cached_pairs_and_says_so(tmp_path):
    """B-108: one series down leaves its pairs in use, the others fresh, and its cache entry old."""
    cache, clock = DiscoveryCache(tmp_path / "c.json"), ManualClock(wall=NOW)
    await run(Kalshi(), Gamma(), cache, clock)
    kalshi = Kalshi()
    kalshi.broken = {"KXNBAGAME"}
    found = await run(kalshi, Gamma(), cache, clock, force=True)
    nba = next(report for report in found.reports if report.league == "nba")

    assert ids(found) == ALL
    assert nba.from_cache
    assert "KXNBAGAME" in (nba.error or "")
    assert any("KXNBAGAME" in failure for failure in found.failures)


async def test_failed_venue_keeps_everything_and_without_cache_nothing(tmp_path):
    """B-108: Polymarket down means old pairs or none, and a failure either way."""
    cache = DiscoveryCache(tmp_path / "c.json")
    await run(Kalshi(), Gamma(), cache)
    gamma = Gamma()
    gamma.broken = True
    kept = await run(Kalshi(), gamma, cache, force=True)
    bare = await run(Kalshi(), gamma)

    assert ids(kept) == ALL
    assert ids(bare) == set()
    assert "polymarket" in kept.failures[0]
    assert bare.failures


async def test_cached_pairs_of_a_failed_league_lapse_a_day_after_the_start(tmp_path):
    """B-106: a game that began a day ago is not in use however long a venue is down; until then it is."""
    cache, clock = DiscoveryCache(tmp_path / "c.json"), ManualClock(wall=NOW)
    found = await run(Kalshi(), Gamma(), cache, clock, leagues=("nba",))
    (starts,) = {pair.starts_at for pair in found.pairs}
    kalshi = Kalshi()
    kalshi.broken = {"KXNBAGAME", "milestones"}
    clock.advance(starts + 86_400 * SECOND - 1 - clock.wall_ns())

    assert len((await run(kalshi, Gamma(), cache, clock, leagues=("nba",))).pairs) == len(found.pairs)
    clock.advance(1)
    assert (await run(kalshi, Gamma(), cache, clock, leagues=("nba",))).pairs == ()


async def test_refresh_of_one_league_never_shrinks_the_others(tmp_path):
    """B-107: the file merges."""
    cache = DiscoveryCache(tmp_path / "c.json")
    await run(Kalshi(), Gamma(), cache)
    await run(Kalshi(), Gamma(), cache, leagues=("nba",), force=True)

    assert {pair.league for pair in cache.load()[0].pairs} == {"nba", "mls"}
    assert len(cache.load()[0].markets) == 2 + 1 + 3 + 3


async def test_pairs_of_other_hosts_are_never_served(tmp_path):
    """A simulator's games in the cache are no pairs of the real venues: another source finds anew and says so."""
    path = tmp_path / "c.json"
    await run(Kalshi(), Gamma(), DiscoveryCache(path, source="simulator"))
    cached, notice = DiscoveryCache(path, source="real").load()

    assert cached == Cached()
    assert "other hosts (simulator)" in notice
    assert DiscoveryCache(path, source="simulator").load()[0].pairs


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"schema": 99}', b'{"schema": 1, "pairs": 5}', b"\xff\xfe"])
def test_unreadable_cache_is_ignored_with_a_notice(tmp_path, content):
    """B-107: corrupt or of another schema is rebuilt, never an error."""
    path = tmp_path / "c.json"
    path.write_bytes(content)
    cached, notice = DiscoveryCache(path).load()

    assert cached == Cached()
    assert notice is not None
    assert "anew" in notice


def test_missing_cache_is_silent_and_written_file_is_whole_json(tmp_path):
    """The first start has no file; a save leaves exactly one, with its schema."""
    cache = DiscoveryCache(tmp_path / "deep" / "c.json")
    assert cache.load() == (Cached(), None)
    cache.save(Cached(created=WallNs(5)))

    assert json.loads(cache.path.read_text())["schema"] == SCHEMA
    assert [path.name for path in cache.path.parent.iterdir()] == ["c.json"]
    assert cache.load()[0].created == 5


def test_cache_from_the_future_is_stale(tmp_path):
    """A clock that was wrong once must not freeze discovery."""
    cached = Cached(scope={"nba:all": WallNs(100)})

    assert cached.age_ns("nba", WallNs(99)) is None
    assert cached.age_ns("nba", WallNs(160)) == 60
    assert cached.age_ns("mls", WallNs(160)) is None


async def test_unwritable_cache_is_a_notice(tmp_path):
    """Pairs are found even when they cannot be kept."""
    (tmp_path / "file").write_text("x")
    found = await run(Kalshi(), Gamma(), DiscoveryCache(tmp_path / "file" / "c.json"))

    assert ids(found) == ALL
    assert any("could not be written" in notice or "cannot be read" in notice for notice in found.notices)
