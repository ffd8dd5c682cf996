"""`controller status`: what the running controller says, or what its state directory shows while none runs."""

import asyncio
import json
from collections.abc import Callable
from typing import Annotated

import typer

from controller.control import NotRunning, ask, control_path
from controller.durable import state_path
from controller.halt import HaltFile
from controller.settings import ControllerSettings
from controller.status import lines_of
from trading.errors import TandemError

__all__ = ["register"]


def register(app: typer.Typer, settings: Callable[[str | None], ControllerSettings]) -> None:
    """Add the command; settings reads them for a state directory given by flag, or None."""

    @app.command()
    def status(
        state_dir: Annotated[str | None, typer.Option("--state-dir", help="STATE_DIR", show_default=False)] = None,
        as_json: Annotated[bool, typer.Option("--json", help="print JSON on stdout and nothing else")] = False,
    ) -> None:
        """Ask the running controller: may it trade, who is connected, what is open. Exit 1 = none runs, 2 = it did not answer."""
        path = state_path(settings(state_dir))
        try:
            found = asyncio.run(ask(control_path(path), "status"))
        except NotRunning as exc:
            reason, freeze = HaltFile(path).state()
            halt = None if reason is None else {"reason": reason, "freeze": freeze}
            if as_json:
                typer.echo(json.dumps({"schema": 1, "pid": None, "trading": "not running", "halt": halt}))
            else:
                typer.echo(f"not running ({exc})")
                if reason is not None:
                    typer.echo(f"the next start will be {'frozen' if freeze else 'halted'}: {reason}")
            raise typer.Exit(1) from None
        except TandemError as exc:
            typer.echo(f"error: {exc}", err=True)
            raise typer.Exit(2) from None
        assert isinstance(found, dict)
        typer.echo(json.dumps(found) if as_json else "\n".join(lines_of(found)))
