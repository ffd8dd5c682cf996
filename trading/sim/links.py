"""A link: markets of both venues that ask the same, and how their common price moves. Read by flow.py and script.py only."""

from dataclasses import dataclass

__all__ = ["Link"]


@dataclass(frozen=True, slots=True)
class Link:
    """One Polymarket market and its Kalshi twins.

    tickers are (Kalshi ticker, Polymarket outcome index that equals its YES). group names the event: links of one group share a
    simplex (soccer's three outcomes add up to one). probability is the start value of outcome 0, volatility the standard
    deviation of its log odds per square root of a second. role is the part in the demo script, "" for none.
    """

    group: str
    tickers: tuple[tuple[str, int], ...]
    condition_id: str
    probability: float
    volatility: float
    role: str = ""
