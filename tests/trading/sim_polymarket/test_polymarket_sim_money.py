"""What the simulated venue lets an account spend: finite allowances, phantom reservations, money that leaves."""

from typing import Any

from trading.units import Money

DOLLAR = 1_000_000


def test_finite_allowance_is_spent_down_and_an_unlimited_one_is_not(venue: Any) -> None:
    """Section 13: an exchange pulls pUSD against its allowance, fee included, and a ghost fill gives it back."""
    who = venue.wallet
    venue.faults.throw("finite_allowance", count=20)
    venue.rest("ask", "0.40", "100")
    venue.place(who, "BUY", "11", "0.40", "30")

    assert "allowance is not enough -> spender: 0xE111" in venue.refused(who, venue.limit(who, "BUY", "11", "0.40", "30"))
    seen = venue.ask(who, "GET", "/balance-allowance", asset_type="COLLATERAL", signature_type="3")[1]["allowances"]
    assert list(seen.values()) == ["7640000", "20000000", "20000000"]
    venue.faults.throw("full_allowance")
    venue.place(who, "BUY", "11", "0.40", "30")
    assert str(2**256 - 1) in venue.ask(who, "GET", "/balance-allowance", asset_type="COLLATERAL")[1]["allowances"].values()


def test_phantom_reservation_keeps_cash_back_until_the_venue_resets_it(venue: Any) -> None:
    """Section 14: funded, no open orders, and still not enough."""
    poor = venue.poor
    venue.faults.throw("phantom")

    assert "balance: 10000000" in venue.refused(poor, venue.limit(poor, "BUY", "11", "0.50", "30"))
    venue.faults.throw("no_phantom")
    assert venue.place(poor, "BUY", "11", "0.50", "30")["status"] == "live"


def test_account_money_is_never_below_what_was_promised_after_a_withdrawal(venue: Any, events: Any) -> None:
    """Orders that the wallet no longer covers are cancelled as CANCELED_NOT_ENOUGH_BALANCE, newest first."""
    poor = venue.poor
    old = venue.place(poor, "BUY", "11", "0.50", "20")["orderID"]
    new = venue.place(poor, "BUY", "11", "0.40", "20")["orderID"]
    stream = venue.listen(poor)
    venue.sim.deposit(poor.owner, Money(-8 * DOLLAR))

    assert [(row["id"], row["status"]) for row in events(stream)] == [(new, "CANCELED_NOT_ENOUGH_BALANCE")]
    assert venue.sim.account_view(poor.owner).open_orders == (old,)


def test_a_deposit_of_the_control_door_arrives_as_free_cash(venue: Any) -> None:
    """Money that no trade explains: with it a person sees what `cash_differs` looks like."""
    before = venue.sim.account_view(venue.poor.account.owner).cash
    venue.faults.throw("deposit", count=25)

    assert venue.sim.account_view(venue.poor.account.owner).cash == before + 25 * DOLLAR
