"""Two settlement texts side by side: what agrees, what differs, and what each hedge then pays in dollars per contract.

Every point is an outcome of the world. For it each side's YES pays between low and high; the hedge YES here + NO there then pays
at least low(here) + 1 - high(there), and the other way round. A point is the same, priced (execution.md 6), unknown or a
conflict. Unknown is hazardous: it makes the pair class C, which is watched and not traded live.
"""

from typing import Literal

import msgspec

from controller.discovery.settlement.clauses import Clauses, Pays, read
from trading.market import hash_rules
from trading.units import DOLLAR, ONE, Money, Price

__all__ = ["CAPS", "Finding", "Grade", "Settlement", "Verdict", "settle"]

Verdict = Literal["same", "priced", "unknown", "conflict"]
Grade = Literal["A", "B", "C"]
CAPS: dict[Grade, Money] = {"A": Money(1_000 * DOLLAR), "B": Money(250 * DOLLAR), "C": Money(0)}
"""Dollars per pair (execution.md 6)."""

# Charges of execution.md section 6, Money per contract [J].
_CERTIFIER = Money(2_000)
_WINDOW = Money(2_000)
_WINDOW_MLB = Money(3_000)
_SOCCER_CANCELLED = Money(2_000)
_NOTHING = Money(0)

_Range = tuple[int, int]
_ANY: _Range = (0, ONE)
_RANGE: dict[Pays, _Range] = {"fair": _ANY, "half": (ONE // 2, ONE // 2), "yes": (ONE, ONE), "no": (0, 0), "own_market": (0, 0)}
_SAYS: dict[Pays, str] = {
    "fair": "a fair price the venue finds",
    "half": "$0.50 for either side",
    "yes": "Yes",
    "no": "No",
    "own_market": "No for both teams, Yes for the draw's own market",
    "draw_yes": "No for both teams, Yes for the draw",
}


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One outcome. yes_here: the least that YES of the first + NO of the second pays per contract; no_here: the reverse."""

    point: str
    first: str
    second: str
    verdict: Verdict
    yes_here: Price = Price(ONE)
    no_here: Price = Price(ONE)
    charge: Money = _NOTHING

    @property
    def shortfall(self) -> Price:
        """How far the worse hedge falls below a dollar."""
        return Price(max(0, ONE - min(self.yes_here, self.no_here)))


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

    draw: YES of the pair is the draw itself.
    """
    one, two = read(first), read(second)
    texts = hash_rules(first, second)
    troubled = (
        [
            Finding(
                point="a case that only the missing or unreadable text decides",
                first=_trouble(venues[0], one) if one.troubles else "is read",
                second=_trouble(venues[1], two) if two.troubles else "is read",
                verdict="conflict" if _contradicts(one) or _contradicts(two) else "unknown",
                yes_here=Price(0),
                no_here=Price(0),
            )
        ]
        if one.troubles or two.troubles
        else []
    )
    games = [*_late(one, two, league), _cancelled(one, two, sport, draw), *_ties(one, two, sport, draw)] if sport else []
    others = [] if sport else _facts(one, two)
    findings = (
        *troubled,
        *games,
        *_overtime(one, two),
        *_walkover(one, two, sport),
        *_lines(one, two),
        *others,
        _certifier(venues),
    )
    verdicts = {found.verdict for found in findings}
    grade: Grade = "C" if verdicts & {"unknown", "conflict"} else "B" if "priced" in verdicts else "A"
    return Settlement(findings=findings, grade=grade, charge=Money(sum(found.charge for found in findings)), texts=texts)


def _trouble(venue: str, clauses: Clauses) -> str:
    return f"the {venue} text {'; '.join(clauses.troubles)}"


def _contradicts(clauses: Clauses) -> bool:
    return any(not trouble.startswith("is missing") for trouble in clauses.troubles)


def _row(
    point: str, says: tuple[str, str], ranges: tuple[_Range, _Range], verdict: Verdict, charge: Money = _NOTHING
) -> Finding:
    (low, high), (other_low, other_high) = ranges
    return Finding(
        point=point,
        first=says[0],
        second=says[1],
        verdict=verdict,
        yes_here=Price(low + ONE - other_high),
        no_here=Price(ONE - high + other_low),
        charge=charge,
    )


def _same(point: str, says: str) -> Finding:
    return Finding(point=point, first=says, second=says, verdict="same")


def _range(pays: Pays | None, draw: bool) -> _Range:
    """What YES gets. The draw's own market is paid Yes where the teams are paid No."""
    if pays in ("own_market", "draw_yes"):
        return (ONE, ONE) if draw else (0, 0)
    return _RANGE[pays] if pays is not None else _ANY


def _says(pays: Pays | None) -> str:
    return f"pays {_SAYS[pays]}" if pays is not None else "does not say"


def _late(one: Clauses, two: Clauses, league: str) -> list[Finding]:
    """Postponed beyond a window: one side is paid out while the other still plays (matching.md 4)."""
    waits = [
        f"waits {sides.window_h} hours, then {_says(sides.postponed)}"
        if sides.window_h is not None
        else ("stays open until it is played" if sides.waits else "does not say how long it waits")
        for sides in (one, two)
    ]
    alike = (one.window_h, one.waits, one.postponed) == (two.window_h, two.waits, two.postponed)
    if alike and (one.waits or (one.window_h is not None and one.postponed not in (None, "fair"))):
        return [_same("postponed for long", waits[0])]
    charge = _WINDOW_MLB if league == "mlb" else _WINDOW
    shortest = min((sides.window_h for sides in (one, two) if sides.window_h is not None), default=None)
    known = any(sides.window_h is not None or sides.waits for sides in (one, two))
    point = f"postponed beyond {shortest} hours" if shortest is not None else "postponed for long"
    return [_row(point, (waits[0], waits[1]), (_ANY, _ANY), "priced" if known else "unknown", charge)]


def _cancelled(one: Clauses, two: Clauses, sport: str, draw: bool) -> Finding:
    """Called off for good. A venue that pays out what was not begun in time pays the same when it is never begun."""
    pays = [sides.cancelled or sides.postponed for sides in (one, two)]
    says = (_says(pays[0]), _says(pays[1]))
    ranges = (_range(pays[0], draw), _range(pays[1], draw))
    if None in pays:
        return _row("cancelled", says, ranges, "unknown", _SOCCER_CANCELLED if sport == "soccer" else _NOTHING)
    if ranges[0] == ranges[1] != _ANY:
        return _row("cancelled", says, ranges, "same")
    return _row("cancelled", says, ranges, "priced", _SOCCER_CANCELLED if sport == "soccer" else _NOTHING)


def _ties(one: Clauses, two: Clauses, sport: str, draw: bool) -> list[Finding]:
    """A tie, where a text speaks of one; a soccer draw is an outcome of its own and is compared as such."""
    if one.tie is None and two.tie is None:
        return []
    pays: list[Pays | None] = [one.tie, two.tie]
    if sport == "soccer":
        return [_same("draw", "is an outcome of its own: the teams' markets pay No")]
    says = (_says(pays[0]), _says(pays[1]))
    if None in pays:
        if one.cancelled == "half" or two.cancelled == "half" or "half" in pays:
            # NFL: one text names the tie's $0.50; the venue that leaves it out pays 50-50 (execution.md 6: priced at nothing).
            return [_row("tie", says, (_range(pays[0], draw), _range(pays[1], draw)), "priced")]
        return [_row("tie", says, (_range(pays[0], draw), _range(pays[1], draw)), "unknown")]
    ranges = (_range(pays[0], draw), _range(pays[1], draw))
    alike = ranges[0] == ranges[1] != _ANY
    return [_row("tie", says, ranges, "same" if alike else "conflict")]


def _overtime(one: Clauses, two: Clauses) -> list[Finding]:
    says = {True: "overtime counts", False: "regulation time only", None: "does not say"}
    found = []
    if one.half != two.half:
        halves = {True: "the first half only", False: "the whole event"}
        found.append(_row("period", (halves[one.half], halves[two.half]), (_ANY, _ANY), "conflict"))
    if one.overtime is not None and one.overtime == two.overtime:
        found.append(_same("overtime", says[one.overtime]))
    elif one.overtime is False or two.overtime is False:
        verdict: Verdict = "unknown" if None in (one.overtime, two.overtime) else "conflict"
        found.append(_row("overtime", (says[one.overtime], says[two.overtime]), (_ANY, _ANY), verdict))
    return found


def _walkover(one: Clauses, two: Clauses, sport: str) -> list[Finding]:
    """Walkover and retirement decide a share of all tennis matches and fights; rules that differ or are silent block."""
    if sport not in ("tennis", "mma", "boxing") and one.walkover is None and two.walkover is None:
        return []
    pays = (one.walkover, two.walkover)
    ranges = (_range(one.walkover, False), _range(two.walkover, False))
    says = (_says(one.walkover), _says(two.walkover))
    if one.walkover == two.walkover is not None and ranges[0] != _ANY:
        return [_row("walkover or retirement", says, ranges, "same")]
    return [_row("walkover or retirement", says, ranges, "unknown" if None in pays else "conflict")]


def _lines(one: Clauses, two: Clauses) -> list[Finding]:
    """Thresholds: "at least" and "above" part at the number itself."""
    if one.line is None or two.line is None:
        return []
    says = (f"{one.operator} {one.line}", f"{two.operator} {two.line}")
    if says[0] == says[1]:
        return [_same("threshold", says[0])]
    return [_row(f"exactly at {one.line} or {two.line}", says, (_ANY, _ANY), "conflict")]


def _facts(one: Clauses, two: Clauses) -> list[Finding]:
    """What decides where no game does: the last day with its zone, the source, first print or revised."""
    found = []
    if one.deadline or two.deadline:
        days = [f"{side.deadline or 'no day'}, {side.zone or 'zone not said'}" for side in (one, two)]
        if one.deadline and two.deadline and one.deadline != two.deadline:
            verdict: Verdict = "conflict"
        elif one.zone and two.zone and one.zone != two.zone:
            verdict = "conflict"
        else:
            verdict = "same" if days[0] == days[1] and one.zone else "unknown"
        ranges = (_ANY, _ANY) if verdict != "same" else ((ONE, ONE), (ONE, ONE))
        found.append(_row("happens around the deadline", (days[0], days[1]), ranges, verdict))
    else:
        found.append(_row("happens near an end that no text states", ("does not say", "does not say"), (_ANY, _ANY), "unknown"))
    sources = [", ".join(side.sources) or "does not say" for side in (one, two)]
    if one.sources and two.sources:
        alike = one.sources == two.sources
        found.append(
            _same("source", sources[0])
            if alike
            else _row("sources disagree", (sources[0], sources[1]), (_ANY, _ANY), "conflict")
        )
    else:
        found.append(_row("sources disagree", (sources[0], sources[1]), (_ANY, _ANY), "unknown"))
    if one.revised is not None or two.revised is not None:
        names = {True: "revised figures count", False: "the first print counts", None: "does not say"}
        prints = (names[one.revised], names[two.revised])
        if one.revised == two.revised:
            found.append(_same("figures are revised", prints[0]))
        else:
            verdict = "unknown" if None in (one.revised, two.revised) else "conflict"
            found.append(_row("figures are revised", prints, (_ANY, _ANY), verdict))
    if one.after_issue != two.after_issue:
        starts = {True: "counts only what follows its issuance", False: "does not say so"}
        said = (starts[one.after_issue], starts[two.after_issue])
        found.append(_row("happened before the market was listed", said, (_ANY, _ANY), "unknown"))
    return found


def _certifier(venues: tuple[str, str]) -> Finding:
    """The venues decide by different people, always."""
    deciders = {"Kalshi": "Kalshi decides", "Polymarket": "UMA token holders decide, and anybody may dispute"}
    says = (deciders.get(venues[0], venues[0]), deciders.get(venues[1], venues[1]))
    return _row("the venues judge the result differently", says, (_ANY, _ANY), "priced", _CERTIFIER)
