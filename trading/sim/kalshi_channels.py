"""The channels of the simulated Kalshi's stream and the numbers of its errors (kalshi.md 9.3, 9.4).

Channels that carry nothing a market maker of events needs (RFQs, indices) can be joined and stay silent, as they do for an
account without RFQs; their own parameters are checked all the same.
"""

from collections.abc import Mapping
from typing import Any

__all__ = ["CHANNELS", "ERRORS", "FILTERED", "INDEX_CHANNELS", "SEQUENCED", "Refused", "check_shard_params"]

SEQUENCED = frozenset(
    {
        *("orderbook_delta", "trade", "market_lifecycle_v2", "multivariate_market_lifecycle", "order_group_updates"),
        *("communications", "cfbenchmarks_value", "cfbenchmarks_value_5hz", "pyth_value"),
    }
)
CHANNELS = SEQUENCED | {"ticker", "fill", "user_orders", "market_positions"}
FILTERED = frozenset({"orderbook_delta", "ticker", "trade", "fill", "user_orders", "market_positions"})
"""Channels that take market tickers."""

INDEX_CHANNELS: Mapping[str, tuple[str, str, int, str]] = {
    "cfbenchmarks_value": ("indices", "index_ids", 24, "cfbenchmarks_value_indexlist"),
    "cfbenchmarks_value_5hz": ("indices", "index_ids", 24, "cfbenchmarks_value_5hz_indexlist"),
    "pyth_value": ("underlyings", "underlying_tickers", 28, "pyth_value_underlying_list"),
}
"""Channel -> (noun of its actions, its parameter, the error without it, the type of its list frame)."""

ERRORS: Mapping[int, str] = {
    1: "Unable to process message",
    2: "Params required",
    3: "Channels required",
    4: "Subscription IDs required",
    5: "Unknown command",
    7: "Unknown subscription ID",
    8: "Unknown channel name",
    9: "Authentication required",
    10: "Channel error",
    11: "Invalid parameter",
    12: "Exactly one subscription ID is required",
    13: "Unsupported action",
    14: "Market Ticker required",
    15: "Action required",
    18: "Command timeout",
    19: "shard_factor must be > 0",
    20: "shard_factor is required when shard_key is set",
    21: "shard_key must be >= 0 and < shard_factor",
    22: "shard_factor must be <= 100",
    23: "Match IDs required",
    24: "Index IDs required",
    25: "Subscription buffer overflow",
    26: "Subscription market limit exceeded",
    27: "Too many requests",
    28: "Underlying tickers required",
}
"""6, 16 and 17 are retired."""


class Refused(Exception):
    """A command is answered with an error frame; sid scopes it to a subscription, 0 = to none."""

    def __init__(self, code: int, *, tickers: list[str] | None = None, sid: int = 0) -> None:
        super().__init__(code)
        self.code = code
        self.tickers = tickers
        self.sid = sid


def check_shard_params(params: Mapping[str, Any]) -> None:
    """shard_factor and shard_key of the communications channel. Raises Refused 19 to 22."""
    factor, key = params.get("shard_factor"), params.get("shard_key")
    if factor is None:
        if key is not None:
            raise Refused(20)
        return
    if isinstance(factor, bool) or not isinstance(factor, int) or factor <= 0:
        raise Refused(19)
    if factor > 100:
        raise Refused(22)
    if key is not None and (isinstance(key, bool) or not isinstance(key, int) or not 0 <= key < factor):
        raise Refused(21)
