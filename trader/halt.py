"""The kill switch of one machine: a file in the state directory, true for every process that looks at it.

    HALT            no new arb or early exit; what completes or unwinds an arb under way goes on within its limits
    HALT "freeze"   nothing at all is sent

The file is looked at before each send, so it works while the process hangs elsewhere and while the venue is down (design.md 6).
"""

from pathlib import Path

from trading.order import Purpose
from trading.secrets import write_private

__all__ = ["HALTED", "Brake", "Halt"]

HALTED = "halted"
_ENDS_ARBS: frozenset[Purpose] = frozenset({"complete", "unwind"})


class Halt:
    """The file of one state directory."""

    def __init__(self, state_dir: Path) -> None:
        self.path = state_dir / "HALT"

    def stops(self, purpose: Purpose) -> str | None:
        """Why an order of this purpose may not go now, None when it may. A file that cannot be read stops everything."""
        reason, freeze = self.state()
        if reason is None or (not freeze and purpose in _ENDS_ARBS):
            return None
        return f"{reason}; end it with: trader resume"

    def state(self) -> tuple[str | None, bool]:
        """(reason, freeze); reason None = trading is allowed."""
        try:
            text = self.path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return None, False
        except OSError as exc:
            return f"{self.path} cannot be read ({exc.strerror})", True
        word, _, reason = text.strip().partition(" ")
        return f"halted: {reason or 'no reason given'}", word == "freeze"

    def set(self, reason: str, *, freeze: bool = False) -> None:
        """Halt, durably. A freeze is never softened by a later plain halt."""
        freeze = freeze or self.state()[1]
        write_private(self.path, f"{'freeze' if freeze else 'halt'} {' '.join(reason.split())[:300]}\n".encode())

    def clear(self) -> bool:
        """Allow trading again; False when it was not halted."""
        try:
            self.path.unlink()
        except FileNotFoundError:
            return False
        return True


class Brake:
    """Everything that may stop an order of this process: the file, the controller's word, our own stopping."""

    def __init__(self, halt: Halt) -> None:
        self.halt = halt
        self.controller = ""
        """The controller's reason, "" = none; it cannot lift the file."""
        self.controller_freeze = False
        self.draining = False

    @property
    def on(self) -> bool:
        return bool(self.controller) or self.halt.state()[0] is not None

    def stops(self, purpose: Purpose) -> str | None:
        """Why nothing of this purpose may be sent now, None when it may."""
        ends = purpose in _ENDS_ARBS
        if self.controller and (self.controller_freeze or not ends):
            return f"halted by the controller: {self.controller}"
        if self.draining and not ends:
            return "this trader is stopping"
        return self.halt.stops(purpose)
