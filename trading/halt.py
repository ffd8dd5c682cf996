"""The kill switch's file: true for every process that looks at it, before, during and after a restart (B-204).

    HALT            no new arb or early exit; what completes or unwinds an arb under way goes on within its limits
    HALT "freeze"   nothing at all is sent

A file needs no process that listens and no venue that answers. What follows from it is for each program to say.
"""

from pathlib import Path

from trading.secrets import write_private

__all__ = ["HaltFile"]


class HaltFile:
    """The file of one state directory."""

    def __init__(self, state_dir: Path) -> None:
        self.path = state_dir / "HALT"

    def state(self) -> tuple[str | None, bool]:
        """(reason, freeze); reason None = trading is allowed. A file that cannot be read freezes."""
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return None, False
        except OSError as exc:
            return f"{self.path} cannot be read ({exc.strerror})", True
        word, _, reason = text.strip().partition(" ")
        return reason or "no reason given", word == "freeze"

    def set(self, reason: str, *, freeze: bool = False) -> None:
        """Halt, durably. A freeze is never softened by a later plain halt. Raises OSError."""
        freeze = freeze or self.state()[1]
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self.path, f"{'freeze' if freeze else 'halt'} {' '.join(reason.split())[:300]}\n".encode())

    def clear(self) -> bool:
        """Allow trading again; False when it was not halted."""
        try:
            self.path.unlink()
        except FileNotFoundError:
            return False
        return True
