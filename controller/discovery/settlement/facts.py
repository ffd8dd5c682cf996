"""What decides where no game does: the last day with its zone, the source, first print or revised. And who judges, which is never
the same: two venues, two judges.
"""

from collections.abc import Mapping

from controller.discovery.settlement.clauses import Clauses
from controller.discovery.settlement.finding import ANY, Finding, Range, Verdict, row, same
from trading.units import ONE, Money

__all__ = ["facts", "judges"]

_CERTIFIER = Money(2_000)
"""Per contract (execution.md 6 [J])."""
_HOURS = {"CET": 1, "UTC": 0, "ET": -5, "CT": -6, "PT": -8}
"""Ahead of UTC, in winter: enough to tell whose day ends first."""
_DAY_ENDS = 24 * 60
_WINS: Range = (ONE, ONE)
_LOSES: Range = (0, 0)
_HALF: Range = (ONE // 2, ONE // 2)


def facts(one: Clauses, two: Clauses) -> list[Finding]:
    """Deadline, source, print and first moment that counts."""
    return [_deadline(one, two), _source(one, two), *_print(one, two), *_issue(one, two)]


def _deadline(one: Clauses, two: Clauses) -> Finding:
    """Where one side's time ends earlier, what happens in between loses there and wins on the other side."""
    days = [f"{_last(side)}, {side.zone or 'zone not said'}" for side in (one, two)]
    words, point = (days[0], days[1]), "happens around the deadline"
    if one.deadline is None and two.deadline is None:
        return row(
            "happens near an end that no text states", ("does not say", "does not say"), (ANY, ANY), "unknown",
            how=(
                "it happens late, or a recount or correction comes late: {one} has settled against {yes} by then, and {two} still"
                " counts it for {same}",
                "it happens late, or a recount or correction comes late: {two} has settled against {same} by then, and {one} still"
                " counts it for {yes}",
            ),
        )  # fmt: skip
    if one.deadline is None or two.deadline is None:
        day = one.deadline or two.deadline
        late = f"it happens after {day}: too late %s, and %s, where no day is stated, still counts it for %s"
        early = f"it happens by {day}: in time %s, and %s, where no day is stated, had settled against %s before"
        first, second = ("for {yes} on {one}", "{two}", "{same}"), ("for {same} on {two}", "{one}", "{yes}")
        how = (late % first, early % first) if one.deadline else (early % second, late % second)
        return row(point, words, (ANY, ANY), "unknown", how=how)
    sooner = _sooner(one, two)
    if sooner is None:
        verdict: Verdict = "same" if days[0] == days[1] and one.zone else "unknown"
        if verdict == "same":
            return row(point, words, (_WINS, _WINS), verdict)
        near = f"it happens in the hours around the end of {one.deadline}: %s on {{one}}, %s on {{two}}, as each reads its zone"
        how = (near % ("too late", "in time"), near % ("in time", "too late"))
        return row(point, words, (ANY, ANY), verdict, how=how)
    between = f"it happens after the end of {days[0 if sooner else 1]}, and by the end of {days[1 if sooner else 0]}"
    if sooner:
        how = (f"{between}: too late on {{one}}, in time on {{two}}", "")
        return row(point, words, (_LOSES, _WINS), "conflict", how=how)
    return row(point, words, (_WINS, _LOSES), "conflict", how=("", f"{between}: in time on {{one}}, too late on {{two}}"))


def _sooner(one: Clauses, two: Clauses) -> bool | None:
    """Whether the first side's time ends earlier; None = not as far as the texts say."""
    if one.deadline and two.deadline and one.deadline != two.deadline:
        return one.deadline < two.deadline
    if one.zone is None or two.zone is None:
        return None
    first, second = (
        (_DAY_ENDS if side.ends is None else side.ends) - 60 * _HOURS[zone] for side, zone in ((one, one.zone), (two, two.zone))
    )
    return first < second if first != second else None


def _last(side: Clauses) -> str:
    if side.deadline is None:
        return "no day"
    return f"{side.deadline}" + (f" {side.ends // 60:02d}:{side.ends % 60:02d}" if side.ends is not None else "")


def _source(one: Clauses, two: Clauses) -> Finding:
    names = [" and ".join(side.sources) for side in (one, two)]
    words = (names[0] or "does not say", names[1] or "does not say")
    if names[0] and names[0] == names[1]:
        return same("source", names[0])
    who = [
        f"{name}, which {venue} goes by," if name else f"the report that {venue} goes by (its text names none)"
        for name, venue in zip(names, ("{one}", "{two}"), strict=True)
    ]
    how = f"{who[0]} says %s, and {who[1]} says %s"
    verdict: Verdict = "conflict" if all(names) else "unknown"
    return row("sources disagree", words, (ANY, ANY), verdict, how=(how % ("No", "Yes"), how % ("Yes", "No")))


def _print(one: Clauses, two: Clauses) -> list[Finding]:
    if one.revised is None and two.revised is None:
        return []
    names = {True: "revised figures count", False: "the first print counts", None: "does not say"}
    words = (names[one.revised], names[two.revised])
    if one.revised == two.revised:
        return [same("figures are revised", words[0])]
    verdict: Verdict = "unknown" if None in (one.revised, two.revised) else "conflict"
    how = (
        "the figure is revised across the line: {yes} %s by the print that {one} counts, {same} %s by the one that {two} counts"
    )
    turns = (how % ("loses", "wins"), how % ("wins", "loses"))
    return [row("figures are revised", words, (ANY, ANY), verdict, how=turns)]


def _issue(one: Clauses, two: Clauses) -> list[Finding]:
    if one.after_issue == two.after_issue:
        return []
    starts = {True: "counts only what follows its issuance", False: "does not say so"}
    words = (starts[one.after_issue], starts[two.after_issue])
    how = "it happened before the market was listed: that does not count on %s, and may count on %s"
    point = "happened before the market was listed"
    if one.after_issue:
        return [row(point, words, (_LOSES, ANY), "unknown", how=(how % ("{one}", "{two}"), ""))]
    return [row(point, words, (ANY, _LOSES), "unknown", how=("", how % ("{two}", "{one}")))]


_TURNS: Mapping[str, str] = {
    "game": "the game is abandoned midway, or its score is changed after a protest",
    "futures": "the season is broken off, or a title is shared, taken back or won under another name",
    "politics": "a candidate withdraws, dies or is replaced, or the vote is put off, contested or counted again",
    "economics": "the figure comes late, is corrected, or is not published at all",
    "crypto": "an exchange halts, prints a false price or changes its index",
    "weather": "the station fails or corrects its reading",
    "": "what was asked happens in part, late, or under another name",
}
"""Turns that judges read differently, by domain: somebody who reads a pair's page must see what is meant."""


def judges(venues: tuple[str, str], domain: str = "") -> list[Finding]:
    """The venues decide by different people, always: they may see it differently, and one may find that nobody can tell."""
    turns = _TURNS.get(domain, _TURNS[""])
    words = _words(venues, {"Kalshi": "Kalshi decides", "Polymarket": "UMA token holders decide, and anybody may dispute"})
    how = (
        f"the judges of {{one}} decide against {{yes}}, those of {{two}} for {{same}}, for example when {turns}",
        f"the judges of {{one}} decide for {{yes}}, those of {{two}} against {{same}}, for example when {turns}",
    )
    found = [row("the venues judge the result differently", words, (ANY, ANY), "priced", _CERTIFIER, how=how)]
    if "Polymarket" in venues:
        unclear = {"Kalshi": "decides all the same, or pays a price it finds", "Polymarket": "may resolve 50-50"}
        first, second = (_HALF if venue == "Polymarket" else ANY for venue in venues)
        words = _words(venues, unclear)
        how = (
            "nobody can tell the result for sure, and {yes} gets less on {one} than {same} on {two}",
            "nobody can tell the result for sure, and {yes} gets more on {one} than {same} on {two}",
        )
        found.append(row("the result cannot be told", words, (first, second), "priced", how=how))
    return found


def _words(venues: tuple[str, str], known: Mapping[str, str]) -> tuple[str, str]:
    return known.get(venues[0], venues[0]), known.get(venues[1], venues[1])
