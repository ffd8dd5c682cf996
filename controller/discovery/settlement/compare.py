"""Two settlement texts side by side: what agrees, what differs, and what each hedge then pays in dollars per contract.

Every point is an outcome of the world and the same, priced (execution.md 6), unknown or a conflict. Unknown is hazardous: it
makes the pair class C, which is watched and not traded live.
"""

from typing import Literal

import msgspec

from controller.discovery.settlement.clauses import Clauses, read
from controller.discovery.settlement.events import cancelled, late, lines, overtime, ties, walkover
from controller.discovery.settlement.facts import facts, judges
from controller.discovery.settlement.finding import ANY, Finding, Verdict, row
from trading.market import hash_rules
from trading.units import DOLLAR, Money

__all__ = ["CAPS", "Finding", "Grade", "Settlement", "Verdict", "settle"]

Grade = Literal["A", "B", "C"]
CAPS: dict[Grade, Money] = {"A": Money(1_000 * DOLLAR), "B": Money(250 * DOLLAR), "C": Money(0)}
"""Dollars per pair (execution.md 6)."""


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """The comparison of a pair. texts is the hash of both; a different one later sends the pair back to review."""

    findings: tuple[Finding, ...]
    grade: Grade
    charge: Money
    texts: str

    @property
    def cap(self) -> Money:
        return CAPS[self.grade]

    @property
    def conflicts(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.verdict == "conflict")

    @property
    def unknown(self) -> tuple[Finding, ...]:
        return tuple(one for one in self.findings if one.verdict == "unknown")


def settle(
    first: str,
    second: str,
    *,
    sport: str = "",
    league: str = "",
    draw: bool = False,
    venues: tuple[str, str] = ("Kalshi", "Polymarket"),
) -> Settlement:
    """Compare two full rule texts ("" = none). sport "" means no game: dates, sources and prints must agree then.

    league: of a game its league, else the domain of the question. draw: YES of the pair is the draw itself.
    """
    one, two = read(first), read(second)
    games = [*late(one, two, league, draw), cancelled(one, two, sport, draw), *ties(one, two, sport, draw)] if sport else []
    findings = (
        *games,
        *overtime(one, two),
        *walkover(one, two, sport),
        *lines(one, two),
        *([] if sport else facts(one, two)),
        *_troubled(one, two, venues),
        *judges(venues, "game" if sport else league),
    )
    verdicts = {found.verdict for found in findings}
    grade: Grade = "C" if verdicts & {"unknown", "conflict"} else "B" if "priced" in verdicts else "A"
    charge = Money(sum(found.charge for found in findings))
    return Settlement(findings=findings, grade=grade, charge=charge, texts=hash_rules(first, second))


def _troubled(one: Clauses, two: Clauses, venues: tuple[str, str]) -> list[Finding]:
    """A text that is missing or not to be relied on decides cases nobody here knows."""
    if not one.troubles and not two.troubles:
        return []
    words = [
        f"the {venue} text {'; '.join(side.troubles)}" if side.troubles else "is read"
        for venue, side in zip(venues, (one, two), strict=True)
    ]
    missing = all(trouble.startswith("is missing") for trouble in (*one.troubles, *two.troubles))
    unread = "a case arises that only a text not shown here decides, and it goes"
    how = (
        f"{unread} against {{yes}} on {{one}}, for {{same}} on {{two}}",
        f"{unread} for {{yes}} on {{one}}, against {{same}} on {{two}}",
    )
    point = "a case that only the missing or unreadable text decides"
    return [row(point, (words[0], words[1]), (ANY, ANY), "unknown" if missing else "conflict", how=how)]
