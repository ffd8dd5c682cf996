"""Look-ups: what an order's state and its listed trades make of it."""

import pytest
from polymarket_rows import NO, YES, leg, order, trade

from trading.errors import BadAnswer
from trading.market import FeeTerms
from trading.order import Tif
from trading.polymarket.orders import Said
from trading.polymarket.trades import OrderState, fills_of, found
from trading.units import Money, Price, parse_money, parse_size


@pytest.mark.parametrize(
    ("rate", "size", "price", "fee"),
    [
        (50_000_000, "100", "0.5", "1.25"),
        (30_000_000, "100", "0.5", "0.75"),
        (50_000_000, "100", "0.3", "1.05"),
        (50_000_000, "44.6428", "0.56", "0.55"),
        (70_000_000, "200", "0.08", "1.0304"),
    ],
)
def test_fee_examples_through_find(rate: int, size: str, price: str, fee: str) -> None:
    """The worked fees of polymarket.md 9 come out of a listed trade, final as soon as the trade is listed."""
    put = order(leg(limit=price, size="250"), fees=FeeTerms(schedule="polymarket", taker=rate))
    result = found(put, None, [trade(put, [(size, price, YES)], status="MATCHED")])

    assert result is not None
    assert result.fee == parse_money(fee)
    assert result.fills[0].fee_is_final
    assert result.fills[0].status == "provisional"


def test_dust_fee_is_zero() -> None:
    """0.1 share at 0.0001 in a 7 % market costs no fee."""
    put = order(
        leg(limit="0.0001", size="20000"),
        fees=FeeTerms(schedule="polymarket", taker=70_000_000),
        grid=((Price(1), Price(9_999), Price(1)),),
    )
    result = found(put, None, [trade(put, [("0.1", "0.0001", YES)])])

    assert result is not None
    assert result.fee == 0


def test_taker_pays_each_makers_price() -> None:
    """Two makers at 0.55 and one minting at NO 0.44 (YES 0.56): one fill per price, fee and cost of each, exact."""
    put = order()
    row = trade(put, [("10", "0.55", YES), ("5", "0.55", YES), ("20.5", "0.44", NO)])
    result = found(put, None, [row])

    assert result is not None
    assert [(f.price, f.size, f.cost) for f in result.fills] == [(5500, 15_000_000, 8_250_000), (5600, 20_500_000, 11_480_000)]
    assert [f.fee for f in result.fills] == [185_630, 252_560]
    assert (result.state, result.filled, result.cost) == ("partial", 35_500_000, 19_730_000)
    assert result.settled
    assert result.fills[0].status == "final"


def test_our_part_as_maker_is_our_entry_without_fee() -> None:
    """As maker the entry with our order id counts, in our token's price, and no taker fee."""
    put = order(leg(limit="0.56", size="50", tif=Tif.GTC))
    row = trade(put, [("30", "0.56", YES), ("5", "0.55", YES)]) | {"taker_order_id": "0xelse", "size": "35"}
    row["maker_orders"][0]["order_id"] = put.venue_order_id
    fills = fills_of(
        row, order_id=put.venue_order_id or "", token=YES, buy=True, terms=FeeTerms(schedule="polymarket", taker=1)
    )

    assert [(f.price, f.size, f.fee, f.maker) for f in fills] == [(5600, 30_000_000, 0, True)]


def test_maker_entries_that_do_not_add_up_give_way_to_the_trade() -> None:
    """When the entries miss part of the trade its own size and price are used."""
    put = order()
    row = trade(put, [("10", "0.55", YES)]) | {"size": "40", "price": "0.56"}

    result = found(put, None, [row])
    assert result is not None
    assert [(f.price, f.size) for f in result.fills] == [(5600, 40_000_000)]


def test_failed_trades_are_reversed() -> None:
    """FAILED takes the fill away (B-424): all gone is none, some gone is partial; RETRYING is still provisional."""
    put = order()
    good, ghost = trade(put, [("20", "0.56", YES)]), trade(put, [("30", "0.56", YES)], status="TRADE_STATUS_FAILED", name="t2")
    both, alone = found(put, None, [good, ghost]), found(put, None, [ghost])
    retrying = found(put, None, [good | {"status": "RETRYING"}])

    assert both is not None
    assert (both.state, both.filled) == ("partial", 20_000_000)
    assert alone is not None
    assert (alone.state, alone.code, alone.filled) == ("none", "reversed", 0)
    assert retrying is not None
    assert retrying.fills[0].status == "provisional"


@pytest.mark.parametrize(
    ("status", "matched", "state", "code"),
    [
        ("LIVE", "0", "resting", "live"),
        ("ORDER_STATUS_LIVE", "", "resting", "live"),
        ("DELAYED", "", "held", "delayed"),
        ("CANCELED", "0", "none", "canceled"),
        ("CANCELED_order couldn't be fully filled. FOK orders are fully filled or killed.", "", "none", "fok_killed"),
        ("CANCELED_NOT_ENOUGH_BALANCE", "0", "none", "no_balance"),
        ("INVALID", "", "rejected", "invalid"),
        ("MATCHED", "50", "unknown", "trades_pending"),
        ("MATCHED", "", "unknown", "matched"),
        ("", "", "unknown", "no_status"),
    ],
)
def test_order_states_without_trades(status: str, matched: str, state: str, code: str) -> None:
    """What an order's own status says while no trade is listed."""
    result = found(order(), OrderState.of({"status": status, "size_matched": matched}), [])

    assert result is not None
    assert (result.state, result.code) == (state, code)


def test_nothing_known_is_none() -> None:
    """No order, no trade of ours: the venue knows nothing so far."""
    put = order()
    other = trade(put, [("5", "0.5", YES)]) | {"taker_order_id": "0xelse"}

    assert found(put, None, []) is None
    assert found(put, None, [other]) is None


def test_less_listed_than_matched_is_unknown() -> None:
    """Lists lag: until the trades show what order or answer said was matched, the sum is not believed."""
    put = order()
    half = trade(put, [("20", "0.56", YES)])
    by_order = found(put, OrderState("MATCHED", parse_size("50")), [half])
    by_answer = found(put, None, [half], Said(parse_size("50"), Money(28_000_000)))

    assert by_order is not None
    assert by_answer is not None
    assert by_order.state == by_answer.state == "unknown"
    assert by_order.filled == parse_size("20")


def test_costs_add_up_to_the_venues_own_amount() -> None:
    """Rounding against us per fill gives way to the making amount of the answer."""
    put = order(leg(limit="0.56", size="10"), grid=((Price(10), Price(9_990), Price(10)),))
    row = trade(put, [("3.333333", "0.333", YES), ("3.333333", "0.334", YES)])
    alone = found(put, None, [row])
    said = found(put, None, [row], Said(parse_size("6.666666"), Money(2_223_332)))

    assert alone is not None
    assert said is not None
    assert (alone.cost, said.cost) == (2_223_334, 2_223_332)
    assert sum(f.cost for f in said.fills) == 2_223_332


def test_broken_trades_are_bad_answers() -> None:
    """A trade of ours that cannot be read is not skipped."""
    put = order()
    for change in ({"size": "x"}, {"maker_orders": [{"price": "0.5", "asset_id": YES}]}, {"id": ...}):
        row = {k: v for k, v in (trade(put, [("5", "0.5", YES)]) | change).items() if v is not ...}
        with pytest.raises(BadAnswer):
            found(put, None, [row])


@pytest.mark.parametrize("text", ["Infinity", "-Infinity", "NaN", "1.5", "-0.1", "1e400", "x"])
def test_prices_outside_a_dollar_are_bad_trades(text: str) -> None:
    """A price that is no price is never booked, and nothing but BadAnswer is raised."""
    put = order()
    with pytest.raises(BadAnswer):
        fills_of(
            trade(put, [("50", text, YES)]),
            order_id=put.venue_order_id or "",
            token=YES,
            buy=True,
            terms=FeeTerms(schedule="polymarket", taker=0),
        )
