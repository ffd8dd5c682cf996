"""`bootstrap status`: is this machine on the tailnet, and what to type next. It changes nothing."""

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from bootstrap.plan import next_step, utc_now
from bootstrap.tailscale import read_status

__all__ = ["app", "main"]

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Check this machine's tailnet. On one machine nothing of it is needed: both venues then run on CONTROLLER_PLATFORMS.",
)


@app.callback()
def _group() -> None:
    """Tailnet checks that never change anything."""


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
    executable: Annotated[str, typer.Option(help="the tailscale program")] = "tailscale",
) -> None:
    """Show the tailnet state and the exact next command; exit 1 while the tailnet cannot be used."""
    seen = read_status(executable)
    step = next_step(seen, sys.platform, utc_now())
    if as_json:
        typer.echo(json.dumps({"schema": 1, "state": seen.state, "addresses": seen.addresses, **asdict(step)}))
    else:
        typer.echo(step.what)
        if step.command:
            typer.echo(f"next: {step.command}")
    raise typer.Exit(0 if step.ready else 1)


def main() -> None:
    app()
