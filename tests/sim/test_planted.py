"""Bugs put in on purpose: a simulation that does not notice them would prove nothing by finding none."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from plant import Plant
from processes import Accounts
from seed import Outcome, play

import trading.execute
from controller.risk.claims import Claims
from controller.runtime import Runtime
from trading.journal_file import FileJournal
from trading.order import LegResult

MOST = 50
"""Seeds within which a planted bug must have been noticed."""


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Accounts:
    return Accounts(tmp_path_factory.mktemp("accounts"))


def noticed(
    accounts: Accounts, first: int, by: Callable[[Outcome], object], spoil: Callable[[Plant], None] = lambda _: None
) -> int:
    """Seeds played until one shows it, from one that is known to be quick."""
    for played in range(1, MOST + 1):
        if by(play(first + played - 1, accounts, spoil=spoil, steps=4)):
            return played
    return MOST + 1


def test_an_order_sent_before_its_promise_is_noticed(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: promise() returns at once and the disk follows later. P1: an order leaves without a safe promise."""
    real, writing = FileJournal.promise, set()

    async def promise(self: FileJournal, orders: Any) -> None:
        task = asyncio.get_running_loop().create_task(real(self, orders))
        writing.add(task)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.sleep(0)

    monkeypatch.setattr(FileJournal, "promise", promise)

    assert noticed(accounts, 4, lambda outcome: outcome.lost) <= MOST


def test_an_unknown_order_sent_again_is_noticed(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: a doubtful answer is taken for a failure and the order goes once more. P2: the venue sees it twice."""
    real = trading.execute._send_once

    async def again(*order: Any) -> LegResult:
        answer = await real(*order)
        return await real(*order) if answer.state == "unknown" else answer

    monkeypatch.setattr(trading.execute, "_send_once", again)

    assert noticed(accounts, 1, lambda outcome: outcome.duplicated) <= MOST


def test_a_claim_released_early_is_noticed(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: an event is free again while its arb still runs. P3: a second arb enters it."""
    monkeypatch.setattr(Claims, "try_claim", lambda self, event, arb: True)
    monkeypatch.setattr(Claims, "claimed", lambda self, event: False)

    assert noticed(accounts, 1, lambda outcome: outcome.exposure_breaches) <= MOST


def test_a_late_fill_forgotten_is_noticed(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: a truth about a leg that no running arb asked for is dropped. P4: our record differs, or never ends."""
    monkeypatch.setattr(Runtime, "hear", lambda self, result: None)

    assert noticed(accounts, 1, lambda outcome: outcome.ledger_differences or outcome.unresolved) <= MOST


def test_a_forgotten_fsync_is_noticed(accounts: Accounts) -> None:
    """Planted: commits are acknowledged without an fsync, and a power loss forgets them. P1: orders without a promise."""

    def lie(plant: Plant) -> None:
        for disk in plant.disks.values():
            disk.lies = True

    assert noticed(accounts, 1, lambda outcome: outcome.lost, spoil=lie) <= MOST
