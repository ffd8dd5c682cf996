"""`controller halt` and `controller resume`, the kill switch for people, which need no running controller and no network; and
`controller drain`, which asks the running one to come to rest.
"""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from controller.control import NotRunning, ask, control_path
from controller.drain import lines_of
from controller.durable import state_path
from controller.halt import HaltFile
from controller.settings import ControllerSettings
from trading.errors import TandemError

__all__ = ["register"]

_ASK_S = 1.0
_ANSWER_S = 60.0
_GLANCE_S = 2.0
_NOT_HALTED = "was not halted; a tripped breaker ends with: controller halt, then controller resume"


def register(app: typer.Typer, settings: Callable[[str | None], ControllerSettings]) -> None:
    """Add the commands to the command line; settings reads them for a state directory given by flag, or None."""

    @app.command()
    def halt(
        reason: Annotated[str, typer.Argument(help="why, for whoever reads it later")] = "operator",
        freeze: Annotated[bool, typer.Option("--freeze", help="stop exits, too: nothing at all is sent")] = False,
        state_dir: Annotated[str | None, typer.Option("--state-dir", help="STATE_DIR", show_default=False)] = None,
    ) -> None:
        """Stop new arbs here and at every connected trader, across restarts, until `controller resume`."""
        home = state_path(settings(state_dir))
        file = HaltFile(home)
        try:
            file.set(reason, freeze=freeze)
        except OSError as exc:
            typer.echo(f"error: {file.path}: {exc.strerror}; end the controller instead", err=True)
            raise typer.Exit(1) from None
        typer.echo(f"halted ({file.path}): {file.state()[0]}")
        if not _runs(home):  # typed in another directory it would stop nobody, and look as if it had
            typer.echo("note: no controller of that state directory runs now; another one: --state-dir or STATE_DIR", err=True)

    @app.command()
    def resume(
        state_dir: Annotated[str | None, typer.Option("--state-dir", help="STATE_DIR", show_default=False)] = None,
    ) -> None:
        """End a halt, and with it every trip of a running controller's breaker. Without a halt it changes nothing."""
        file = HaltFile(state_path(settings(state_dir)))
        try:
            typer.echo("resumed" if file.clear() else _NOT_HALTED)
        except OSError as exc:
            typer.echo(f"error: {file.path}: {exc.strerror}; remove that file as its owner", err=True)
            raise typer.Exit(1) from None

    @app.command()
    def drain(
        wait: Annotated[bool, typer.Option("--wait/--no-wait", help="stay until nothing is open")] = True,
        timeout: Annotated[float, typer.Option("--timeout", help="seconds to wait at most", min=0)] = 300,
        state_dir: Annotated[str | None, typer.Option("--state-dir", help="STATE_DIR", show_default=False)] = None,
        as_json: Annotated[bool, typer.Option("--json", help="print JSON on stdout and nothing else")] = False,
    ) -> None:
        """Halt new arbs, let running ones end, cancel resting orders. Exit 0 = nothing is open, 1 = something still is, 2 = the
        controller did not answer (nothing is cancelled then; `controller halt` works without it)."""
        path = control_path(state_path(settings(state_dir)))
        ends = time.monotonic() + (timeout if wait else 0)
        said: tuple[str, ...] = ()
        try:
            while True:
                found = asyncio.run(ask(path, "drain", timeout_s=_ANSWER_S))
                assert isinstance(found, dict)
                if found["done"] or time.monotonic() >= ends:
                    break
                if (now := tuple(lines_of(found))) != said:
                    said = now
                    typer.echo("\n".join(now), err=True)
                time.sleep(_ASK_S)
        except TandemError as exc:
            typer.echo(f"error: {exc}", err=True)
            raise typer.Exit(2) from None
        typer.echo(json.dumps(found) if as_json else "\n".join(lines_of(found)))
        raise typer.Exit(0 if found["done"] else 1)


def _runs(home: Path) -> bool:
    """Whether a controller of this state directory is there; one that hangs is."""
    try:
        asyncio.run(ask(control_path(home), "status", timeout_s=_GLANCE_S))
    except NotRunning:
        return False
    except TandemError:
        return True
    return True
