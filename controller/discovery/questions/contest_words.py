"""Which words of a contest tell it from others: what the title adds to the question, and whether anything names a competition.

"The final", "Best Director" and "the most seats" are asked of many competitions, award bodies and countries, and two venues may
each mean their own. So a title's kind, body and state belong to the contest, and a contest of shared words alone is none.
"""

import re

from controller.discovery.questions.elections import STATES

__all__ = ["is_meeting", "names_competition", "respelled", "title_adds"]


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_MEETING = _set("vs versus against 1h 2h 1q 2q 3q 4q over under points goals runs")
_PARTS = _set(
    "game match set map fight bout half quarter period inning round leg series night first second third fourth fifth final "
    "1st 2nd 3rd 4th 5th next last tonight"
)
"""Parts of a competition: "game 4" or "the final" does not say of what, and a season has many."""
_GENERIC = _PARTS | _set(
    "championship championships champion finals cup league tournament playoffs playoff season mvp regular group conference "
    "division eastern western east west north south central pacific atlantic metropolitan player manager coach rookie year prize "
    "gold medal major open european national nations international continental asian african american most seats seat votes vote "
    "popular majority plurality general snap parliamentary parliament federal local presidency president presidential nomination "
    "primary runoff house senate governor mayor mayoral best outstanding supporting lead leading actor actress director picture "
    "film album song record artist role performance drama comedy musical motion television new screenplay score animated"
)
"""Words that many competitions share: without a league, an award body or a place they name none."""
_ONE_CUP = _set("world cup")
_BODIES = _set(
    "oscar globe bafta emmy grammy sag critics tony vma brit cannes venice berlin nobel pulitzer booker crunchyroll eurovision "
    "espy cma amas bet dga mtv razzie annie gotham spirit billboard iheart sundance"
)
_KINDS = _BODIES | _set(
    "women youth junior reserve academy amateur club wheelchair paralympic t20 odi beach futsal cricket rugby darts chess snooker "
    "volleyball handball hockey basketball baseball curling tennis golf esports lol legends cs2 counter valorant dota rocket "
    "overwatch apex pubg mlbb primary runoff special caucus semifinal semifinals quarterfinal quarterfinals televote jury"
)
"""Words of an event's title that make its questions another contest than the same words elsewhere."""
_SPELLINGS = (
    (re.compile(r"\b(?:womens|women|woman|ladies|female|girls)\b"), "women"),
    (re.compile(r"\b(?:under|u) ?(\d\d)s?\b"), r"u\1"),
    (re.compile(r"\b(junior|reserve|oscar|globe|emmy|grammy|tony|brit|bafta|vma)s\b"), r"\1"),
    (re.compile(r"\bacademy awards?\b"), "oscar"),
    (re.compile(r"\bworld cups\b"), "world cup"),
)
_AGE = re.compile(r"u\d\d")
_STATE = re.compile(rf"\b(?:{'|'.join(sorted(STATES, key=len, reverse=True))})\b")


def respelled(folded: str) -> str:
    """The words with one spelling for women, ages and award bodies."""
    for pattern, spelling in _SPELLINGS:
        folded = pattern.sub(spelling, folded)
    return folded


def title_adds(title: str, words: set[str], question: str, sport: str) -> set[str]:
    """Kinds, bodies and ages of the title (its league's words taken out), and a state that the question leaves out."""
    found = (words & _KINDS) | set(_AGE.findall(title))
    if sport:
        return found - ({"women"} if sport == "wnba" else set())
    return found | {f"({state})" for state in _STATE.findall(title) if not re.search(rf"\b{state}\b", question)}


def is_meeting(words: set[str]) -> bool:
    """Two who meet, or what they score: both happen again in the same year."""
    return bool(words & _MEETING)


def names_competition(words: set[str], sport: str) -> bool:
    """Something besides numbers and single letters tells which competition it is."""
    named = {word for word in words if not word.isdigit() and len(word) > 1}
    if sport:
        return not named <= _PARTS
    return named >= _ONE_CUP or not named <= _GENERIC | {"world"}
