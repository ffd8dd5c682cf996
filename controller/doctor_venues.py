"""The doctor's checks of both venues: reachable, clock, keys and scopes, limits, cash, permissions, place, terms, streams.

Reads only. A venue that does not answer, or refuses the key, is one failed line and not a dozen.
"""

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from controller.app import App
from controller.discovery.reading import silent
from controller.show import brief
from controller.treasury import trade_cash
from trading.clock import SECOND
from trading.command import Finding, Level
from trading.errors import AuthFailed, TandemError
from trading.kalshi.exchange import standing_window
from trading.kalshi.feed import KalshiFeed
from trading.market import KALSHI, POLYMARKET, Market, Venue
from trading.polymarket.feed import PolymarketFeed
from trading.polymarket.place import asks_place
from trading.units import Money, WallNs, to_dollars
from trading.venue import AccountQuery, Feed

__all__ = ["Patient", "kalshi", "pairs", "place", "polymarket"]

_SKEW_MS = 1_000
_PROOF_S = 10.0
_LOOK_S = 0.05
_WEEK_NS = 7 * 24 * 3_600 * SECOND
_NETWORK = "check the network and the host settings"


class Patient:
    """What one check learned and a later one needs: cash per shard of the venues whose keys were accepted."""

    def __init__(self) -> None:
        self.cash: dict[tuple[Venue, int], Money] = {}


def _serious(system: App, venue: Venue) -> Level:
    """fail where orders would go to this venue from here, else warn."""
    settings = system.settings
    return "fail" if not settings.dry_run and venue in settings.platforms else "warn"


def _when(at: WallNs) -> str:
    return datetime.fromtimestamp(at / SECOND, UTC).strftime("%Y-%m-%d %H:%M UTC")


async def _one(what: str, ask: Callable[[], Awaitable[Finding]], step: str = _NETWORK) -> Finding:
    try:
        return await ask()
    except TandemError as exc:
        return Finding("fail", what, str(exc), step if isinstance(exc, AuthFailed) or step != _NETWORK else _NETWORK)


async def _reachable(system: App, venue: Venue) -> Finding:
    mode = await system.connections.clients[venue].mode()
    said = mode.mode + (f" ({mode.detail})" if mode.detail else "")
    if mode.mode == "unreachable":
        return Finding("fail", f"{venue} reachable", said, _NETWORK)
    if mode.mode != "normal":
        return Finding("warn", f"{venue} reachable", said, "the venue takes no new orders now; wait")
    if mode.closed_shards:
        return Finding("warn", f"{venue} reachable", said, "the markets of these shards take no new orders now; wait")
    return Finding("pass", f"{venue} reachable", said)


def _skew(venue: Venue, ms: float | None) -> Finding:
    """ms: the venue's clock minus ours."""
    if ms is None:
        return Finding("warn", f"{venue} clock", "the venue gave no time")
    if abs(ms) > _SKEW_MS:
        side = "behind" if ms > 0 else "ahead of"
        return Finding("fail", f"{venue} clock", f"this clock is {abs(ms):.0f} ms {side} the venue's", "synchronise it (NTP)")
    return Finding("pass", f"{venue} clock", f"within {abs(ms):.0f} ms of the venue")


# ---- Kalshi -----------------------------------------------------------------------------------------------------------------


async def kalshi(system: App, known: Patient) -> list[Finding]:
    client, signer = system.connections.kalshi, system.connections.signer
    found = [await _reachable(system, KALSHI)]
    if found[0].level == "fail":
        return found
    found.append(_skew(KALSHI, await client.server_time_skew_ms()))
    found.append(await _one("kalshi schedule", lambda: _schedule(system)))
    if signer is None:
        return found

    async def key() -> Finding:
        rows = (await client.account(AccountQuery(what="balances"))).balances
        known.cash.update({(KALSHI, row.shard): row.cash for row in rows})
        shards = ", ".join(f"shard {row.shard}: ${to_dollars(row.cash)}" for row in rows)
        return Finding("pass", "kalshi key", f"{signer.kind} key accepted; {shards}")

    accepted = await _one("kalshi key", key, "check KALSHI_API_KEY_ID, the key file and the clock; a 401 does not say which")
    found.append(accepted)
    if accepted.level == "pass":
        found += await _rights(system, signer.key_id)
        found.append(await _one("kalshi limits", lambda: _limits(system)))
    return found


async def _schedule(system: App) -> Finding:
    now = system.ports.clock.wall_ns()
    coming = [one for one in await system.connections.kalshi.exchange.maintenance() if one.ends > now]
    resting = standing_window(now) or next((one for one in coming if one.holds(now)), None)
    if resting is not None:
        return Finding("warn", "kalshi schedule", f"maintenance until {_when(resting.ends)}", "wait until it is over")
    text = f"next maintenance {_when(coming[0].starts)}" if coming else "no maintenance is announced"
    return Finding("pass", "kalshi schedule", text)


async def _rights(system: App, key_id: str) -> list[Finding]:
    """Scopes of our key, and the location attestation that sports need (B-426)."""
    try:
        rights = await system.connections.kalshi.exchange.rights()
    except TandemError as exc:
        return [Finding("warn", "kalshi scopes", str(exc), "the key's scopes are shown on kalshi.com")]
    missing = rights.missing_scopes(key_id)
    trades = KALSHI in system.settings.platforms
    scopes = next((" ".join(key.scopes) for key in rights.keys if key.api_key_id == key_id), "")
    if missing is None:
        found = [
            Finding("warn", "kalshi scopes", "the account does not list this key", "compare KALSHI_API_KEY_ID on kalshi.com")
        ]
    elif missing - (set() if trades else {"write::trade"}):
        step = "make a key with read and write::trade (and write::transfer for `controller treasury`)"
        found = [
            Finding(_serious(system, KALSHI), "kalshi scopes", f"{scopes or 'none'}; lacks {' '.join(sorted(missing))}", step)
        ]
    else:
        found = [Finding("pass", "kalshi scopes", scopes)]
    until, now = rights.attested_until, system.ports.clock.wall_ns()
    if not rights.attested(now):
        step = "attest the location on kalshi.com"
        return [*found, Finding(_serious(system, KALSHI), "kalshi attestation", "lapsed: sports cannot be traded", step)]
    if until is not None and until - now < _WEEK_NS:
        return [*found, Finding("warn", "kalshi attestation", f"ends {_when(until)}", "attest the location on kalshi.com")]
    return found


async def _limits(system: App) -> Finding:
    row = await system.connections.kalshi.exchange.limits()
    text = f"tier {row.usage_tier}: {row.read.refill_rate} read and {row.write.refill_rate} write tokens a second"
    return Finding("pass", "kalshi limits", text)


# ---- Polymarket -------------------------------------------------------------------------------------------------------------


async def polymarket(system: App, known: Patient) -> list[Finding]:
    client = system.connections.polymarket
    found = [await _reachable(system, POLYMARKET)]
    if found[0].level == "fail":
        return found

    async def clock() -> Finding:
        skew = await client.server_skew_s()
        # the venue tells whole seconds: a difference of one proves nothing
        return _skew(POLYMARKET, math.copysign(max(0.0, abs(skew) - 1.0) * 1000, skew))

    found.append(await _one("polymarket clock", clock))
    if system.connections.account is None:
        return found

    async def wallet() -> Finding:
        if not system.settings.polymarket_api_key:
            await client.derive_credentials()
        (row,) = (await client.account(AccountQuery(what="balances"))).balances
        known.cash[POLYMARKET, 0] = row.cash
        return Finding("pass", "polymarket wallet", f"accepted; ${to_dollars(row.cash)} pUSD free")

    step = "check POLY_PRIVATE_KEY, POLY_FUNDER and POLYMARKET_SIGNATURE_TYPE; remove the L2 triple to derive it again"
    accepted = await _one("polymarket wallet", wallet, step)
    found.append(accepted)
    if accepted.level == "pass":
        found.append(await _one("polymarket allowances", lambda: _allowances(system)))
        found += [await _one("polymarket relayer", lambda: _relayer(system)), await _user_stream(system)]
    return found


async def _allowances(system: App) -> Finding:
    """Also proves the Data API, which lists positions and permissions."""
    assets = await system.connections.treasuries[POLYMARKET].assets()
    blind = [asset.place for asset in assets if asset.kind == "allowance" and asset.amount == 0]
    if blind:
        level = _serious(system, POLYMARKET)
        return Finding(level, "polymarket allowances", f"none for {', '.join(blind)}", "run: controller treasury --apply")
    idle = sum(asset.amount or 0 for asset in assets if asset.kind in ("mergeable", "redeemable"))
    if idle:
        detail = f"every exchange; ${to_dollars(Money(idle))} wait to be merged or redeemed"
        return Finding("warn", "polymarket allowances", detail, "run: controller treasury --apply")
    return Finding("pass", "polymarket allowances", "every exchange")


async def _relayer(system: App) -> Finding:
    relayer = system.connections.relayer
    if relayer is None:
        step = "set POLYMARKET_RELAYER_API_KEY and POLYMARKET_RELAYER_API_KEY_ADDRESS"
        return Finding("warn", "polymarket relayer", "no key: approve, merge and redeem in the wallet itself", step)
    if not await relayer.deployed():
        return Finding("warn", "polymarket relayer", "the wallet is not made yet", "run: controller treasury --apply")
    return Finding("pass", "polymarket relayer", "reachable, the wallet exists")


async def _user_stream(system: App) -> Finding:
    url = system.settings.polymarket_ws_url.rstrip("/") + "/user"
    try:
        wire = await system.ports.dialer("doctor").connect(url, {})
        await wire.close()
    except TandemError as exc:
        return Finding("fail", "polymarket private stream", str(exc), _NETWORK)
    return Finding("pass", "polymarket private stream", "connects")


async def place(system: App, known: Patient) -> list[Finding]:
    """Whether Polymarket takes orders from this address; simulated venues are asked only at their own door (B-427)."""
    settings = system.settings
    url = settings.polymarket_geoblock_url
    if not asks_place(settings):
        return []
    try:
        answer = await system.connections.polymarket.geoblock(url)
    except TandemError as exc:
        return [
            Finding(_serious(system, POLYMARKET), "polymarket geoblock", str(exc), "count as blocked until it answers (B-427)")
        ]
    if answer.blocked:
        where = " ".join(filter(None, (answer.country, answer.region)))
        detail = f"orders are refused from this place {where}".strip()
        step = "do not trade Polymarket here (B-427)"
        return [Finding(_serious(system, POLYMARKET), "polymarket geoblock", detail, step)]
    return [Finding("pass", "polymarket geoblock", "not blocked here")]


# ---- both: what is traded ---------------------------------------------------------------------------------------------------


async def pairs(system: App, known: Patient) -> list[Finding]:
    """Discover; cash on the shards of the pairs; one pair's terms as they are now; a first proof from both streams."""
    found = await system.adoption.discover(progress=silent)
    unread = [market for market in found.markets.values() if market.fees is None or not market.grid or not market.tradable]
    rows = [Finding("fail", "discovery", line, "see the venue's own line") for line in brief(found.failures)]
    if unread:
        names = ", ".join(market.id for market in unread[:3])
        rows.append(
            Finding("warn", "market terms", f"{len(unread)} markets without readable fees or grid: {names}", "watched only")
        )
    if not found.failures:
        rows.append(Finding("pass", "discovery", f"{len(found.pairs)} pairs in {len(found.markets)} markets"))
    rows += _cash(system, known, {(market.venue, market.shard) for market in found.markets.values()})
    sample = next(iter(found.pairs), None)
    if sample is None:
        return [*rows, Finding("warn", "sample", "no pair: terms and streams are not tried", "try again when games are listed")]
    markets = [found.markets[sample.first], found.markets[sample.second]]
    system.connections.polymarket.remember([market for market in markets if market.venue == POLYMARKET])
    fresh = [await _one(f"{market.venue} terms", lambda one=market: _terms(system, one)) for market in markets]  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    refused = (
        {KALSHI} if system.connections.signer is not None and not any(venue == KALSHI for venue, _ in known.cash) else set()
    )
    streams = [_stream(system, market) for market in markets if market.venue not in refused]  # its key's line said it
    return rows + fresh + list(await asyncio.gather(*streams))


def _cash(system: App, known: Patient, shards: set[tuple[Venue, int]]) -> list[Finding]:
    """Collateral is per shard: one without enough refuses every leg (B-421)."""
    need = trade_cash(system.settings)
    short = [
        f"{venue} shard {shard} ${to_dollars(known.cash.get((venue, shard), Money(0)))}"
        for venue, shard in sorted(shards)
        if any(one == venue for one, _ in known.cash) and known.cash.get((venue, shard), 0) < need
    ]
    if short:
        detail = f"below ${to_dollars(need)}, what a trade of MAX_TRADE_SIZE needs: {', '.join(short)}"
        return [Finding("warn", "cash", detail, "run: controller treasury")]
    return [Finding("pass", "cash", f"at least ${to_dollars(need)} wherever a pair trades")] if known.cash else []


async def _terms(system: App, market: Market) -> Finding:
    now = await system.connections.clients[market.venue].market(market.id)
    what = f"{market.venue} terms"
    if now.fees is None or not now.grid:
        return Finding("warn", what, f"{now.id}: fees or grid cannot be read", "this market is watched only")
    steps = "/".join(f"{step / 10_000:g}" for _, _, step in now.grid)
    hold = "unknown (HOLD_UNKNOWN_MS is assumed)" if now.hold_ns is None else f"{now.hold_ns / 1e6:g} ms"
    return Finding("pass", what, f"{now.id}: fees {now.fees.schedule}, grid {steps}, hold {hold}, shard {now.shard}")


def _feed(system: App, venue: Venue) -> Feed | None:
    """A feed of the doctor's own: what it hears goes nowhere."""
    settings, ports = system.settings, system.ports
    if venue == KALSHI:
        signer = system.connections.signer
        if signer is None:
            return None
        return KalshiFeed(ports.dialer("doctor"), settings.kalshi_ws_url, signer, ports.clock, ports.ids, lambda event: None)
    url, http = settings.polymarket_ws_url.rstrip("/") + "/market", ports.http(POLYMARKET)
    clob = settings.polymarket_clob_url
    return PolymarketFeed(ports.dialer("doctor"), url, http, clob, ports.clock, ports.ids, lambda event: None)


async def _stream(system: App, market: Market) -> Finding:
    """Connect, subscribe one market and wait for the first book that proves itself."""
    what = f"{market.venue} stream"
    feed = _feed(system, market.venue)
    if feed is None:
        return Finding("warn", what, "needs a key: books are polled", "set a read-only Kalshi key")
    feed.watch([market])
    task = asyncio.create_task(feed.run())
    started = system.ports.clock.mono_ns()
    connected = False
    try:
        while (spent := (system.ports.clock.mono_ns() - started) / SECOND) < _PROOF_S and not task.done():
            stats = feed.statistics()
            connected = connected or stats.connected
            if stats.ready:
                return Finding("pass", what, f"first proven book after {spent * 1000:.0f} ms")
            await system.ports.sleep(_LOOK_S)
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(task, return_exceptions=True)
    detail = (
        f"connected, but no proven book of {market.id} in {_PROOF_S:g} s" if connected else f"no connection in {_PROOF_S:g} s"
    )
    hosts = "KALSHI_WS_URL" if market.venue == KALSHI else "POLYMARKET_WS_URL"
    return Finding("fail", what, detail, f"check {hosts}, and that WebSockets pass the firewall")


CHECKS: Sequence[Callable[[App, Patient], Awaitable[list[Finding]]]] = (kalshi, polymarket, place, pairs)
"""In the order in which they are asked."""
