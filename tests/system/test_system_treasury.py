"""`controller treasury` on both simulated venues: what is missing is shown, mended once, and proven by the venues' own record."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from system_bench import Listing, Venues, settings_of

from controller.ledger.database import open_ledger, url_of
from controller.ledger.schema import transfers
from controller.treasury import treasury
from trading.polymarket.calls import split
from trading.sim.polymarket_chain import Call
from trading.units import CONTRACT, DOLLAR, ONE, Money

OWN_WANT = "kalshi:0=100,polymarket=100"


async def run(venues: Venues, directory: Path, capsys: pytest.CaptureFixture[str], **given: Any) -> tuple[int, Any, list[str]]:
    """Exit code, the JSON object, and what was said on the way."""
    said: list[str] = []
    settings = settings_of(directory, venues.env(directory), **given.pop("flags", {}))
    capsys.readouterr()
    code = await treasury(settings, as_json=True, say=said.append, **{"want": OWN_WANT, **given})
    return code, json.loads(capsys.readouterr().out), said


def kalshi_cash(venues: Venues) -> dict[int, int]:
    return dict(venues.kalshi.core.account_view(venues.credentials.kalshi.user_id).cash)


def polymarket_cash(venues: Venues) -> int:
    return int(venues.polymarket.core.account_view(venues.credentials.polymarket.owner).cash)


def hold(venues: Venues, game: Listing, pairs: int) -> None:
    """Split dollars of the wallet into pairs on chain, as a fill on both outcomes would leave it."""
    core = venues.polymarket.core
    wallet = core._state.wallet_of(venues.credentials.polymarket.owner)
    market = core.markets()[game.condition]
    call = split(game.condition, pairs * CONTRACT, version="v1", neg_risk=market.neg_risk)
    core._chain.execute(wallet, [Call(call.target, 0, call.data)])


def kinds(answer: Any) -> list[tuple[str, bool]]:
    return [(row["kind"], row["done"]) for row in answer["applied"]]


def of(answer: Any, venue: str) -> Any:
    return next(one for one in answer["venues"] if one["venue"] == venue)


async def test_looking_shows_everything_and_moves_nothing(
    venues: Venues, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Cash per shard and wallet, allowances, nothing missing: exit 0 and the venues' record is as before."""
    before = venues.record()
    code, answer, _ = await run(venues, tmp_path, capsys)

    assert (code, answer["ok"], answer["applied"]) == (0, True, [])
    assert {row["kind"] for row in of(answer, "polymarket")["assets"]} == {"cash", "allowance"}
    assert {row["place"] for row in of(answer, "kalshi")["assets"]} >= {"shard 0", "shard 3"}
    assert of(answer, "kalshi")["steps"] == of(answer, "polymarket")["steps"] == []
    assert venues.record() == before


async def test_default_wants_one_trade_on_every_shard_with_a_pair(
    venues: Venues, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """MAX_TRADE_SIZE dollars on the shard of the games and on Polymarket, with what the gate leaves untouched on top."""
    code, answer, _ = await run(venues, tmp_path, capsys, want=None, flags={"max_trade_size": 1000})

    assert code == 0
    assert of(answer, "kalshi")["wanted"] == {str(venues.games[0].game.shard): "1250"}
    assert of(answer, "polymarket")["wanted"] == {"0": "1250"}


async def test_cash_on_the_wrong_shard_is_moved_once(
    venues: Venues, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shard that lacks cash gets exactly what is missing from one that has it."""
    before = kalshi_cash(venues)
    target = before[3] + 750 * DOLLAR
    code, answer, said = await run(venues, tmp_path, capsys, want=f"kalshi:3={target // DOLLAR}", apply=True)
    after = kalshi_cash(venues)

    assert (code, kinds(answer)) == (0, [("transfer", True)])
    assert after[3] - before[3] == 750 * DOLLAR
    assert sum(after.values()) == sum(before.values())
    assert said[0].startswith("kalshi transfer: Move $750") and "done" in said[1]


async def test_lost_answer_of_a_transfer_is_looked_up(
    venues: Venues, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The venue took the transfer and its answer never came: it is found in the list, and the money moved once."""
    before = kalshi_cash(venues)
    sent: list[int] = []

    def cut(request: Any) -> Any:
        if request.method == "POST" and request.path.endswith("intra_exchange_instance_transfer"):
            sent.append(1)
            venues.kalshi.core.handle(request)
            return venues.kalshi.core.handle(request).__class__(status=500, body=b"", headers={}, drop=True)
        return None

    venues.kalshi.before = cut
    code, answer, _ = await run(venues, tmp_path, capsys, want=f"kalshi:3={before[3] // DOLLAR + 10}", apply=True)

    assert (code, kinds(answer), len(sent)) == (0, [("transfer", True)], 1)
    assert kalshi_cash(venues)[3] - before[3] == 10 * DOLLAR


async def test_refused_transfer_is_told_and_fails(venues: Venues, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Transfers are stopped at the venue: one line with its words, exit 1, nothing moved."""
    before = kalshi_cash(venues)
    venues.kalshi.core.transfers.stopped = True
    code, answer, said = await run(venues, tmp_path, capsys, want=f"kalshi:3={before[3] // DOLLAR + 10}", apply=True)

    assert (code, kinds(answer)) == (1, [("transfer", False)])
    assert "NOT DONE" in said[1] and "paused" in said[1]
    assert kalshi_cash(venues) == before


async def test_stale_allowance_is_refreshed(venues: Venues, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The CLOB's copy says 0 of everything: one refresh, and it sees cash and allowances again."""
    venues.polymarket.core.stale_cache(venues.credentials.polymarket.owner)
    code, answer, _ = await run(venues, tmp_path, capsys, apply=True)
    _, later, _ = await run(venues, tmp_path, capsys)

    assert (code, kinds(answer)) == (0, [("refresh", True)])
    assert of(later, "polymarket")["steps"] == []
    assert all(row["unlimited"] for row in of(later, "polymarket")["assets"] if row["kind"] == "allowance")


async def test_missing_allowance_is_granted(venues: Venues, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exchanges may move nothing: the wallet permits them through the relayer."""
    venues.polymarket.core.set_allowance(venues.credentials.polymarket.owner, 0)
    code, answer, _ = await run(venues, tmp_path, capsys, apply=True)
    _, later, _ = await run(venues, tmp_path, capsys)

    assert code == 0, answer["applied"]
    assert ("approve", True) in kinds(answer)
    assert of(later, "polymarket")["steps"] == []
    assert all(row["unlimited"] for row in of(later, "polymarket")["assets"] if row["kind"] == "allowance")


async def test_complete_sets_are_merged_and_settled_markets_redeemed(
    venues: Venues, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Idle money is freed even when no cash is missing: 4 pairs and 3 winning tokens are 7 dollars, to the unit."""
    pairs, won = venues.games
    hold(venues, pairs, 4)
    hold(venues, won, 3)
    venues.polymarket.core.resolve(won.condition, ONE)
    before = polymarket_cash(venues)
    await asyncio.sleep(0.1)  # the index follows the chain
    _, shown, _ = await run(venues, tmp_path, capsys)
    code, answer, _ = await run(venues, tmp_path, capsys, apply=True)

    assert {row["kind"] for row in of(shown, "polymarket")["assets"]} >= {"mergeable", "redeemable"}
    assert code == 0, answer["applied"]
    assert {kind for kind, done in kinds(answer) if done} >= {"merge", "redeem"}
    assert polymarket_cash(venues) - before == Money(7 * DOLLAR)
    engine = open_ledger(url_of("", tmp_path / "state" / "controller"), write=False)
    with engine.connect() as connection:
        booked = {row.kind: row.venue for row in connection.execute(select(transfers))}
    engine.dispose()
    assert booked.keys() >= {"merge", "redeem"}  # B-240: what was moved stands in the ledger


async def test_lost_answer_of_a_merge_is_never_repeated(
    venues: Venues, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The relayer took the merge and its answer was lost: the wallet's nonce tells, and the pairs became cash once."""
    hold(venues, venues.games[0], 4)
    await asyncio.sleep(0.1)  # the index follows the chain
    before = polymarket_cash(venues)
    venues.polymarket.core.fail_next_submit("drop")
    code, answer, _ = await run(venues, tmp_path, capsys, apply=True)

    assert code == 0, answer["applied"]
    assert polymarket_cash(venues) - before == Money(4 * DOLLAR)


async def test_venue_without_keys_says_where_they_live(
    venues: Venues, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A paired trader holds Kalshi's key: it is named with the next step; the other venue is shown as ever."""
    directory = tmp_path / "link"
    directory.mkdir()
    (directory / "peers.toml").write_text(
        f'[[peer]]\nname = "near-kalshi"\nrole = "trader"\nplatform = "kalshi"\npublic_key = "{"A" * 43}="\nstable_id = ""\n'
    )
    env = {name: value for name, value in venues.env(tmp_path).items() if not name.startswith("KALSHI_") or "://" in value}
    capsys.readouterr()
    settings = settings_of(tmp_path, env, link_dir=str(directory))
    code = await treasury(settings, want=OWN_WANT, as_json=True, say=lambda _: None)
    answer = json.loads(capsys.readouterr().out)

    assert code == 0
    assert "near-kalshi" in of(answer, "kalshi")["trouble"] and "near-kalshi" in of(answer, "kalshi")["next"]
    assert of(answer, "polymarket")["trouble"] == ""
