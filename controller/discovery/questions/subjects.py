"""Whom a question is about: placeholders, and whether a market's own label means the same outcome as its question.

Kalshi puts the outcome in yes_sub_title and Polymarket in groupItemTitle, beside a question that names it too. A label of
someone else, of nobody or of the opposite makes the row contradict itself, and such a row is not read (B-099, matching.md 3.4).
"""

import re

from controller.discovery.names import League, Names, fold

__all__ = ["PARTIES", "contradicts", "placeholder"]

PARTIES = {
    **dict.fromkeys(("democratic", "democrat", "democrats", "democratics", "democratic party"), "democratic"),
    **dict.fromkeys(("republican", "republicans", "republican party"), "republican"),
}
_PLACEHOLDER = re.compile(
    r"(?:another|any|anyone|anybody|other|others|no|none|nobody|neither|someone|somebody|whoever|both|either)\b.*"
    r"|.*\b(?:else|not listed|unlisted)"
    r"|(?:player|person|candidate|chef|team|driver|club|option|party|country|artist|individual|contestant|actor|company|manager"
    r"|coach|show|song|album|film|movie|book|golfer|fighter|rider|horse|nominee|politician|school|leader)"
    r" [a-z0-9]{1,3}|[a-z0-9]{1,2}|field",
    re.I,
)
_LETTERED = re.compile(r"\W*[A-Z][a-z]+ (?:[A-Z]|\d{1,2})\W*")
"""Manager C, "Show J", Player 9: a noun and a letter or number that stand for a name to come."""
_NEGATION = re.compile(r"\b(?:not|no|nobody|none|never|neither|without)\b", re.I)
_JUNIOR = frozenset({"jr", "sr", "ii", "iii"})
_YES = frozenset({"", "yes"})


def placeholder(who: str) -> bool:
    """Its meaning changes when it is named, or it names several: never a claim."""
    stands_in = _LETTERED.fullmatch(who) is not None or _PLACEHOLDER.fullmatch(fold(who)) is not None
    return stands_in or " or " in who.lower()


def contradicts(label: object, who: str, league: League | None, names: Names) -> bool:
    """A label that cannot mean who: a negation, a placeholder, another party or team, or a name that shares no word with it."""
    stated, asked = fold(label) if isinstance(label, str) else "", fold(who)
    if stated in _YES or stated == asked:
        return False
    if _NEGATION.search(stated):
        return True
    parties = PARTIES.get(stated), PARTIES.get(asked)
    if None not in parties:
        return parties[0] != parties[1]
    if league is not None:
        teams = names.known(league, stated), names.known(league, asked)
        if None not in teams:
            return teams[0] != teams[1]
    if placeholder(str(label)):
        return True
    words, others = frozenset(stated.split()), frozenset(asked.split())
    return not words & others or words & _JUNIOR != others & _JUNIOR
