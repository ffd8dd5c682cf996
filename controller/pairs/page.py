"""The page of a pair as text and as JSON, written for somebody who has never seen it: alone with it they can name the outcomes in
which each hedge fails, how that comes about and how many dollars a contract is then short.
"""

import textwrap
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import msgspec

from controller.discovery.settlement.finding import ANY, Finding, Range
from controller.pairs.sheet import Sheet, Side
from trading.units import DOLLAR, ONE

__all__ = ["Case", "Hedge", "hedges_of", "lines_of", "to_json"]

_WIDTH = 120
_HALF = 58
_RIGHT = 66
"""A condition id fits."""


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One outcome of one hedge. legs: what each of its two contracts pays at its worst (at its best, among the wins)."""

    point: str
    how: str
    legs: tuple[int, int]

    @property
    def pays(self) -> int:
        return sum(self.legs)


class Hedge(msgspec.Struct, frozen=True, kw_only=True):
    """buys: the outcome's name on each side. fails: less than a dollar; wins: more than one. Both in price units."""

    number: int
    buys: tuple[str, str]
    fails: tuple[Case, ...]
    wins: tuple[Case, ...]


_UNPROVEN = Finding(
    point="the two ask different things",
    first="",
    second="",
    verdict="unknown",
    pays=(ANY, ANY),
    less="nothing proves that both ask the same: {yes} loses on {one}, and {same} wins on {two}",
    more="nothing proves that both ask the same: {yes} wins on {one}, and {same} loses on {two}",
)


def hedges_of(sheet: Sheet) -> tuple[Hedge, Hedge]:
    """YES of the first side with NO of the second, and the other way round. What one loses the other wins."""
    one, two, found = sheet.first, sheet.second, sheet.settlement.findings
    worse, better = [], []
    if not sheet.polarity_proven:
        found = (_UNPROVEN, *found)
    for each in found:
        (low, high), (other_low, other_high) = each.pays
        if low < other_high and each.verdict != "same":
            legs = ((low, ONE - other_high), (ONE - low, other_high))
            worse.append((each, _how(each, each.less, sheet), legs))
        if high > other_low and each.verdict != "same":
            legs = ((ONE - high, other_low), (high, ONE - other_low))
            better.append((each, _how(each, each.more, sheet), legs))
    first_fails, second_wins = _cases(worse)
    second_fails, first_wins = _cases(better)
    return (
        Hedge(number=1, buys=(one.yes, two.no), fails=first_fails, wins=first_wins),
        Hedge(number=2, buys=(one.no, two.yes), fails=second_fails, wins=second_wins),
    )


def lines_of(sheet: Sheet) -> list[str]:
    """The page as text."""
    one, two, deal = sheet.first, sheet.second, sheet.settlement
    charge = f"{deal.charge * 100 / DOLLAR:.2f}c a contract, at most ${deal.cap // DOLLAR:,} on the pair"
    same = "the same there" if sheet.polarity_proven else "perhaps the same there, not proven"
    grade = charge if deal.grade != "C" else "watched; a person must read it first"
    out = [
        sheet.pair_id,
        sheet.description,
        f"state {sheet.state}" + (f" ({sheet.decision})" if sheet.decision else ""),
        f"terms {sheet.terms}, class {deal.grade}: {grade}",
        *([f"approval: {sheet.approval}"] if sheet.approval else []),
        *(f"doubt: {doubt}" for doubt in sheet.doubts),
        "",
        _columns(one.venue, two.venue),
        _columns(one.id, two.id),
        _columns(one.question, two.question),
        _columns(f"YES here: {_named(one.yes, one)}", f"{same}: {_named(two.yes, two)}"),
        _columns(f"NO here: {_named(one.no, one)}", f"{same}: {_named(two.no, two)}"),
        _columns(f"starts: {one.starts}", f"starts: {two.starts}"),
    ]
    if not sheet.polarity_proven:
        out += ["", "Which outcomes mean the same is not proven: if it is the other way round, both hedges below are bets."]
    for hedge in hedges_of(sheet):
        out += ["", *_hedge(hedge, sheet)]
    out += ["", "Both hedges together always pay $2.00, so what one loses the other wins.", "", "What each text says:"]
    for found in deal.findings:
        out.append(f"* {found.point} [{found.verdict}]")
        if found.verdict == "same":
            out.append(f"    both: {found.first}")
        else:
            out += [f"    {one.venue}: {found.first}", f"    {two.venue}: {found.second}"]
    for side in (one, two):
        out += ["", f"{side.venue} rules:", *(_wrapped(side.rules, "  ") if side.rules.strip() else ["  (none)"])]
    out.append(f"texts {deal.texts}")
    return out


def to_json(sheet: Sheet) -> dict[str, Any]:
    """The page for programs: dollars as exact decimals."""
    deal = sheet.settlement
    return {
        "schema": 1,
        "pair_id": sheet.pair_id,
        "description": sheet.description,
        "state": sheet.state,
        "terms": sheet.terms,
        "decision": sheet.decision,
        "approval": sheet.approval,
        "polarity_proven": sheet.polarity_proven,
        "class": deal.grade,
        "charge_dollars": f"{deal.charge / DOLLAR:.4f}",
        "cap_dollars": str(deal.cap // DOLLAR),
        "texts": deal.texts,
        "doubts": list(sheet.doubts),
        "kalshi": msgspec.to_builtins(sheet.first),
        "polymarket": msgspec.to_builtins(sheet.second),
        "hedges": [_hedge_json(hedge) for hedge in hedges_of(sheet)],
        "settlement": [
            {
                "point": one.point,
                "kalshi": one.first,
                "polymarket": one.second,
                "verdict": one.verdict,
                "least_yes_kalshi_no_polymarket": _dollars(one.yes_here),
                "least_no_kalshi_yes_polymarket": _dollars(one.no_here),
                "charge_dollars": f"{one.charge / DOLLAR:.4f}",
            }
            for one in deal.findings
        ],
    }


_Found = tuple[Finding, str, tuple[Range, Range]]


def _cases(found: Sequence[_Found]) -> tuple[tuple[Case, ...], tuple[Case, ...]]:
    """The same outcomes for the hedge that they harm and for the one that gains by them."""
    harmed = tuple(Case(point=one.point, how=how, legs=legs[0]) for one, how, legs in found)
    gains = tuple(Case(point=one.point, how=how, legs=legs[1]) for one, how, legs in found)
    return harmed, gains


def _how(found: Finding, template: str, sheet: Sheet) -> str:
    one, two = sheet.first, sheet.second
    if not template:
        return f"{one.venue} {found.first}, {two.venue} {found.second}"
    return template.format(one=one.venue, two=two.venue, yes=f"'{one.yes}'", same=f"'{two.yes}'")


def _hedge(hedge: Hedge, sheet: Sheet) -> list[str]:
    sides = (sheet.first, sheet.second)
    buys = [f"{_asked(name, side)} on {side.venue}" for name, side in zip(hedge.buys, sides, strict=True)]
    out = _wrapped(f"Hedge {hedge.number}: buy {buys[0]} and {buys[1]}.", "")
    out.append("  Pays $1.00 where both venues settle alike. Less, per contract of both, in these outcomes:")
    for number, case in enumerate(hedge.fails, 1):
        out.append(f"  {number}. {case.point}: " + ("BOTH LEGS LOSE" if case.pays == 0 else "PAYS TOO LITTLE"))
        out += _wrapped(f"{case.how[:1].upper()}{case.how[1:]}.", "       ")
        legs = [f"'{name}' pays ${_dollars(leg)}" for name, leg in zip(hedge.buys, case.legs, strict=True)]
        short = f"together ${_dollars(case.pays)}, ${_dollars(ONE - case.pays)} lost"
        out += _wrapped(f"At worst {legs[0]} on {sides[0].venue} and {legs[1]} on {sides[1].venue}: {short}.", "       ")
    if not hedge.fails:
        out.append("     none that is known")
    if hedge.wins:
        out.append("  More than $1.00:")
        for case in hedge.wins:
            best = "both legs win" if case.pays == 2 * ONE else f"up to ${_dollars(case.pays)}"
            out += _wrapped(f"{case.point}: {best}. {case.how[:1].upper()}{case.how[1:]}.", "     ", first="   - ")
    return out


def _hedge_json(hedge: Hedge) -> dict[str, Any]:
    def rows(cases: Sequence[Case]) -> list[dict[str, str]]:
        return [
            {
                "point": case.point,
                "how": case.how,
                "kalshi_leg_dollars": _dollars(case.legs[0]),
                "polymarket_leg_dollars": _dollars(case.legs[1]),
                "together_dollars": _dollars(case.pays),
            }
            for case in cases
        ]

    buys = {"kalshi": hedge.buys[0], "polymarket": hedge.buys[1]}
    return {"hedge": hedge.number, "buys": buys, "fails": rows(hedge.fails), "wins": rows(hedge.wins)}


def _named(name: str, side: Side) -> str:
    """An outcome in words: a bare Yes or No says nothing without its question."""
    if name not in ("Yes", "No"):
        return f"'{name}'"
    code = side.id.rpartition("-")[2]  # of a ticker: a title may name both teams
    return f"'{name}' to \"{side.question}\"" + (f" ({code})" if code.isalpha() and code != side.id else "")


def _asked(name: str, side: Side) -> str:
    named = _named(name, side)
    return named if side.question in named else f'{named} in "{side.question}"'


def _dollars(price: int) -> str:
    return f"{price / ONE:.2f}"


def _columns(left: str, right: str) -> str:
    """Two cells, wrapped and never cut: an id is copied from here, and a cut outcome could be taken for another."""
    cells = (textwrap.wrap(left, _HALF) or [""], textwrap.wrap(right, _RIGHT) or [""])
    return "\n".join(f"{one:<{_HALF}}  {two}".rstrip() for one, two in zip_longest(*cells, fillvalue=""))


def _wrapped(text: str, indent: str, *, first: str | None = None) -> list[str]:
    lead = indent if first is None else first
    return [
        line
        for part in text.splitlines()
        for line in textwrap.wrap(part, _WIDTH, initial_indent=lead, subsequent_indent=indent)
    ]
