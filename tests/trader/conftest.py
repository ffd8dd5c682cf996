"""Both simulated venues on loopback, in a thread with its own loop, so that the command line can run beside them."""

import logging
from collections.abc import Iterator

import pytest
import structlog
from trader_bench import VenueThread, clear_environment

from trading.sim.credentials import make_credentials


@pytest.fixture(scope="session")
def venues(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VenueThread]:
    state = tmp_path_factory.mktemp("trader-venues")
    running = VenueThread(make_credentials(state))
    yield running
    running.close()


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """An empty working directory and none of this machine's variables; logging as it was before."""
    clear_environment(monkeypatch)
    monkeypatch.chdir(tmp_path_factory.mktemp("cwd"))
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    for handler in root.handlers[:]:
        if handler not in before:
            root.removeHandler(handler)
            handler.close()
    for handler in before:
        root.addHandler(handler)
    root.setLevel(level)
    structlog.reset_defaults()
