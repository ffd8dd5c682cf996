"""A few seeds of the whole system on each test run; `make sim` plays hundreds. Failing seeds stay in regressions.txt."""

from pathlib import Path

import pytest
from breaks import Breaks
from processes import Accounts
from seed import play

HERE = Path(__file__).resolve().parent
LINES = [line.split("#")[0].split() for line in (HERE / "regressions.txt").read_text().splitlines()]
KEPT = [(int(words[0]), words[1] if words[1:] else "") for words in LINES if words]


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Accounts:
    return Accounts(tmp_path_factory.mktemp("accounts"))


@pytest.mark.parametrize(("seed", "layout"), [(1, ""), (2, ""), *KEPT])
def test_every_promise_holds_whatever_breaks(accounts: Accounts, seed: int, layout: str) -> None:
    """P1-P5: no order without a promise or sent twice or after its end, exposure capped, our record equals both venues'."""
    outcome = play(seed, accounts, layout=layout)

    assert outcome.problems == ()
    assert outcome.executions >= 10


def test_a_seed_repeats_exactly(accounts: Accounts) -> None:
    """The trace of a seed, times included, hashes to the same value again: a failure can be replayed."""
    assert play(3, accounts, steps=6).digest == play(3, accounts, steps=6).digest


class OneAway(Breaks):
    """In each step the other one of two traders finds no way to the controller."""

    def throw(self) -> None:
        traders = self.plant.traders
        for one in traders:
            self.plant.away.discard(one.name)
        gone = traders[self._turn % len(traders)]
        self._turn += 1
        self.plant.away.add(gone.name)
        if gone.pipe is not None:
            gone.pipe.cut()

    def last(self) -> None:
        self.plant.away.clear()


def test_a_second_trader_takes_the_legs_of_the_first(accounts: Accounts) -> None:
    """B-229: of two traders with the same venue's keys the one that is left goes on; nothing is sent twice."""
    outcome = play(12, accounts, layout="twins", breaks=OneAway)

    assert outcome.took_over
    assert outcome.problems == ()
    assert outcome.executions >= 10
