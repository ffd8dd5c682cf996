"""Flags that several commands share, and the one way a command fails: a line on stderr and exit code 1."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from bootstrap.files import Problem

__all__ = ["AsJson", "Directory", "Executable", "Socket", "Start", "failing"]

AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object on stdout")]
Directory = Annotated[Path, typer.Option("--dir", help="LINK_DIR: identity.pem, peers.toml and the settings fragment")]
Executable = Annotated[str, typer.Option("--tailscale", "--executable", help="the tailscale program")]
Socket = Annotated[str | None, typer.Option("--socket", help="another tailscaled's socket", show_default=False)]

Start = Annotated[bool, typer.Option("--start", help="then become the program: controller run, or trader run")]


@contextmanager
def failing() -> Iterator[None]:
    """Turn a Problem into its line."""
    try:
        yield
    except Problem as exc:
        typer.echo(f"error: {exc}", err=True)
        raise typer.Exit(1) from None
