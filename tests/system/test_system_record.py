"""--record: what was received can be replayed to the same books, and holds no secret."""

import base64
from pathlib import Path

from system_bench import Venues, same_book, trading

from controller.engine import Engine
from controller.model import Balances, Event, PairChanged, Tick
from controller.numbers import risk_settings
from controller.risk.decision import Approved
from controller.risk.gate import Gate
from controller.state import State
from controller.strategy.cross_venue import CrossVenue
from trading.clock import ManualClock
from trading.ids import SeededIds
from trading.kalshi.books import KalshiBooks
from trading.market import KALSHI, POLYMARKET
from trading.polymarket.books import PolymarketBooks
from trading.sim.replay import read_frames, replay_kalshi, replay_polymarket
from trading.units import MonoNs, WallNs, complement, format_price, format_size, to_dollars
from trading.venue import Balance


async def test_recorded_frames_replay_to_the_same_books(venues: Venues, tmp_path: Path) -> None:
    """Both feeds' files, read back through the real decoders, end in the venue's own books."""
    game, taps = venues.games[0], tmp_path / "frames"
    async with trading(venues, tmp_path, record=taps, dry_run=True) as desk:
        venues[game.first].put("bid", 30, 12.5)
        venues[game.second].put("ask", 61, 7)
        venues[game.condition].put("bid", 22, 90)
        for market in (game.first, game.second, game.condition):
            await desk.until(lambda market=market: same_book(desk, market), "books equal the venues'")
    kalshi = replay_kalshi(read_frames(taps / "kalshi-1.jsonl"))["books"]
    polymarket = replay_polymarket(read_frames(taps / "polymarket-1.jsonl"))["books"]

    for ticker in (game.first, game.second):
        book = venues.kalshi.core.books[ticker]
        assert kalshi[ticker] == {
            "yes": [[format_price(price), format_size(size)] for price, size in book.levels("bid")],
            "no": [[format_price(complement(price)), format_size(size)] for price, size in reversed(book.levels("ask"))],
        }
    token = venues.polymarket.core.markets()[game.condition].tokens[0]
    book = venues.polymarket.core.books[game.condition]
    for side, key in (("bid", "bids"), ("ask", "asks")):
        wanted = [[to_dollars(price * 100), to_dollars(size)] for price, size in book.levels(side)]
        assert polymarket[token][key] == wanted


async def test_a_recorded_session_replays_through_detection(venues: Venues, tmp_path: Path) -> None:
    """B-354: the frames of a session, read back, bring about the very arb it took: same basket, sides, limits and size."""
    taps = tmp_path / "frames"
    async with trading(venues, tmp_path, record=taps) as desk:
        venues.open_arb(venues.games[0])
        await desk.until_closed()
        await desk.settle()
        numbers = risk_settings(desk.system.settings)
        pairs, markets = dict(desk.system.state.pairs), dict(desk.system.state.markets)
        cash = desk.system.state.cash.shards()
        await desk.system.records.flush()
        (taken,) = [row for row in desk.records if row["kind"] == "approved"]
    venue_of = {market.id: market.venue for market in markets.values()}
    frames = [
        (at, venue, data)
        for venue in (KALSHI, POLYMARKET)
        for at, data in read_frames(taps / f"{venue}-1.jsonl")
    ]  # fmt: skip
    engine = Engine(
        state := State(numbers),
        (CrossVenue(numbers),),
        Gate(state, numbers, lambda legs: None, SeededIds(ManualClock(), 1), "sim"),
    )
    now, decided = MonoNs(0), []

    def hear(event: Event) -> None:
        decided.extend(engine.process(event, now))

    kalshi, polymarket = KalshiBooks(hear), PolymarketBooks(hear)
    for at, venue, data in sorted(frames, key=lambda frame: frame[0]):
        if not now:
            now = MonoNs(at)
            hear(Tick(WallNs(at)))
            for pair in pairs.values():
                hear(PairChanged(pair, (markets[pair.first], markets[pair.second])))
            for where in (KALSHI, POLYMARKET):
                rows = tuple(Balance(shard=shard, cash=held) for (of, shard), (held, _) in cash.items() if of == where)
                hear(Balances(where, rows))
            kalshi.watch([market for market in markets.values() if venue_of[market.id] == KALSHI])
            for market in markets.values():
                if venue_of[market.id] == POLYMARKET:
                    polymarket.add(market)
            kalshi.connect(now)
        now = MonoNs(at)
        (kalshi if venue == KALSHI else polymarket).apply(data, now, WallNs(at))

    found = next(one for one in decided if isinstance(one, Approved))
    assert found.intent.basket.id == taken["basket"]
    assert [
        (want.market, want.outcome.name.lower(), format_price(want.limit), to_dollars(want.size)) for want in found.intent.wants
    ] == [(leg["market"], leg["outcome"], leg["limit"], leg["size"]) for leg in taken["legs"]]


async def test_a_recording_holds_no_secret(venues: Venues, tmp_path: Path) -> None:
    """Neither keys nor signatures of any stream, private ones included, reach the files; a trade happened meanwhile."""
    taps, secrets = tmp_path / "frames", venues.credentials
    async with trading(venues, tmp_path, record=taps) as desk:
        venues.open_arb(venues.games[0])
        await desk.until_closed()
        await desk.settle()
    written = "".join(path.read_text(encoding="utf-8") for path in sorted(taps.iterdir()))
    pem = secrets.kalshi_ed25519_key_path.read_text().splitlines()[1]
    account = secrets.polymarket

    assert {path.name.partition("-1")[0] for path in taps.iterdir()} >= {"kalshi", "polymarket", "kalshi-private"}
    for secret in (
        secrets.private_key,
        secrets.private_key.removeprefix("0x"),
        pem,
        account.api_secret,
        account.api_passphrase,
        base64.b64encode(account.api_secret.encode()).decode(),
    ):
        assert secret not in written
    assert "KALSHI-ACCESS-SIGNATURE" not in written
