"""Fewer seeds over the unmodified edges: websockets, our HTTP pool and link sockets, the simulators' aiohttp server."""

import gc

import pytest
from edges import EdgeBreaks
from processes import Accounts
from seed import play


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Accounts:
    return Accounts(tmp_path_factory.mktemp("accounts"))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # killed processes leave coroutines half done
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_promise_holds_over_the_real_edges(accounts: Accounts, seed: int) -> None:
    """Connections are cut, venues fail, processes die: the same promises, with the bytes of every protocol in between."""
    outcome = play(seed, accounts, edges=True, breaks=EdgeBreaks)

    gc.collect()
    assert outcome.problems == ()
    assert outcome.executions >= 10
