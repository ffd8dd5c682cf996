"""Credentials are made once: an RSA key takes a tenth of a second."""

from pathlib import Path

import pytest

from trading.sim.credentials import Credentials, make_credentials


@pytest.fixture(scope="session")
def credentials(tmp_path_factory: pytest.TempPathFactory) -> Credentials:
    state: Path = tmp_path_factory.mktemp("sim-state")
    return make_credentials(state)
