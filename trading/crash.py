"""TANDEM_CRASH_AT=J4 or J4:3 in the environment: this process kills itself when it passes that step for the 1st or 3rd time.

For tests that break real processes where it hurts most (distributed.md 4.6). SIGKILL, so nothing is tidied up; only while every
venue is on loopback and orders are sent to it, so that no setting can do this to real money.
"""

import os
import signal
from collections.abc import Callable, Mapping

from trading.errors import SettingsError

__all__ = ["VARIABLE", "crash_probe"]

VARIABLE = "TANDEM_CRASH_AT"


def crash_probe(environ: Mapping[str, str], world: str) -> Callable[[str], None]:
    """What to hand in as probe. Silent without the variable. Raises SettingsError outside of world "sim"."""
    step, _, nth = environ.get(VARIABLE, "").partition(":")
    if not step:
        return lambda _: None
    if world != "sim":
        raise SettingsError(f"{VARIABLE}={step}: only with every host on loopback and DRY_RUN=0; unset it")
    if nth and not nth.isdigit():
        raise SettingsError(f"{VARIABLE}={step}:{nth}: not a count (allowed: STEP or STEP:N)")
    left = int(nth or 1)

    def probe(name: str) -> None:
        nonlocal left
        if name == step:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return probe
