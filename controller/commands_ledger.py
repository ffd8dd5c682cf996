"""`controller report`, `positions` and `orders`: what the ledger says, as a table, CSV or JSON, while the controller runs or not.

They read the database only: a paper run, a simulated one and the real account never stand in one answer (--world).
"""

import csv
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from controller.durable import state_path
from controller.ledger.database import open_ledger, url_of
from controller.ledger.pnl import ZERO, Day
from controller.ledger.reader import LedgerReader, day_of, days_back, span
from controller.settings import ControllerSettings
from trading.clock import SystemClock
from trading.errors import SettingsError, TandemError
from trading.order import World
from trading.units import Money, Price, WallNs, format_price, to_dollars

__all__ = ["register"]

_WORLDS: Mapping[str, World] = {"paper": "paper", "sim": "sim", "live": "live"}
StateDirOption = Annotated[str | None, typer.Option("--state-dir", help="STATE_DIR", show_default=False)]
WorldOption = Annotated[
    str | None, typer.Option("--world", help="paper, sim or live; default: what the settings trade", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="print JSON on stdout and nothing else")]
CsvOption = Annotated[bool, typer.Option("--csv", help="print comma-separated values")]
Rows = Sequence[Mapping[str, Any]]
_PARTS = ("locked", "provisional", "naked", "basis")


def register(app: typer.Typer, settings: Callable[[str | None], ControllerSettings]) -> None:
    """Add the three commands; settings reads them for a state directory given by flag, or None."""

    @app.command()
    def report(
        day: Annotated[str | None, typer.Option("--day", help="last UTC day, as 2026-11-21; default: today")] = None,
        days: Annotated[int, typer.Option("--days", help="how many days up to it", min=1, max=3660)] = 7,
        state_dir: StateDirOption = None,
        world: WorldOption = None,
        as_json: JsonOption = False,
        as_csv: CsvOption = False,
    ) -> None:
        """Profit per UTC day: locked, provisional, naked, basis; counts, fees and differences with the venues."""
        with _reading(settings(state_dir), world) as reader:
            last = _day(day)
            found = reader.days(days_back(last, days)[0], last)
            _show([_day_row(one) for one in [*found, _total(found)]], "Profit in dollars", as_json=as_json, as_csv=as_csv)

    @app.command()
    def positions(
        everything: Annotated[bool, typer.Option("--all", help="closed and settled ones too")] = False,
        state_dir: StateDirOption = None,
        world: WorldOption = None,
        as_json: JsonOption = False,
        as_csv: CsvOption = False,
    ) -> None:
        """What is held, at what cost and worth, and what the worst outcome of each event would lose."""
        with _reading(settings(state_dir), world) as reader:
            held = [_position_row(row) for row in reader.positions(closed=everything)]
            events = [_exposure_row(row) for row in reader.exposures()]
        if as_json:
            typer.echo(json.dumps({"schema": 1, "positions": held, "events": events}))
            return
        _show(held, "Positions", as_json=False, as_csv=as_csv)
        if not as_csv:
            _show(events, "Worst outcome per event", as_json=False, as_csv=False)

    @app.command()
    def orders(
        limit: Annotated[int, typer.Option("--limit", help="newest first, at most this many", min=1, max=100_000)] = 50,
        market: Annotated[str, typer.Option("--market", help="of this market only")] = "",
        arb: Annotated[str, typer.Option("--arb", help="of this arb only")] = "",
        open_only: Annotated[bool, typer.Option("--open", help="only those whose end is not known")] = False,
        state_dir: StateDirOption = None,
        world: WorldOption = None,
        as_json: JsonOption = False,
        as_csv: CsvOption = False,
    ) -> None:
        """Every order with its ids, fills, fee and end."""
        with _reading(settings(state_dir), world) as reader:
            found = reader.orders(limit=limit, market=market, arb=arb, open_only=open_only)
        _show([_order_row(row) for row in found], "Orders", as_json=as_json, as_csv=as_csv)


@contextmanager
def _reading(settings: ControllerSettings, world: str | None) -> Iterator[LedgerReader]:
    """The ledger to read from; every failure, of opening or of a question, is one line and exit 2."""
    try:
        if world is not None and world not in _WORLDS:
            raise SettingsError(f"--world {world}: unknown (allowed: {', '.join(_WORLDS)})")
        url = url_of(settings.database_url.reveal(), state_path(settings))
        chosen = _WORLDS[world] if world is not None else settings.world()
        with closing(LedgerReader(open_ledger(url, write=False), chosen)) as reader:
            if world is None and (others := reader.others()):
                known = " or ".join(f"--world {one}" for one in others)
                typer.echo(
                    f"note: nothing was ordered in this world, {chosen} (DRY_RUN and hosts say which); see {known}", err=True
                )
            yield reader
    except TandemError as exc:
        typer.echo(f"error: {exc}", err=True)
        raise typer.Exit(2) from None


def _day(text: str | None) -> str:
    if text is None:
        return day_of(SystemClock().wall_ns())
    try:
        span(text)
    except ValueError:
        typer.echo(f"error: --day {text}: not a day (allowed: as 2026-11-21)", err=True)
        raise typer.Exit(2) from None
    return text


def _total(days: Sequence[Day]) -> Day:
    profit = ZERO
    for day in days:
        profit = profit.plus(day.profit)
    names = ("executions", "misses", "one_sided", "refused", "filled", "off_limit", "matched", "fees", "settled")
    sums = {name: sum(getattr(day, name) for day in days) for name in names}
    return Day(day="total", profit=profit, differences=days[-1].differences if days else 0, **sums)


def _day_row(day: Day) -> dict[str, Any]:
    return {
        "day": day.day,
        "executions": day.executions,
        "misses": day.misses,
        "one_sided": day.one_sided,
        "refused": day.refused,
        "filled": day.filled,
        "off_limit": day.off_limit,
        "contracts": _dollars(day.matched),
        "fees": _dollars(day.fees),
        **{name: _dollars(getattr(day.profit, name)) for name in _PARTS},
        "total": _dollars(day.profit.total),
        "settled": day.settled,
        "differences": day.differences,
    }


def _position_row(row: Mapping[str, Any]) -> dict[str, Any]:
    net = row["net"]
    return {
        "venue": row["venue"],
        "market": row["market"],
        "title": row["title"] or row["market"],
        "side": "yes" if net > 0 else "no" if net < 0 else "",
        "contracts": _dollars(abs(net)),
        "average": _average(row["cost"], abs(net)),
        "cost": _dollars(row["cost"]),
        "mark": None if row["mark"] is None else format_price(Price(row["mark"])),
        "unrealised": None if row["unrealised"] is None else _dollars(row["unrealised"]),
        "realised": _dollars(row["realised"]),
        "fees": _dollars(row["fees"]),
        "event": row["event"] or "",
        "opened": _time(row["opened"]),
        "closed": _time(row["closed"]),
    }


def _exposure_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "event": row["event"],
        "markets": row["markets"],
        "cost": _dollars(row["cost"]),
        "worst_loss": _dollars(row["worst_loss"]),
        "naked_contracts": _dollars(row["naked"]),
    }


def _order_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "at": _time(row["at"]),
        "arb": row["arb"],
        "venue": row["venue"],
        "market": row["market"],
        "title": row["title"] or row["market"],
        "side": f"{row['action']} {row['outcome']}",
        "purpose": row["purpose"],
        "limit": format_price(Price(row["price"])),
        "contracts": _dollars(row["size"]),
        "status": row["status"],
        "filled": _dollars(row["filled"]),
        "average": _average(abs(row["cost"]), row["filled"]),
        "fee": _dollars(row["fee"]),
        "confirmed": bool(row["confirmed"]),
        "client_order_id": row["client_order_id"],
        "venue_order_id": row["venue_order_id"],
        "detail": " ".join(part for part in (row["code"], row["detail"]) if part),
    }


def _dollars(value: int) -> str:
    return to_dollars(Money(value))


def _average(cost: int, size: int) -> str:
    """Dollars per contract to a hundredth of a cent, "" for nothing: shown, never reckoned with."""
    return f"{cost / size:.4f}" if size else ""


def _time(at: int | None) -> str:
    """A stamp as UTC to the second: 2026-11-21T12:00:00Z."""
    if not at:
        return ""
    seconds = WallNs(at) // 1_000_000_000 % 86_400
    return f"{day_of(at)}T{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}Z"


_WIDE = ("client_order_id", "venue_order_id", "arb", "market", "fees", "opened", "closed", "detail")
"""Left out of a table on a terminal; --csv and --json have everything."""
_TITLE, _PIPED = 44, 200
"""Letters of a title, and of a line that goes to a file."""


def _show(rows: Rows, title: str, *, as_json: bool, as_csv: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"schema": 1, "rows": list(rows)}))
    elif as_csv:
        writer = csv.DictWriter(sys.stdout, fieldnames=list(rows[0]) if rows else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    elif not rows:
        typer.echo(f"{title}: none")
    else:
        names = [name for name in rows[0] if name not in _WIDE]
        table = Table(*names, title=title)
        for row in rows:
            table.add_row(*("" if row[name] is None else str(row[name])[:_TITLE] for name in names))
        Console(highlight=False, width=None if sys.stdout.isatty() else _PIPED).print(table)
