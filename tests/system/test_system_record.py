"""--record: what was received can be replayed to the same books, and holds no secret."""

import base64
from pathlib import Path

from system_bench import Venues, same_book, trading

from trading.sim.replay import read_frames, replay_kalshi, replay_polymarket
from trading.units import complement, format_price, format_size, to_dollars


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
