"""`controller pairs ...`: read pairs, decide about them, carry decisions elsewhere. Every command is one call of pairs.desk."""

import asyncio
import getpass
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer

from controller.control import ask, control_path
from controller.discovery.cache import Alike
from controller.durable import state_path
from controller.model import Pair
from controller.pairs.desk import Desk, PairRefused
from controller.pairs.page import lines_of, to_json
from controller.pairs.sheet import one_line
from controller.settings import ControllerSettings
from trading.clock import SystemClock
from trading.errors import TandemError
from trading.units import WallNs

__all__ = ["register"]

_T = TypeVar("_T")
_STATES = ("proposed", "approved", "paused", "rejected")

StateDir = Annotated[str | None, typer.Option("--state-dir", help="STATE_DIR", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON on stdout and nothing else")]
By = Annotated[str, typer.Option("--by", help="who decides; default: this user", show_default=False)]
Why = Annotated[str, typer.Option("--why", help="the reason, for whoever reads it later", show_default=False)]
FileArg = Annotated[Path, typer.Argument(help="JSONL rows with pair_id, kalshi and polymarket")]
PairArg = Annotated[list[str], typer.Argument(help="a pair id, or Kalshi ticker and Polymarket condition id")]


def register(app: typer.Typer, settings: Callable[[str | None], ControllerSettings]) -> None:
    """Add `pairs` to the command line; settings reads them for a state directory given by flag, or None."""
    pairs = typer.Typer(no_args_is_help=True, help="Look at pairs, approve, reject and pause them (REQUIRE_PAIR_APPROVAL).")
    app.add_typer(pairs, name="pairs")

    def desk(state_dir: str | None) -> Desk:
        return Desk.of(settings(state_dir))

    @pairs.command(name="find")
    def find(
        similarity: Annotated[int, typer.Option("--similarity", help="least likeness of the titles", min=0, max=100)] = 75,
        state_dir: StateDir = None,
        as_json: AsJson = False,
    ) -> None:
        """Ask both venues for pairs and list those that wait for a person, the most alike titles first; then the look-alikes:
        markets that only read alike, for people to look at and never to trade on."""
        from controller.pairs.finding import find_proposed

        every, look, failures = _run(lambda: asyncio.run(find_proposed(settings(state_dir))))
        found = [row for row in every if row[0] >= similarity]
        alike = [one for one in look if one.similarity >= similarity]
        if as_json:
            pairs = [{**_row(pair), "similarity": score, "look_alike": False} for score, pair in found]
            look_alikes = [_alike_row(one) for one in alike]
            typer.echo(json.dumps({"schema": 1, "failures": failures, "pairs": pairs, "look_alikes": look_alikes}))
        else:
            typer.echo("".join(f"{score:3d}  {_line(pair)}\n" for score, pair in found), nl=False)
            typer.echo("".join(f"{_alike_line(one)}\n" for one in alike), nl=False)
        typer.echo(
            f"{len(found)} pairs wait for approval, {len(alike)} look-alikes are never traded; `controller pairs show ID` tells"
            " where they part",
            err=True,
        )
        if hidden := len(every) - len(found) + len(look) - len(alike):
            typer.echo(f"{hidden} more have titles less alike than {similarity}: --similarity 0 shows all", err=True)
        if failures:
            _fail(f"{'; '.join(failures)}: of that, only what earlier discoveries found is listed", 1)

    @pairs.command(name="list")
    def list_(
        state: Annotated[str | None, typer.Option("--state", help="only proposed, approved, paused or rejected")] = None,
        league: Annotated[str | None, typer.Option("--league", help="only this league")] = None,
        state_dir: StateDir = None,
        as_json: AsJson = False,
    ) -> None:
        """List the pairs of the discovery cache with what was decided about them, and, while a controller runs, what a set of each
        would earn now after fees. Asks no venue."""
        read = settings(state_dir)
        place = Desk.of(read)
        if state is not None and state not in _STATES:
            _fail(f"--state {one_line(state)}: one of {', '.join(_STATES)}", 2)
        found = place.listed(state=state, league=league)
        gaps = _gaps(read)
        if as_json:
            rows = [{**_row(pair), "gap_dollars": gaps.get(pair.id)} for pair in found]
            typer.echo(json.dumps({"schema": 1, "trouble": place.trouble(), "pairs": rows}))
        else:
            known = len(found) or len(place.listed())
            none = f"none of the {known} known pairs is so" if known else "no pairs; run `controller discover` first"
            typer.echo("\n".join(_line(pair, gaps.get(pair.id)) for pair in found) or none)
        if (trouble := place.trouble()) is not None:
            typer.echo(f"error: {trouble}", err=True)
            raise typer.Exit(1)

    @pairs.command()
    def show(
        pair: PairArg,
        file: Annotated[
            Path | None, typer.Option("--file", help="take the pair from a JSONL file of rows with pair_id, kalshi, polymarket")
        ] = None,
        state_dir: StateDir = None,
        as_json: AsJson = False,
    ) -> None:
        """Put both markets side by side, with every outcome in which a hedge over them fails."""
        if file is not None:
            from controller.pairs.rows import row_sheet

            sheet = _run(lambda: row_sheet(file, pair[0]))
        else:
            sheet = _run(lambda: desk(state_dir).show(_id(pair)))
        typer.echo(json.dumps(to_json(sheet)) if as_json else "\n".join(lines_of(sheet)))

    @pairs.command()
    def approve(
        pair: Annotated[list[str] | None, typer.Argument(help="a pair id, or ticker and condition id")] = None,
        template: Annotated[str | None, typer.Option("--template", help="LEAGUE/TYPE: approve all its proven pairs")] = None,
        drop: Annotated[bool, typer.Option("--drop", help="take the template back")] = False,
        by: By = "",
        why: Why = "",
        state_dir: StateDir = None,
    ) -> None:
        """Let a pair trade on the texts it has now, or all proven pairs of a league and type (nba/game_winner)."""
        place, who = desk(state_dir), _who(by)
        if (template is None) == (not pair):
            _fail("name a pair, or --template LEAGUE/TYPE", 2)
        if drop and template is None:
            _fail("--drop takes a template back; `controller pairs pause` or `reject` stops a pair", 2)
        if template is not None:
            league, _, kind = template.partition("/")
            if not kind:
                _fail(f"--template {template}: write LEAGUE/TYPE, such as nba/game_winner", 2)
            if drop:
                gone = _run(lambda: place.drop_template(league, kind))
                typer.echo(f"template {template} " + ("taken back" if gone else "was not there"))
                return
            _run(lambda: place.add_template(league, kind, by=who, why=why, now=_now()))
            now, kinds = place.covered(league, kind)
            typer.echo(f"approved by template: proven {kind} pairs of {league} with verified terms, {now} of those known now")
            if kind not in kinds:
                typer.echo(f"note: no known pair of {league} has that type; there are: {', '.join(kinds) or 'none'}", err=True)
            return
        pair_id = _id(pair or [])
        _run(lambda: place.approve(pair_id, by=who, why=why, now=_now()))
        typer.echo(f"approved {pair_id}")

    @pairs.command()
    def reject(pair: PairArg, by: By = "", why: Why = "", state_dir: StateDir = None) -> None:
        """Never trade or propose a pair again unless its texts change."""
        _run(lambda: desk(state_dir).reject(_id(pair), by=_who(by), why=why, now=_now()))
        typer.echo(f"rejected {_id(pair)}")

    @pairs.command()
    def pause(pair: PairArg, by: By = "", why: Why = "", state_dir: StateDir = None) -> None:
        """Open nothing more on a pair; what is open stays managed. A running controller follows within a second."""
        _run(lambda: desk(state_dir).pause(_id(pair), by=_who(by), why=why, now=_now()))
        typer.echo(f"paused {_id(pair)}")

    @pairs.command()
    def resume(pair: PairArg, by: By = "", state_dir: StateDir = None) -> None:
        """Undo a pause: the pair stands as it did before."""
        after = _run(lambda: desk(state_dir).resume(_id(pair), by=_who(by), now=_now()))
        typer.echo(f"resumed {_id(pair)}: {after}")

    @pairs.command()
    def export(state_dir: StateDir = None) -> None:
        """Print all decisions and templates as one JSON object."""
        typer.echo(json.dumps(_run(lambda: desk(state_dir).export())))

    @pairs.command(name="import")
    def import_(file: Annotated[Path, typer.Argument(help="what `pairs export` printed")], state_dir: StateDir = None) -> None:
        """Merge exported decisions; the later one about a pair stands."""
        count, templates = _run(lambda: desk(state_dir).bring_in(_object(file)))
        typer.echo(f"{count} decisions and {templates} templates taken")

    @pairs.command()
    def match(file: FileArg, as_json: AsJson = False) -> None:
        """Match the rows of a file; one line each, and no label is read."""
        from controller.pairs.rows import match_lines

        unread: list[str] = []

        def answer() -> None:
            for row in match_lines(file, unread):
                verdict = f"match {row['outcome_index']}" if row["match"] else "no match"
                words = f"{one_line(row['pair_id'])}  {verdict}  {one_line('; '.join(row['reasons']), 1_000)}"
                typer.echo(json.dumps(row) if as_json else words)

        _run(answer)
        if unread:
            more = f" (and {len(unread) - 1} more lines)" if len(unread) > 1 else ""
            _fail(f"{unread[0]}{more}; every other row was answered", 1)

    @pairs.command()
    def score(
        file: FileArg,
        mutations: Annotated[
            bool, typer.Option("--mutations", help="also change every positive and count the answers")
        ] = False,
        as_json: AsJson = False,
    ) -> None:
        """Compare the matcher's answers with the labels of a file."""
        from controller.pairs.rows import mutation_counts, score_file

        found = _run(lambda: score_file(file))
        if mutations:
            found["mutations"] = _run(lambda: mutation_counts(file))
        if as_json:
            typer.echo(json.dumps(found))
            return
        typer.echo(f"tp {found['tp']}, fp {found['fp']}, fn {found['fn']}")
        typer.echo(f"precision {found['precision']}, recall {found['recall']}")
        typer.echo("false positives: " + (", ".join(found["false_positives"]) or "none"))
        for kind, row in found.get("mutations", {}).items():
            typer.echo(f"{kind}: {row['flipped']} of {row['applicable']} changed the answer, {row['expected']} should")


def _who(by: str) -> str:
    """Who decides: as said, else the user's name, which a container may not know."""
    if by.strip():
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _id(words: list[str]) -> str:
    if len(words) > 2:
        _fail("name one pair: its id, or Kalshi ticker and Polymarket condition id", 2)
    return ":".join(words)


def _row(pair: Pair) -> dict[str, Any]:
    return {
        "pair_id": pair.id,
        "league": pair.league,
        "kind": pair.kind,
        "description": pair.description,
        "state": pair.state,
        "terms": pair.terms,
        "starts_at_ns": pair.starts_at,
        "charge_micro_dollars": pair.settlement_charge,
        "doubts": list(pair.doubts),
    }


def _alike_row(one: Alike) -> dict[str, Any]:
    return {
        "pair_id": one.id,
        "league": one.league,
        "similarity": one.similarity,
        "look_alike": True,
        "kalshi": one.first.question,
        "polymarket": one.second.question,
    }


def _alike_line(one: Alike) -> str:
    titles = f"{one_line(one.first.question)} / {one_line(one.second.question)}"
    return f"{one.similarity:3d}  look-alike           {one_line(one.id)}  {titles}"


def _line(pair: Pair, gap: str | None = None) -> str:
    doubt = f"  ({one_line(pair.doubts[0])})" if pair.doubts else ""
    earns = f"  earns ${gap} a set now" if gap is not None else ""
    return f"{pair.state:<9} {pair.terms:<10} {one_line(pair.id)}  {one_line(pair.description)}{earns}{doubt}"


def _gaps(settings: ControllerSettings) -> dict[str, str]:
    """Dollars by pair from the running controller (B-295); none when none runs or it has no time for us."""
    path = control_path(state_path(settings))
    if not path.exists():
        return {}
    try:
        found = asyncio.run(ask(path, "gaps", timeout_s=2))
    except TandemError:
        return {}
    return {str(pair): str(gap) for pair, gap in found.items()} if isinstance(found, dict) else {}


def _object(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(_text(file))
    except (ValueError, RecursionError) as exc:
        raise PairRefused(f"{file} is no JSON: {exc}") from exc
    if not isinstance(found, dict) or "pairs" not in found:
        raise PairRefused(f"{file} is no export of pairs")
    return found


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise PairRefused(f"{file} cannot be read: {exc}") from exc


def _now() -> WallNs:
    return SystemClock().wall_ns()


def _run(work: Callable[[], _T]) -> _T:
    """A failure is one line and exit code 1."""
    try:
        return work()
    except TandemError as exc:
        _fail(str(exc), 1)
    except OSError as exc:
        _fail(f"{exc.filename}: {exc.strerror}", 1)


def _fail(line: str, code: int) -> NoReturn:
    typer.echo(f"error: {one_line(line, 2_000)}", err=True)
    raise typer.Exit(code)
