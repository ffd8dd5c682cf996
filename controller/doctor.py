"""Everything that must be true before trading, asked one by one without trading: pass, warn or fail, and the next step (B-078).

here      settings · keys · state directory, journal, disk · link
venues    reachable, clock, schedule, key, scopes, limits · wallet, allowances, relayer · place · pairs, cash, terms, streams
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from controller.app import App, build
from controller.doctor_here import link, platforms, state
from controller.doctor_running import running
from controller.doctor_venues import CHECKS, Patient, pairs
from controller.ports import Ports, production_ports
from controller.settings import ControllerSettings
from controller.treasury import wired_to_read
from trading.command import Finding, report
from trading.errors import SettingsError, TandemError

__all__ = ["examine"]

_LIMIT_S = 60.0
_WORLDS = {
    "paper": "paper: no order leaves this process",
    "sim": "simulated: every venue host is on this machine and orders are sent to it",
    "live": "live: orders are sent to the real venues",
}

Check = Callable[[], Awaitable[list[Finding]]]


async def examine(settings: ControllerSettings, *, as_json: bool) -> int:
    """Run every check and print it. Returns 0 when nothing failed, 1 otherwise; SettingsError where nothing can be asked at all."""
    findings = await _findings(settings)
    return report(findings, as_json=as_json)


async def _findings(settings: ControllerSettings) -> list[Finding]:
    ports = production_ports()
    try:
        system, found = _built(settings, ports)
    except SettingsError:
        if ports.close is not None:
            await ports.close()
        raise
    known = Patient()
    here: Sequence[Callable[[App], Awaitable[list[Finding]]]] = (platforms, state, running, link)
    try:
        for check in here:
            found += await _bounded(check.__name__, partial(check, system))
        for ask in CHECKS:
            if ask is pairs and any(one.level == "fail" and one.what.endswith("reachable") for one in found):
                continue  # what cannot be reached cannot be read: one line said it
            found += await _bounded(ask.__name__, partial(ask, system, known))
    finally:
        await system.close()
    return found


def _built(settings: ControllerSettings, ports: Ports) -> tuple[App, list[Finding]]:
    """The wired system, and what the settings say. What would stop `controller run` is a failed line, and the rest is still asked.

    Raises SettingsError when not even reading is possible: mixed hosts, a key that cannot be used.
    """
    found: list[Finding] = []
    world = settings.world()

    def notice(line: str) -> None:
        found.append(Finding("warn", "key file", line, "chmod 600"))

    try:
        system = build(settings, ports, notice=notice)
        found.append(Finding("pass", "settings", _WORLDS[world]))
    except SettingsError as exc:
        found.clear()
        system = wired_to_read(settings, ports, notice)
        found.append(Finding("fail", "settings", str(exc), "correct that setting; the checks below go on without orders"))
    return system, found


async def _bounded(name: str, check: Check) -> list[Finding]:
    """A check that ends: what is raised, or an answer that stays out, is a failed line."""
    try:
        return await asyncio.wait_for(check(), _LIMIT_S)
    except TandemError as exc:
        return [Finding("fail", name, str(exc), "see the detail")]
    except TimeoutError:
        return [Finding("fail", name, f"no end in {_LIMIT_S:g} s", "check the network")]
