"""`controller treasury`: where the money stands, what is missing to trade, and the steps that mend it.

Looking never moves anything. A step is shown before it is done and its end after it; real venues are asked only after a
confirmation. What was sent and not answered is looked up by its venue's treasury, never sent again.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
import typer

from controller.app import App, build
from controller.discovery.reading import silent
from controller.durable import open_tables, state_path
from controller.ledger.facts import Moved
from controller.numbers import risk_settings
from controller.ports import Ports, production_ports
from controller.settings import ControllerSettings
from trading.errors import SettingsError, TandemError
from trading.link.identity import load_peers
from trading.market import KALSHI, POLYMARKET, Venue
from trading.settings import is_loopback
from trading.treasury import Applied, Asset, Step, Treasury
from trading.units import DOLLAR, Money, to_dollars

__all__ = ["Standing", "carry_out", "parse_wants", "trade_cash", "treasury", "wired_to_read"]

_LOOKS = 4
"""How often a step whose end is open is looked at again before it is left as pending."""
_LOOK_S = 2.0
_PPM = 1_000_000
_NAMES: Mapping[str, Venue] = {"kalshi": KALSHI, "polymarket": POLYMARKET, "poly": POLYMARKET}
_INDEPENDENT = frozenset({"merge", "redeem"})
"""Steps that do not wait for the one before them."""
_IDLE = frozenset({"mergeable", "redeemable"})

Wants = Mapping[Venue, Mapping[int, Money]]
Say = Callable[[str], None]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One venue: its money, the cash wanted per shard, the steps to it; trouble and next where it cannot be told from here.

    away: its keys live at a trader, which is no failure.
    """

    venue: Venue
    wanted: Mapping[int, Money] = {}
    assets: Sequence[Asset] = ()
    steps: Sequence[Step] = ()
    trouble: str = ""
    next: str = ""
    away: bool = False


# ---- what is wanted ---------------------------------------------------------------------------------------------------------


def parse_wants(text: str) -> Wants:
    """kalshi:0=100,kalshi:3=50.25,polymarket=200: dollars of free cash per shard. Raises SettingsError naming the entry."""
    found: dict[Venue, dict[int, Money]] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        place, _, amount = entry.partition("=")
        name, _, shard = place.partition(":")
        venue = _NAMES.get(name.strip().lower())
        try:
            number, dollars = int(shard or "0"), Decimal(amount)
        except (ValueError, InvalidOperation):
            number, dollars = -1, Decimal(-1)
        if venue is None or number < 0 or not dollars.is_finite() or dollars < 0 or (venue == POLYMARKET and number):
            raise SettingsError(f"--want {entry}: write VENUE:SHARD=DOLLARS, as in kalshi:3=100 or polymarket=200")
        found.setdefault(venue, {})[number] = Money(int(dollars * DOLLAR))
    return found


def trade_cash(settings: ControllerSettings) -> Money:
    """Free cash a shard needs so that one leg may cost MAX_TRADE_SIZE: only a share of it is ever used (execution.md 6)."""
    numbers = risk_settings(settings, allow_live_test_arb=False)
    usable = min(numbers.cash_use_ppm, _PPM - numbers.unwind_cash_reserve_ppm)
    return Money(-(-int(settings.max_trade_size * DOLLAR) * _PPM // usable))


async def _default_wants(system: App, say: Say) -> Wants:
    """Enough for one trade on Polymarket and on every Kalshi shard where a pair is."""
    need = trade_cash(system.settings)
    say("reading the pairs, to know which shards trade")
    found = await system.adoption.discover(progress=silent)
    shards = {found.markets[side].shard for pair in found.pairs for side in (pair.first, pair.second)
              if found.markets[side].venue == KALSHI}  # fmt: skip
    if not shards:
        say("no pair was found: nothing is wanted on Kalshi; name it with --want kalshi:SHARD=DOLLARS")
    return {KALSHI: dict.fromkeys(sorted(shards), need), POLYMARKET: {0: need}}


def wired_to_read(settings: ControllerSettings, ports: Ports, notice: Say) -> App:
    """A system that discovers and reads as the real one would, and can neither order nor listen, whatever the settings say.

    Raises SettingsError for hosts and venue keys that cannot be used.
    """
    nobody = str(state_path(settings) / "no-link")
    paper = settings.model_copy(update={"dry_run": True, "link_dir": nobody})
    return msgspec.structs.replace(build(paper, ports, notice=notice), settings=settings)


# ---- looking ----------------------------------------------------------------------------------------------------------------


async def _look(system: App, venue: Venue, wanted: Mapping[int, Money]) -> Standing:
    owner = system.connections.treasuries.get(venue)
    if owner is None:
        return _elsewhere(system.settings, venue)
    try:
        if venue == POLYMARKET and not system.settings.polymarket_api_key:
            await system.connections.polymarket.derive_credentials()
        assets = await owner.assets()
        return Standing(venue=venue, wanted=wanted, assets=assets, steps=await _steps(owner, wanted, assets))
    except TandemError as exc:
        return Standing(venue=venue, wanted=wanted, trouble=str(exc), next="run: controller doctor")


async def _steps(owner: Treasury, wanted: Mapping[int, Money], assets: Sequence[Asset]) -> list[Step]:
    """What is missing for the wants, and besides what frees money idle in pairs and resolved tokens: it earns nothing there."""
    found = list(await owner.steps(wanted))
    idle = sum(asset.amount or 0 for asset in assets if asset.kind in _IDLE)
    if not idle:
        return found
    free = sum(asset.amount or 0 for asset in assets if asset.kind == "cash")
    known = {(step.kind, step.market) for step in found}
    raised = {**wanted, 0: Money(max(wanted.get(0, 0), free + idle))}
    more = [step for step in await owner.steps(raised) if step.kind in _INDEPENDENT and (step.kind, step.market) not in known]
    return [step for step in found if step.kind != "transfer"] + more + [step for step in found if step.kind == "transfer"]


def _elsewhere(settings: ControllerSettings, venue: Venue) -> Standing:
    """No keys here: either a trader holds them, or nobody does."""
    names = [peer.name for peer in load_peers(settings.peers_path) if peer.role == "trader" and peer.platform == venue]
    keys = "KALSHI_API_KEY_ID and KALSHI_PRIVATE_KEY_PATH" if venue == KALSHI else "POLY_PRIVATE_KEY and POLY_FUNDER"
    if names:
        where = ", ".join(names)
        step = (
            f"on {where}: `trader doctor` shows its cash; to move it run `controller treasury` there with that machine's .env"
        )
        return Standing(venue=venue, trouble=f"its keys live at trader {where}", next=step, away=True)
    return Standing(venue=venue, trouble="no keys are set", next=f"set {keys}")


# ---- doing ------------------------------------------------------------------------------------------------------------------


async def carry_out(
    owner: Treasury, steps: Sequence[Step], say: Say, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> list[Applied]:
    """Do a venue's steps in their order and say each before and after.

    A step that did not end stops those after it, which may build on it; a refused merge or redemption stops nothing.
    """
    results: list[Applied] = []
    for number, step in enumerate(steps):
        say(f"{step.venue} {step.kind}: {step.what}")
        ended = await _to_the_end(owner, step, sleep)
        results.append(ended)
        say(f"  {_state_of(ended)}{': ' + ended.detail if ended.detail else ''}")
        if not ended.done and (ended.pending or step.kind not in _INDEPENDENT):
            rest = steps[number + 1 :]
            results += [Applied(step=one, done=False, detail="not tried: the step before it did not end") for one in rest]
            if rest:
                say(f"  {len(rest)} further steps on {step.venue} are left alone")
            break
    return results


async def _to_the_end(owner: Treasury, step: Step, sleep: Callable[[float], Awaitable[None]]) -> Applied:
    """Apply a step; while its end is open, ask for the same step again, which looks it up and does not send it anew."""
    ended = Applied(step=step, done=False)
    for turn in range(_LOOKS):
        if turn:
            await sleep(_LOOK_S)
        try:
            ended = await owner.apply(step)
        except TandemError as exc:
            return Applied(step=step, done=False, pending=ended.pending, detail=str(exc))
        if not ended.pending:
            break
    return ended


def _state_of(ended: Applied) -> str:
    return "done" if ended.done else "pending" if ended.pending else "NOT DONE"


def _allow(settings: ControllerSettings, count: int, *, yes: bool) -> bool:
    """Whether the steps may be done: always on loopback, on real venues after a yes. Raises SettingsError where none can come."""
    if all(is_loopback(url) for url in settings.hosts().values()):
        return True
    if settings.require_live_confirm and settings.live_confirm != "I_UNDERSTAND":
        raise SettingsError("REQUIRE_LIVE_CONFIRM=1: set LIVE_CONFIRM=I_UNDERSTAND to move money on the real venues (B-057)")
    if yes:
        return True
    if not sys.stdin.isatty():
        raise SettingsError("--apply moves real money: confirm it in a terminal, or add --yes")
    return typer.confirm(f"Do these {count} steps on the REAL venues?", err=True)


# ---- the command ------------------------------------------------------------------------------------------------------------


async def treasury(
    settings: ControllerSettings,
    *,
    want: str | None = None,
    apply: bool = False,
    yes: bool = False,
    as_json: bool = False,
    say: Say = lambda line: typer.echo(line, err=True),
) -> int:
    """Show everything; with apply also do what is missing. Returns 0 when all could be read and every step done asked for ended.

    Raises SettingsError for a malformed want, unusable keys, or a confirmation that is missing.
    """
    wants = parse_wants(want) if want is not None else None
    settings.world()  # mixed hosts end here
    ports = production_ports()
    try:
        system = wired_to_read(settings, ports, say)
    except SettingsError:
        if ports.close is not None:
            await ports.close()
        raise
    try:
        wants = wants if wants is not None else await _default_wants(system, say)
        standings = [await _look(system, venue, wants.get(venue, {})) for venue in (KALSHI, POLYMARKET)]
        if not as_json:
            _show(standings, applying=apply)
        results = await _mend(system, standings, say, yes=yes) if apply else []
        await _book(settings, ports, results, say)
    finally:
        await system.close()
    ok = not any(one.trouble and not one.away for one in standings) and all(one.done for one in results)
    if as_json:
        typer.echo(json.dumps(_json(standings, results, ok=ok)))
    return 0 if ok else 1


async def _mend(system: App, standings: Sequence[Standing], say: Say, *, yes: bool) -> list[Applied]:
    """Do the steps of every venue, then once more what only came to light by them (cash after a refresh)."""
    results: list[Applied] = []
    count = sum(len(one.steps) for one in standings)
    if not count or not _allow(system.settings, count, yes=yes):
        say("nothing to do" if not count else "nothing was done")
        return results
    for one in standings:
        if not one.steps:
            continue
        owner = system.connections.treasuries[one.venue]
        done = await carry_out(owner, one.steps, say, system.ports.sleep)
        results += done
        if any(each.step.kind == "refresh" for each in done) and all(each.done for each in done):
            results += await _again(system, owner, one, say, yes=yes)
    return results


async def _book(settings: ControllerSettings, ports: Ports, results: Sequence[Applied], say: Say) -> None:
    """What was moved, into the ledger: it changes no profit, but cash and tokens elsewhere are explained by it (B-240)."""
    now = ports.clock.wall_ns()
    facts = [
        Moved(
            id=f"{now}-{number}",
            venue=one.step.venue,
            kind=one.step.kind,
            what=one.step.what if one.done else f"asked for, not seen yet: {one.step.what}",
            amount=one.step.amount or Money(0),
            at=now,
        )
        for number, one in enumerate(results)
        if one.done or one.pending
    ]
    if not facts:
        return
    try:
        tables = await open_tables(settings, ports.offload)
        try:
            await ports.offload.run(lambda: tables.apply(facts))
        finally:
            tables.close()
    except (TandemError, ValueError) as exc:
        say(f"the movements are done, but not in the ledger: {exc}")


async def _again(system: App, owner: Treasury, first: Standing, say: Say, *, yes: bool) -> list[Applied]:
    known = {(step.kind, step.market, step.fields.get("token")) for step in first.steps}
    try:
        steps = await _steps(owner, first.wanted, await owner.assets())
    except TandemError as exc:
        say(f"{first.venue}: cannot be read again: {exc}")
        return []
    fresh = [step for step in steps if (step.kind, step.market, step.fields.get("token")) not in known]
    for step in fresh:
        say(f"{first.venue} also: {step.what}")
    return (
        await carry_out(owner, fresh, say, system.ports.sleep) if fresh and _allow(system.settings, len(fresh), yes=yes) else []
    )


# ---- showing ----------------------------------------------------------------------------------------------------------------


def _dollars(amount: Money | None) -> str:
    return "unlimited" if amount is None else f"${to_dollars(amount)}"


def _show(standings: Sequence[Standing], *, applying: bool) -> None:
    for one in standings:
        typer.echo(f"{one.venue}" + (f": {one.trouble}  -> {one.next}" if one.trouble else ""))
        for asset in one.assets:
            what = f"{asset.place} {asset.market or ''}".strip()
            note = f"  ({asset.detail})" if asset.detail else ""
            typer.echo(f"  {asset.kind:10}  {what}: {_dollars(asset.amount)}{note}")
        for shard, amount in one.wanted.items() if not one.trouble else ():
            typer.echo(f"  wanted      {f'shard {shard}' if one.venue == KALSHI else 'free cash'}: {_dollars(amount)}")
        for number, step in enumerate(one.steps, 1):
            typer.echo(f"  step {number}      {step.kind}: {step.what}")
        if not one.steps and not one.trouble:
            typer.echo("  nothing is missing")
    if any(one.steps for one in standings) and not applying:
        typer.echo("to do these steps: controller treasury --apply")


def _json(standings: Sequence[Standing], results: Sequence[Applied], *, ok: bool) -> dict[str, object]:
    return {
        "schema": 1,
        "ok": ok,
        "venues": [
            {
                "venue": one.venue,
                "trouble": one.trouble,
                "next": one.next,
                "wanted": {str(shard): str(to_dollars(amount)) for shard, amount in one.wanted.items()},
                "assets": [_asset_json(asset) for asset in one.assets],
                "steps": [_step_json(step) for step in one.steps],
            }
            for one in standings
        ],
        "applied": [
            {**_step_json(one.step), "venue": one.step.venue, "done": one.done, "pending": one.pending, "detail": one.detail}
            for one in results
        ],
    }


def _asset_json(asset: Asset) -> dict[str, Any]:
    return {
        "kind": asset.kind,
        "place": asset.place,
        "amount": None if asset.amount is None else str(to_dollars(asset.amount)),
        "unlimited": asset.amount is None,
        "market": asset.market,
        "size": None if asset.size is None else str(to_dollars(asset.size)),
        "detail": asset.detail,
    }


def _step_json(step: Step) -> dict[str, Any]:
    amount = None if step.amount is None else str(to_dollars(step.amount))
    return {"kind": step.kind, "what": step.what, "amount": amount, "market": step.market}
