"""The kill switch of one machine: the HALT file of its state directory, and all else that may stop an order here.

The file is looked at before each send, so it works while the process hangs elsewhere and while the venue is down (design.md 6).
"""

from trading.halt import HaltFile
from trading.order import Purpose

__all__ = ["HALTED", "Brake", "Halt"]

HALTED = "halted"
_ENDS_ARBS: frozenset[Purpose] = frozenset({"complete", "unwind"})


class Halt(HaltFile):
    """The file of one state directory, asked about one order."""

    def stops(self, purpose: Purpose) -> str | None:
        """Why an order of this purpose may not go now, None when it may. A file that cannot be read stops everything."""
        reason, freeze = self.state()
        if reason is None or (not freeze and purpose in _ENDS_ARBS):
            return None
        return f"halted: {reason}; end it with: trader resume"


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
