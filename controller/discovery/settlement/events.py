"""What becomes of both sides when a game is put off, called off, tied, prolonged or given up, and where their lines differ."""

from decimal import Decimal

from controller.discovery.settlement.clauses import Clauses, Pays
from controller.discovery.settlement.finding import ANY, NOTHING, Finding, Range, Verdict, range_of, row, same, says
from trading.units import ONE, Money

__all__ = ["cancelled", "late", "lines", "overtime", "ties", "walkover"]

# Charges of execution.md section 6, Money per contract [J].
_WINDOW = Money(2_000)
_WINDOW_MLB = Money(3_000)
_SOCCER_CANCELLED = Money(2_000)

_EACH_PAYS = (
    "it is put off, and each venue pays out at its own time and price: {one} gives less for {yes} than {two} for {same}",
    "it is put off, and each venue pays out at its own time and price: {one} gives more for {yes} than {two} for {same}",
)
_FIRST_PAYS = (
    "{one} pays {yes} little before the game is played, and then {same} wins on {two}",
    "{one} pays {yes} much before the game is played, and then {same} loses on {two}",
)
_SECOND_PAYS = (
    "{two} pays {same} much before the game is played, and then {yes} loses on {one}",
    "{two} pays {same} little before the game is played, and then {yes} wins on {one}",
)


def late(one: Clauses, two: Clauses, league: str, draw: bool) -> list[Finding]:
    """Postponed beyond a window: one side is paid out while the other still plays (matching.md 4)."""
    waits = [
        f"waits {side.window_h} hours, then {says(side.postponed)}"
        if side.window_h is not None
        else ("stays open until it is played" if side.waits else "does not say how long it waits")
        for side in (one, two)
    ]
    alike = (one.window_h, one.waits, one.postponed) == (two.window_h, two.waits, two.postponed)
    if alike and (one.waits or (one.window_h is not None and one.postponed not in (None, "fair"))):
        return [same("postponed for long", waits[0])]
    charge = _WINDOW_MLB if league == "mlb" else _WINDOW
    shortest = min((side.window_h for side in (one, two) if side.window_h is not None), default=None)
    known = any(side.window_h is not None or side.waits for side in (one, two))
    point = f"postponed beyond {shortest} hours" if shortest is not None else "postponed for long"
    # Who pays out while the other still waits: the shorter window, or a silent text beside one that waits.
    out = [side.window_h == shortest if shortest is not None else not side.waits for side in (one, two)]
    how = _FIRST_PAYS if out == [True, False] else _SECOND_PAYS if out == [False, True] else _EACH_PAYS
    pays = [range_of(side.postponed, draw) if paid_out else ANY for side, paid_out in zip((one, two), out, strict=True)]
    return [row(point, (waits[0], waits[1]), (pays[0], pays[1]), "priced" if known else "unknown", charge, how=how)]


def cancelled(one: Clauses, two: Clauses, sport: str, draw: bool) -> Finding:
    """Called off for good. A venue that pays out what was not begun in time pays the same when it is never begun."""
    first, second = (side.cancelled or side.postponed for side in (one, two))
    pays = (range_of(first, draw), range_of(second, draw))
    charge = _SOCCER_CANCELLED if sport == "soccer" else NOTHING
    verdict: Verdict = "unknown" if first is None or second is None else "same" if pays[0] == pays[1] != ANY else "priced"
    words, how = (says(first), says(second)), _paid("it is called off for good", first, second)
    return row("cancelled", words, pays, verdict, NOTHING if verdict == "same" else charge, how=how)


def ties(one: Clauses, two: Clauses, sport: str, draw: bool) -> list[Finding]:
    """A tie, where a text speaks of one; a soccer draw is an outcome of its own and is compared as such."""
    if one.tie is None and two.tie is None:
        return []
    if sport == "soccer":
        return [same("draw", "is an outcome of its own: the teams' markets pay No")]
    words, how = (says(one.tie), says(two.tie)), _paid("it ends in a tie", one.tie, two.tie)
    pays = (range_of(one.tie, draw), range_of(two.tie, draw))
    if one.tie is None or two.tie is None:
        # NFL: one text names the tie's $0.50; the venue that leaves it out pays 50-50 (execution.md 6: priced at nothing).
        halves = "half" in (one.tie, two.tie, one.cancelled, two.cancelled)
        return [row("tie", words, pays, "priced" if halves else "unknown", how=how)]
    return [row("tie", words, pays, "same" if pays[0] == pays[1] != ANY else "conflict", how=how)]


def _paid(what: str, first: Pays | None, second: Pays | None) -> tuple[str, str]:
    one, two = (says(pays) + ("" if pays else " what it pays") for pays in (first, second))
    told = f"{what}: {{one}} {one}, {{two}} {two}"
    return told, told


def overtime(one: Clauses, two: Clauses) -> list[Finding]:
    """Which part of the event counts."""
    found = []
    if one.half != two.half:
        halves = {True: "the first half only", False: "the whole event"}
        found.append(row("period", (halves[one.half], halves[two.half]), (ANY, ANY), "conflict", how=_turned("the rest")))
    words = {True: "overtime counts", False: "regulation time only", None: "does not say"}
    if one.overtime is not None and one.overtime == two.overtime:
        found.append(same("overtime", words[one.overtime]))
    elif one.overtime is False or two.overtime is False:
        verdict: Verdict = "unknown" if None in (one.overtime, two.overtime) else "conflict"
        counts = (words[one.overtime], words[two.overtime])
        found.append(row("overtime", counts, (ANY, ANY), verdict, how=_turned("overtime")))
    return found


def _turned(part: str) -> tuple[str, str]:
    turn = f"{part} changes the result: {{yes}} %s by what {{one}} counts, {{same}} %s by what {{two}} counts"
    return turn % ("loses", "wins"), turn % ("wins", "loses")


def walkover(one: Clauses, two: Clauses, sport: str) -> list[Finding]:
    """Walkover and retirement decide a share of all tennis matches and fights; rules that differ or are silent block."""
    if sport not in ("tennis", "mma", "boxing") and one.walkover is None and two.walkover is None:
        return []
    first, second = one.walkover, two.walkover
    pays = (range_of(first, False), range_of(second, False))
    words = (says(first), says(second))
    if first == second is not None and pays[0] != ANY:
        return [row("walkover or retirement", words, pays, "same")]
    how = _paid("a side withdraws, retires or is disqualified", first, second)
    return [row("walkover or retirement", words, pays, "unknown" if None in (first, second) else "conflict", how=how)]


def lines(one: Clauses, two: Clauses) -> list[Finding]:
    """Thresholds: "at least" and "above" part at the number itself, and the side that asks for more is the one that loses."""
    if one.line is None or two.line is None:
        return []
    words = (f"{one.operator} {one.line}", f"{two.operator} {two.line}")
    if words[0] == words[1]:
        return [same("threshold", words[0])]
    more = _asks(one) > _asks(two)
    met, missed = (words[1], words[0]) if more else words
    venues = ("{two}", "{one}") if more else ("{one}", "{two}")
    how = f"the figure is {met}, which wins on {venues[0]}, and not {missed}, which {venues[1]} asks"
    wins, loses = (ONE, ONE), (0, 0)
    pays: tuple[Range, Range] = (loses, wins) if more else (wins, loses)
    point = f"exactly at {one.line} or {two.line}"
    return [row(point, words, pays, "conflict", how=(how, "") if more else ("", how))]


def _asks(side: Clauses) -> tuple[Decimal, bool]:
    return Decimal(side.line or 0), side.operator == ">"
