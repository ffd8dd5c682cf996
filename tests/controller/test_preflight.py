"""Keys, clock and wallet are proven before anything trades."""

from types import SimpleNamespace

import pytest

from controller.preflight import preflight
from trading.errors import AuthFailed
from trading.market import KALSHI, POLYMARKET
from trading.venue import AccountPage


class Polymarket:
    """Notes what it was asked, in order."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.asked: list[str] = []
        self.holdings = self
        self.refuses = refuses

    async def derive_credentials(self):
        self.asked.append("derive")

    async def refresh(self):
        self.asked.append("refresh")
        if self.refuses:
            raise AuthFailed(POLYMARKET, "unauthorized", "no")

    async def account(self, what):
        self.asked.append(what.what)
        return AccountPage()


def settings(**changes):
    return SimpleNamespace(**{"dry_run": False, "platforms": {POLYMARKET}, "polymarket_api_key": "", **changes})


async def test_polymarkets_copy_of_the_wallet_is_renewed_before_it_is_read():
    """One from before the last deposit or approval refuses every order (polymarket.md 7.1)."""
    venue = Polymarket()

    await preflight(settings(), SimpleNamespace(polymarket=venue), {POLYMARKET: venue})

    assert venue.asked == ["derive", "refresh", "balances", "positions"]


@pytest.mark.parametrize("changes", [{"dry_run": True}, {"platforms": {KALSHI}}])
async def test_paper_and_the_other_venue_ask_nothing_of_it(changes):
    """Only who trades there needs its proof."""
    venue, kalshi = Polymarket(), Polymarket()

    await preflight(settings(**changes), SimpleNamespace(polymarket=venue), {KALSHI: kalshi})

    assert venue.asked == []


async def test_a_refused_key_ends_the_start_with_its_next_step():
    """Not the first leg of an arb finds it out."""
    venue = Polymarket(refuses=True)

    with pytest.raises(AuthFailed, match="doctor"):
        await preflight(settings(), SimpleNamespace(polymarket=venue), {POLYMARKET: venue})
