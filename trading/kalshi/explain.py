"""Every refusal as one sentence: market, what was asked, the rule, the next step, and the venue's own words.

A log is read at night by somebody who needs to know which market, which value, which rule. statuses.py holds the words; this
file puts them around an order or a request, and makes the error of either.
"""

from trading.errors import AuthFailed, BadAnswer, ModeClosed, Rejected, Throttled, UnknownOutcome, Unreachable, VenueError
from trading.kalshi.statuses import READ_ERRORS, Meaning
from trading.market import KALSHI
from trading.order import Want
from trading.units import format_price, to_dollars

__all__ = ["asked", "error_from", "sentence", "write_error"]


def asked(want: Want, fields_tif: str = "") -> str:
    """An order in words: BUY 10 YES at 0.5600 immediate_or_cancel."""
    text = f"{want.action.value.upper()} {to_dollars(want.size)} {want.outcome.name} at {format_price(want.limit)}"
    return f"{text} {fields_tif}" if fields_tif else text


def sentence(subject: str, meaning: Meaning, words: str) -> str:
    """subject: rule; what to do (venue: its words). subject names the market or the request."""
    said = f" (venue: {words.strip()})" if words.strip() else ""
    about = f"{subject}: " if subject else ""
    return f"{about}{meaning.rule}; {meaning.following}{said}"


def error_from(meaning: Meaning, code: str, detail: str, *, retry_after: float | None = None) -> VenueError:
    """The error of a read that was answered so."""
    kind = READ_ERRORS[meaning.kind]
    if kind is Throttled:
        return Throttled(KALSHI, "throttled", detail, retry_after=retry_after)
    if kind is ModeClosed:
        return ModeClosed(KALSHI, code, detail, retry_after=retry_after)
    return kind(KALSHI, code, detail)


def write_error(error: VenueError, what: str) -> VenueError:
    """The error of a write, from the one a read would have: what settles nothing is UnknownOutcome, to be looked up."""
    if isinstance(error, Rejected | AuthFailed):
        return error
    if isinstance(error, Unreachable | BadAnswer):
        return UnknownOutcome(KALSHI, error.code, f"{what}: {error.detail}" if what not in error.detail else error.detail)
    return error
