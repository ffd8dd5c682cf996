"""`controller halt` and `controller resume`: the kill switch for people. They need no running controller and no network."""

from collections.abc import Callable
from typing import Annotated

import typer

from controller.durable import state_path
from controller.halt import HaltFile
from controller.settings import ControllerSettings

__all__ = ["register"]

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
        file = HaltFile(state_path(settings(state_dir)))
        try:
            file.set(reason, freeze=freeze)
        except OSError as exc:
            typer.echo(f"error: {file.path}: {exc.strerror}; end the controller instead", err=True)
            raise typer.Exit(1) from None
        typer.echo(f"halted ({file.path}): {file.state()[0]}")

    @app.command()
    def resume(
        state_dir: Annotated[str | None, typer.Option("--state-dir", help="STATE_DIR", show_default=False)] = None,
    ) -> None:
        """End a halt, and with it every trip of a running controller's breaker. Without a halt it changes nothing."""
        typer.echo("resumed" if HaltFile(state_path(settings(state_dir))).clear() else _NOT_HALTED)
