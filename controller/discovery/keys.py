"""The keys under which both venues' rows meet: the types of game.py and one reader per venue.

Structured fields first, text only as confirmation, and no key at all when a field is missing (matching.md sections 1 and 2).
"""

from controller.discovery.game import TOLERANCE_NS, Abstain, GameKey, Keyed, Row
from controller.discovery.kalshi_keys import kalshi_key
from controller.discovery.polymarket_keys import polymarket_key

__all__ = ["TOLERANCE_NS", "Abstain", "GameKey", "Keyed", "Row", "kalshi_key", "polymarket_key"]
