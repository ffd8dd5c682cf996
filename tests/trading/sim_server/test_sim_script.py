"""The demo script keeps its promises against the real cores, for any seed."""

import itertools
import json
from typing import Any

import pytest
from sim_run import Run

from trading.fees import fee_of_fill
from trading.sim.credentials import FUNDED_SHARDS, Credentials
from trading.sim.exchange import Order, Side
from trading.sim.scenes import DEMO, DEMO_SECONDS, Arb, Throw
from trading.units import CENT, CONTRACT, ONE, Price, Size

SEEDS = (1, 2, 3)


def linked(run: Run, role: str) -> Any:
    return next(link for link in run.world.universe.links if link.role == role)


def edges(run: Run, role: str) -> dict[str, float]:
    """Net cents per contract of the top of both books, by direction ("polymarket" = YES is bought there)."""
    link = linked(run, role)
    terms = run.terms
    ticker = link.tickers[0][0]
    tops = {"kalshi": run.world.kalshi.books[ticker], "polymarket": run.world.polymarket.books[link.condition_id]}
    found = {}
    for cheap, dear in (("kalshi", "polymarket"), ("polymarket", "kalshi")):
        ask, bid = tops[cheap].best("ask"), tops[dear].best("bid")
        if ask is None or bid is None:
            continue
        fees = 0
        for venue, price in ((cheap, ask), (dear, bid)):
            fees += fee_of_fill(terms[ticker if venue == "kalshi" else link.condition_id], price, Size(100 * CONTRACT))
        found[cheap] = (bid - ask) / CENT - fees / 1_000_000
    return found


def order(run: Run, side: Side, price: int, contracts: int) -> Order:
    size = Size(contracts * CONTRACT)
    return Order("ours", "us", side, Price(price), size, size, run.clock.wall_ns())


@pytest.mark.parametrize("seed", SEEDS)
def test_clean_arbs_are_enough_large_enough_and_last(credentials: Credentials, seed: int) -> None:
    """Fourteen or more clean arbs in four or more games, 3 to 6c net, both directions, 1.5 s or longer."""
    run = Run(credentials, seed=seed)
    run.play()
    script = run.world.script
    assert script is not None
    clean = [report for report in script.reports if report.why == "clean"]
    lengths = [entry.for_s for entry in DEMO if isinstance(entry, Arb)]

    assert len(clean) >= 14
    assert len({report.role for report in clean}) >= 4
    assert {report.cheap for report in clean} == {"kalshi", "polymarket"}
    assert all(3 <= report.net_cents <= 6 for report in clean)
    assert min(lengths) >= 1.5


@pytest.mark.parametrize("seed", SEEDS)
def test_arbs_show_in_the_books_only_while_their_scene_lasts(credentials: Credentials, seed: int) -> None:
    """At every step a game's books show an edge if and only if one of its scenes is on."""
    run = Run(credentials, seed=seed)
    script = run.world.script
    assert script is not None
    roles = {entry.role for entry in DEMO if isinstance(entry, Arb)}
    shown: set[tuple[str, float]] = set()

    def check() -> None:
        at = script.statistics()["script_seconds"]
        assert isinstance(at, float)
        for role in roles:
            best = max(edges(run, role).values(), default=-1.0)
            scene = next(
                (e for e in DEMO if isinstance(e, Arb) and e.role == role and e.at - 0.002 <= at <= e.at + e.for_s + 0.002),
                None,
            )
            if best > 0:
                assert scene is not None, (role, at, best)
                shown.add((role, scene.at))

    run.play(check)
    assert shown == {(entry.role, entry.at) for entry in DEMO if isinstance(entry, Arb)}


def test_no_game_has_two_scenes_within_a_second() -> None:
    """Scenes of one game, their tails included, leave at least a second between them."""
    by_role: dict[str, list[Arb]] = {}
    for entry in DEMO:
        if isinstance(entry, Arb):
            by_role.setdefault(entry.role, []).append(entry)

    for scenes in by_role.values():
        for first, second in itertools.pairwise(sorted(scenes, key=lambda scene: scene.at)):
            assert second.at - (first.at + first.for_s + first.tail_s) >= 1.0


def test_the_table_holds_every_kind_of_outcome() -> None:
    """Misses, partial and empty second legs, cheap completions, both drops, a pause and each refusal are in the table."""
    arbs = [entry for entry in DEMO if isinstance(entry, Arb)]
    throws = {(entry.venue, entry.fault) for entry in DEMO if isinstance(entry, Throw)}
    hollow = [arb for arb in arbs if arb.trick == "hollow"]

    assert sum(arb.trick == "phantom" for arb in arbs) >= 3
    assert sum(arb.gap >= 10 and arb.part > 0 for arb in hollow) >= 1
    assert sum(arb.gap >= 10 for arb in hollow) >= 2
    assert sum(arb.gap <= 6 for arb in hollow) >= 1
    assert throws == {("kalshi", "drop_sessions"), ("polymarket", "drop_sessions"), ("kalshi", "pause"), ("kalshi", "resume")}
    assert {"in_play", "soon", "bad_data", "unfunded", "thin"} <= {arb.role for arb in arbs}
    assert max(arb.at + arb.for_s + arb.tail_s for arb in arbs) <= DEMO_SECONDS


@pytest.mark.parametrize("seed", SEEDS)
def test_refusals_have_the_reason_they_claim(credentials: Credentials, seed: int) -> None:
    """The games of the refusals are in play and held, about to start, unfunded, too good, and too small."""
    run = Run(credentials, seed=seed)
    polymarket = run.world.polymarket.markets()
    shard = {m["ticker"]: m["exchange_index"] for event in run.world.universe.kalshi.events for m in event["markets"]}
    in_play, soon = (polymarket[linked(run, role).condition_id] for role in ("in_play", "soon"))
    run.play()
    script = run.world.script
    assert script is not None
    best = {report.role: report.net_cents for report in script.reports}
    thin = next(report for report in script.reports if report.role == "thin")

    assert in_play.starts_at is not None
    assert in_play.starts_at < run.clock.wall_ns()
    assert in_play.hold_ns == 3_000_000_000
    assert soon.starts_at is not None
    assert shard[linked(run, "unfunded").tickers[0][0]] not in FUNDED_SHARDS
    assert all(shard[linked(run, f"clean-{i}").tickers[0][0]] in FUNDED_SHARDS for i in range(1, 6))
    assert best["bad_data"] > 15
    assert thin.ask < ONE


def test_phantom_level_is_gone_when_the_first_leg_arrives(credentials: Credentials) -> None:
    """The level shows before the order, and the order would match nothing of the arb."""
    run = Run(credentials)
    run.until(5.8)
    link = linked(run, "phantom-1")
    book = run.world.polymarket.books[link.condition_id]
    ask = book.best("ask")
    assert ask is not None
    assert run.world.polymarket.arrival is not None
    run.world.polymarket.arrival(link.condition_id, order(run, "bid", ask, 10))

    assert book.matchable("bid", ask) == 0


def test_partial_second_leg_fills_in_part_and_leaves_a_cheap_way_back(credentials: Credentials) -> None:
    """Kalshi fills part of a real signed order, shows nothing within 10c, and Polymarket's bid stays a cent away."""
    run = Run(credentials)
    run.until(7.3)
    link = linked(run, "partial")
    ticker = link.tickers[0][0]
    kalshi, polymarket = run.world.kalshi.books[ticker], run.world.polymarket.books[link.condition_id]
    touch, first_leg = kalshi.best("bid"), polymarket.best("ask")
    assert touch is not None
    assert first_leg is not None
    body = {
        "ticker": ticker,
        "side": "ask",
        "count": "15.00",
        "price": f"{touch / 10_000:.4f}",
        "time_in_force": "immediate_or_cancel",
        "self_trade_prevention_type": "taker_at_cross",
        "client_order_id": "stranger-1",
    }
    answer = json.loads(run.kalshi(credentials, "POST", "/portfolio/events/orders", body).body)
    next_bid, way_back = kalshi.best("bid"), polymarket.best("bid")

    assert answer["fill_count"] == "6.00"
    assert next_bid is not None
    assert touch - next_bid >= 10 * CENT
    assert way_back is not None
    assert first_leg - way_back <= CENT


def test_completing_is_the_cheapest_way_out_of_the_complete_scenes(credentials: Credentials) -> None:
    """Kalshi's next level costs 3c more than shown, selling the first leg back 10c."""
    run = Run(credentials)
    run.until(9.5)
    link = linked(run, "complete")
    ticker = link.tickers[0][0]
    kalshi, polymarket = run.world.kalshi.books[ticker], run.world.polymarket.books[link.condition_id]
    touch, first_leg = kalshi.best("ask"), polymarket.best("bid")
    assert touch is not None
    assert first_leg is not None
    assert run.world.kalshi.arrival is not None
    run.world.kalshi.arrival(ticker, order(run, "bid", touch, 10))
    completion, way_back = kalshi.best("ask"), polymarket.best("ask")

    assert completion == touch + 3 * CENT
    assert kalshi.size_at("ask", Price(completion)) >= 100 * CONTRACT
    assert way_back is not None
    assert way_back - first_leg >= 10 * CENT


def test_the_script_ends_quiet_at_rest_and_uncrossed(credentials: Credentials) -> None:
    """When it is done every book is back where it began, apart from the far level that keeps feeds proven."""
    run = Run(credentials)
    script = run.world.script
    assert script is not None
    cores = (run.world.kalshi, run.world.polymarket)

    def tops() -> dict[str, Any]:
        soon = linked(run, "soon").condition_id  # its book is wiped at its start
        return {
            m: (c.books[m].best("bid"), c.books[m].best("ask"))
            for c in cores
            for m in script.markets
            if m in c.books and m != soon
        }

    before = tops()
    run.play()
    for _ in range(200):
        run.step()

    assert script.statistics()["script_done"]
    assert tops() == before
    assert all(bid < ask for bid, ask in before.values())


def test_arbs_are_the_same_for_every_seed(credentials: Credentials) -> None:
    """Only prices differ between seeds, never what happens when."""
    played = []
    for seed in SEEDS:
        run = Run(credentials, seed=seed)
        run.play()
        assert run.world.script is not None
        played.append([(report.at, report.role, report.why, report.cheap) for report in run.world.script.reports])

    assert played[0] == played[1] == played[2]


def test_speed_shortens_the_play(credentials: Credentials) -> None:
    """At speed 3 the script takes a third of the time."""
    run = Run(credentials, speed=3.0)
    begin = run.clock.mono_ns()
    run.play()

    assert (run.clock.mono_ns() - begin) / 1e9 == pytest.approx(DEMO_SECONDS / 3, abs=0.01)


def test_a_universe_without_the_games_is_refused(credentials: Credentials) -> None:
    """A recorded or too small universe cannot play the demo; the error names the role."""
    with pytest.raises(ValueError, match="no game for the role 'clean-5'"):
        Run(credentials, events=4)
