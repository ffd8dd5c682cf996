"""Decisions about pairs, durable: who approved, paused or rejected what, when and why (B-056, B-294, B-297, B-299, B-300).

One owner-only JSON file beside the journal, replaced in one step under a lock, so a command and a running controller never see
half of it. A decision holds for the texts it was made on: other texts send the pair back to review. A file that cannot be read
approves nothing and pauses everything, and is never overwritten.
"""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from controller.discovery.claims import DOMAINS
from controller.model import Pair
from trading.errors import TandemError
from trading.secrets import write_private
from trading.units import WallNs

__all__ = [
    "Decided",
    "Decision",
    "Decisions",
    "PairStore",
    "PairsUnreadable",
    "Template",
    "changed_texts",
    "decided",
    "uncovered",
]

Decided = Literal["approved", "paused", "rejected", "proposed"]
"""proposed: back to review, whatever discovery would approve by itself."""
_SCHEMA = 1


class PairsUnreadable(TandemError):
    """The file of decisions is corrupt or of another version; nothing is approved until a person moved it away."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """One pair. texts is the hash of both settlement texts it was made on; before: what a pause goes back to."""

    state: Decided
    by: str
    at: WallNs
    why: str = ""
    texts: str = ""
    before: Decided | None = None


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """Approves every pair of a league and type that uncovered() leaves: proven, verified in its terms and without doubts."""

    league: str
    kind: str
    by: str
    at: WallNs
    why: str = ""


class Decisions(msgspec.Struct, frozen=True, kw_only=True):
    """The file. seen and starts: the texts and the start each pair was last in use with. trouble: why nothing here can be relied
    on."""

    schema: int = _SCHEMA
    pairs: dict[str, Decision] = {}
    templates: tuple[Template, ...] = ()
    seen: dict[str, str] = {}
    starts: dict[str, WallNs] = {}
    trouble: str | None = None


class PairStore:
    """The file in one state directory."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "pairs.json"

    def stamp(self) -> tuple[int, int, int] | None:
        """Changes whenever the file was replaced or edited; None = there is none."""
        try:
            now = self.path.stat()
        except OSError:
            return None
        return now.st_mtime_ns, now.st_ino, now.st_size

    def load(self) -> Decisions:
        """What was decided. Never raises: trouble says in one line why nothing is approved."""
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError:
            return Decisions()
        except OSError as exc:
            return self._trouble(f"cannot be read ({exc.strerror})")
        try:
            kept = msgspec.json.decode(raw, type=Decisions)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            return self._trouble(f"is corrupt ({exc})")
        if kept.schema != _SCHEMA:
            return self._trouble(f"has schema {kept.schema}, not {_SCHEMA}")
        return msgspec.structs.replace(kept, trouble=None)

    def change(self, edit: Callable[[Decisions], Decisions]) -> Decisions:
        """Read, edit and replace under a lock. Raises PairsUnreadable when there is something that must not be overwritten,
        OSError when the disk refuses."""
        with self._locked():
            before = self.load()
            if before.trouble is not None:
                raise PairsUnreadable(before.trouble)
            after = edit(before)
            if after != before:
                write_private(self.path, msgspec.json.encode(after))
            return after

    def _trouble(self, what: str) -> Decisions:
        step = "no pair is approved; move the file away and approve again, or put a copy back"
        return Decisions(trouble=f"{self.path} {what}: {step}")

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def decided(pair: Pair, known: Decisions) -> Pair:
    """The pair as people left it. What discovery retired stays retired."""
    if pair.state == "retired":
        return pair
    if known.trouble is not None:
        return _with(pair, "paused", known.trouble)
    decision = known.pairs.get(pair.id)
    if decision is None:
        template = _template(pair, known) if pair.state == "proposed" else None
        if template is None:
            return pair
        return msgspec.structs.replace(
            pair, state="approved", evidence=(*pair.evidence, f"approved by the template of {template.by}: {template.why}")
        )
    if decision.state == "paused":
        return _with(pair, "paused", _who(decision))
    if decision.texts != pair.texts:  # an approval or a rejection is of what was read then (B-300)
        return _with(pair, "proposed", f"the rule texts changed since it was {decision.state} by {decision.by}")
    if decision.state == "approved":
        return msgspec.structs.replace(pair, state="approved", evidence=(*pair.evidence, _who(decision)))
    return _with(pair, decision.state, _who(decision))


def changed_texts(pairs: Mapping[str, str], known: Decisions) -> tuple[str, ...]:
    """Ids whose texts are not those they were last in use with, for texts by pair id."""
    return tuple(one for one, texts in pairs.items() if known.seen.get(one, texts) != texts)


def uncovered(pair: Pair) -> str:
    """Why no template approves the pair, "" = its league's and type's would.

    A game needs both starts as stated fields. Where no game decides there is none, and verified terms stand for it: both texts
    then name the same last day in the same zone, and the same source (matching.md 3.6).
    """
    if pair.terms != "verified":
        return f"its terms are {pair.terms}"
    if pair.doubts:
        return "something about it is in doubt"
    if not pair.structural and (pair.league not in DOMAINS or pair.starts_at is not None):
        return "a start or a name was inferred, not stated"
    return ""


def _template(pair: Pair, known: Decisions) -> Template | None:
    if uncovered(pair):
        return None
    return next((one for one in known.templates if (one.league, one.kind) == (pair.league, pair.kind)), None)


def _with(pair: Pair, state: Decided, why: str) -> Pair:
    """state "proposed" comes from a decision only: whoever made it, something changed that a person has not read."""
    doubts, evidence = (*pair.doubts, why), (*pair.evidence, f"doubt: {why}")
    return msgspec.structs.replace(pair, state=state, doubts=doubts, evidence=evidence, sent_back=state == "proposed")


def _who(decision: Decision) -> str:
    return f"{decision.state} by {decision.by}" + (f": {decision.why}" if decision.why else "")
