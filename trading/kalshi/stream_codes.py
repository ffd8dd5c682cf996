"""Every error code of the stream, and what follows from it (kalshi.md 9.4).

ours         our command was wrong: said in the log, never repeated as it is
narrow       one of the named markets is not known: ask for the others in halves
later        the venue had no time: ask again when its interval is over
spread       the subscription holds no more markets: the rest moves to another socket
resubscribe  the subscription is over: its data is lost, subscribe again
halt         the key is refused: dialling again helps nobody until it is mended
redial       anything the page does not list: only a new socket is known to be whole
"""

from typing import Literal

__all__ = ["CODES", "Remedy", "remedy"]

Remedy = Literal["ours", "narrow", "later", "spread", "resubscribe", "halt", "redial"]

CODES: dict[int, Remedy] = {
    1: "ours",
    2: "ours",
    3: "ours",
    4: "ours",
    5: "ours",
    7: "resubscribe",
    8: "ours",
    9: "halt",
    10: "resubscribe",
    11: "narrow",
    12: "ours",
    13: "ours",
    14: "narrow",
    15: "ours",
    18: "later",
    19: "ours",
    20: "ours",
    21: "ours",
    22: "ours",
    23: "ours",
    24: "ours",
    25: "resubscribe",
    26: "spread",
    27: "later",
    28: "ours",
}
"""6, 16 and 17 are retired."""


def remedy(code: int) -> Remedy:
    return CODES.get(code, "redial")
