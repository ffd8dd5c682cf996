"""Log events of these tests are kept, not drawn: a drawn traceback takes longer than all the rest."""

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def events() -> Iterator[list]:
    with structlog.testing.capture_logs() as kept:
        yield kept
