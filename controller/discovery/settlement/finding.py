"""One point at which two settlement texts meet: what each side says, and what each hedge then pays per contract.

YES of either side pays between a least and a most; NO gets the rest of a dollar. So the hedge YES here + NO there pays at least
low(here) + 1 - high(there), the other one the reverse, and both together always pay two dollars: what one loses the other wins.
"""

from typing import Literal

import msgspec

from controller.discovery.settlement.clauses import Pays
from trading.units import ONE, Money, Price

__all__ = ["ANY", "NOTHING", "Finding", "Range", "Verdict", "range_of", "row", "same", "says"]

Verdict = Literal["same", "priced", "unknown", "conflict"]
Range = tuple[int, int]
ANY: Range = (0, ONE)
NOTHING = Money(0)
_RANGE: dict[Pays, Range] = {"fair": ANY, "half": (ONE // 2, ONE // 2), "yes": (ONE, ONE), "no": (0, 0), "own_market": (0, 0)}
_SAYS: dict[Pays, str] = {
    "fair": "a fair price the venue finds",
    "half": "$0.50 for either side",
    "yes": "Yes",
    "no": "No",
    "own_market": "No for both teams, Yes for the draw's own market",
    "draw_yes": "No for both teams, Yes for the draw",
}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One outcome of the world. pays: the least and the most that YES of the first and of the second side gets in it.

    less and more: what happens where YES gets less on the first side than on the second, and where it gets more, with {one}
    and {two} for the venues and {yes} and {same} for their YES; "" = the payouts alone tell it.
    """

    point: str
    first: str
    second: str
    verdict: Verdict
    pays: tuple[Range, Range] = ((ONE, ONE), (ONE, ONE))
    charge: Money = NOTHING
    less: str = ""
    more: str = ""

    @property
    def yes_here(self) -> Price:
        """The least that YES of the first + NO of the second pays per contract."""
        (low, _), (_, high) = self.pays
        return Price(low + ONE - high)

    @property
    def no_here(self) -> Price:
        """The least that NO of the first + YES of the second pays per contract."""
        (_, high), (low, _) = self.pays
        return Price(ONE - high + low)

    @property
    def shortfall(self) -> Price:
        """How far the worse hedge falls below a dollar."""
        return Price(max(0, ONE - min(self.yes_here, self.no_here)))


def row(
    point: str,
    words: tuple[str, str],
    pays: tuple[Range, Range],
    verdict: Verdict,
    charge: Money = NOTHING,
    *,
    how: tuple[str, str] = ("", ""),
) -> Finding:
    """A point on which the sides may part; how = (less, more)."""
    less, more = how
    return Finding(
        point=point, first=words[0], second=words[1], verdict=verdict, pays=pays, charge=charge, less=less, more=more
    )


def same(point: str, words: str) -> Finding:
    """A point on which both sides agree."""
    return Finding(point=point, first=words, second=words, verdict="same")


def range_of(pays: Pays | None, draw: bool) -> Range:
    """What YES gets. The draw's own market is paid Yes where the teams are paid No."""
    if pays in ("own_market", "draw_yes"):
        return (ONE, ONE) if draw else (0, 0)
    return _RANGE[pays] if pays is not None else ANY


def says(pays: Pays | None) -> str:
    """A clause in words."""
    return f"pays {_SAYS[pays]}" if pays is not None else "does not say"
