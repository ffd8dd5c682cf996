"""What the doctor says of the controller of this state directory: halted, draining, and whether both venues agreed with it.

A running one is asked over its socket; with none running the HALT file tells how the next start will be.
"""

from controller.app import App
from controller.control import NotRunning, ask, control_path
from controller.durable import state_path
from controller.halt import HaltFile
from controller.status import said_of
from trading.command import Finding

__all__ = ["running"]


async def running(system: App) -> list[Finding]:
    """Trading allowed or not, and the newest comparison. Raises TandemError for a controller that does not answer."""
    path = state_path(system.settings)
    try:
        found = await ask(control_path(path), "status")
    except NotRunning:
        reason, freeze = HaltFile(path).state()
        if reason is None:
            return []
        word = "frozen" if freeze else "halted"
        return [Finding("warn", "controller", f"none runs; the next start is {word}: {reason}", "controller resume ends it")]
    assert isinstance(found, dict)
    told = "draining" if found.get("draining") else str(found["trading"])
    step = "" if told == "on" else "controller drain tells what is open; controller resume ends a halt"
    lines = [Finding("pass" if told == "on" else "warn", "controller", f"runs; trading: {told}", step)]
    compared = found.get("reconciliation")
    if isinstance(compared, dict):
        equal = bool(compared["equal"])
        lines.append(
            Finding("pass" if equal else "warn", "comparison", said_of(compared), "" if equal else "controller reconcile")
        )
    return lines
