"""Claims about a party's nominee for President and about who wins a state's office or a House seat.

A general election is in November: a question of another month, of a runoff or of a special election is about another vote for the
same seat, and the words alone would not tell (matching.md section 2, stage).
"""

import re
from datetime import date

from controller.discovery.names import fold
from controller.discovery.questions.claim import Claim, Unread
from controller.discovery.questions.subjects import PARTIES, placeholder

__all__ = ["STATES", "election_claim"]

_NOMINEE = re.compile(
    r"Will (?P<who>.+?) (?:be|win) the (?:(?P<y1>20\d\d) )?(?:(?P<party>Democratic|Republican) Presidential (?:nominee|nomination)"
    r"|nominee for the Presidency for the (?P<of>Democratic|Republican) party)(?: in (?P<y2>20\d\d))?\??",
    re.I,
)
_HOUSE = re.compile(
    r"Will (?:the )?(?P<who>.+?) win the (?:House race for (?P<d1>[A-Z]{2}-(?:\d+|AL))"
    r"|(?P<d2>[A-Z]{2}-(?:\d+|AL)) House seat)\??"
)
_OFFICE = re.compile(
    r"Will (?:the )?(?P<who>.+?) win the (?:(?P<o1>governorship|Senate race) in (?P<s1>[A-Za-z ]+?)"
    r"|(?P<s2>[A-Za-z ]+?) (?P<o2>governor|Senate) race)(?: in (?P<year>20\d\d))?\??",
    re.I,
)
_DISTRICT = re.compile(r"\b([A-Z]{2})-(\d+|AL)\b")
_OTHER_STAGE = re.compile(r"\b(?:primary|special|runoff|run off|recall|first round|caucus|convention)\b")
_GENERAL_MONTHS = (11, 12)
_YEAR = re.compile(r"\b20\d\d\b")
STATES = {
    "alabama": "AL", "alaska": "AK", "arizona": "AZ", "arkansas": "AR", "california": "CA", "colorado": "CO",
    "connecticut": "CT", "delaware": "DE", "florida": "FL", "georgia": "GA", "hawaii": "HI", "idaho": "ID", "illinois": "IL",
    "indiana": "IN", "iowa": "IA", "kansas": "KS", "kentucky": "KY", "louisiana": "LA", "maine": "ME", "maryland": "MD",
    "massachusetts": "MA", "michigan": "MI", "minnesota": "MN", "mississippi": "MS", "missouri": "MO", "montana": "MT",
    "nebraska": "NE", "nevada": "NV", "new hampshire": "NH", "new jersey": "NJ", "new mexico": "NM", "new york": "NY",
    "north carolina": "NC", "north dakota": "ND", "ohio": "OH", "oklahoma": "OK", "oregon": "OR", "pennsylvania": "PA",
    "rhode island": "RI", "south carolina": "SC", "south dakota": "SD", "tennessee": "TN", "texas": "TX", "utah": "UT",
    "vermont": "VT", "virginia": "VA", "washington": "WA", "west virginia": "WV", "wisconsin": "WI", "wyoming": "WY",
}  # fmt: skip


def election_claim(question: str, title: str, dated: int | None, ends: date | None) -> tuple[str, Claim] | Unread | None:
    """Who is asked about and the claim; None where the question is of another kind. ends: the Eastern day the question closes."""
    nominee = _NOMINEE.fullmatch(question)
    if nominee is not None:
        years = ({nominee["y1"], nominee["y2"]} | set(_YEAR.findall(title))) - {None}
        if len(years) != 1 or placeholder(nominee["who"]):
            return Unread("placeholder" if len(years) == 1 else "no_year", question)
        what = f"{(nominee['party'] or nominee['of']).lower()} presidential"
        return nominee["who"], ("nominee", "US", what, str(years.pop()), fold(nominee["who"]))
    house, office = _HOUSE.fullmatch(question), _OFFICE.fullmatch(question)
    if house is not None:
        state, _, number = str(house["d1"] or house["d2"]).partition("-")
        seat, stated, party = f"house {state}-{number.lstrip('0')}", None, house["who"]
    elif office is not None:
        code = STATES.get(fold(office["s1"] or office["s2"]))
        if code is None:
            return Unread("state_unknown", question)
        kind = "governor" if "gov" in (office["o1"] or office["o2"]).lower() else "senate"
        seat, stated, party = f"{kind} {code}", office["year"], office["who"]
    else:
        return None
    known = PARTIES.get(fold(party))
    if known is None:
        return Unread("placeholder" if placeholder(party) else "party_unknown", party)
    if _OTHER_STAGE.search(fold(title)) or (ends is not None and ends.month not in _GENERAL_MONTHS):
        return Unread("stage", f"{title} until {ends}")
    seats = {f"house {state}-{number.lstrip('0')}" for state, number in _DISTRICT.findall(title)}
    if seats - {seat}:
        return Unread("contradiction", f"{question} / {title}")
    years = set(_YEAR.findall(title)) | ({stated} if stated else set())
    if len(years) > 1:
        return Unread("year_conflict", question)
    year = years.pop() if years else dated
    if year is None:
        return Unread("no_year", question)
    return party, ("election", "US", seat, "general", str(year), known)
