"""Throwaway accounts, made once (an RSA key takes a tenth of a second), and the marker of every test of this folder."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from system_bench import Venues, open_venues

from trading.sim.credentials import Credentials, make_credentials

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.system)


@pytest.fixture(scope="session")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    return make_credentials(tmp_path_factory.mktemp("accounts"))


@pytest.fixture
async def venues(credentials: Credentials) -> AsyncIterator[Venues]:
    """Both simulated venues on loopback with two games, every book at rest."""
    async with open_venues(credentials) as opened:
        yield opened
