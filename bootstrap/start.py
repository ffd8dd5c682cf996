"""Starting the program that was set up: the exact command for a person, or the program itself in this process's place (B-231).

Only the settings that bootstrap wrote are handed on; keys and everything else the program reads by itself, from its own .env.
"""

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from bootstrap.identity import Role

__all__ = ["start", "start_command"]


def start_command(fragment: Path, role: Role, here: Path) -> str:
    """What to type in this directory so that the program finds its fragment."""
    settings = here / ".env"
    if settings.exists() and settings.resolve() == fragment.resolve():
        return f"{role} run"
    shown = shlex.quote(os.path.relpath(fragment, here))
    if settings.exists() or settings.is_symlink():
        return f"(set -a; . {shlex.quote(str(fragment))}; set +a; {role} run)"
    return f"ln -s {shown} .env && {role} run"


def start(role: Role, settings: Mapping[str, str], environ: Mapping[str, str]) -> None:
    """Become the program, with the fragment's settings under those of the environment. Returns only by raising OSError."""
    sys.stdout.flush()
    words = [sys.executable, "-m", role, "run"]
    os.execve(sys.executable, words, {**settings, **environ})
