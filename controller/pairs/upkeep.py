"""Keep decisions in step with what the venues say: a changed settlement text or a moved start sends its pair back to review.

What a pair was last in use with is written beside the decisions, so that a restart notices a change too (matching.md 3.5, 3.7).
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from controller.discovery.game import conflicting_starts
from controller.model import Pair
from controller.pairs.recheck import tell_move
from controller.pairs.store import Decision, Decisions, PairStore, changed_texts
from trading.units import WallNs

__all__ = ["remember", "send_back"]

_T = TypeVar("_T")
_MOST = 20_000
"""Pairs whose texts and starts are remembered; the oldest go first."""


def remember(store: PairStore, pairs: Sequence[Pair], now: WallNs) -> tuple[Decisions, tuple[str, ...], dict[str, str]]:
    """Note each pair's texts and start; what changed since it was last in use waits for a person. Returns the ids of changed texts
    and, by id, how a start moved.

    A pair that a person rejected or paused keeps that word until the next reading of decisions judges it by its texts.
    Raises PairsUnreadable and OSError as PairStore.change does.
    """
    texts = {pair.id: pair.texts for pair in pairs if pair.texts}
    starts = {pair.id: pair.starts_at for pair in pairs if pair.starts_at is not None}
    changed: tuple[str, ...] = ()
    moved: dict[str, str] = {}

    def edit(known: Decisions) -> Decisions:
        nonlocal changed, moved
        changed = changed_texts(texts, known)
        moved = {
            one: tell_move(known.starts[one], start)
            for one, start in starts.items()
            if one in known.starts and conflicting_starts(known.starts[one], start)
        }
        again = _back({**dict.fromkeys(changed, "its rule texts changed"), **moved}, texts, known, now)
        seen = _newest(known.seen, texts)
        # The start a pair came into use with stays noted, so that many small moves add up.
        began = _newest(known.starts, {one: s for one, s in starts.items() if one not in known.starts or one in moved})
        if not again and seen == known.seen and began == known.starts:
            return known
        return msgspec.structs.replace(known, pairs={**known.pairs, **again}, seen=seen, starts=began)

    return store.change(edit), changed, moved


def send_back(
    store: PairStore, starts: Mapping[str, WallNs], pairs: Mapping[str, Pair], now: WallNs
) -> tuple[Decisions, dict[str, str]]:
    """Send pairs whose start a venue moved to these back to review at once. Returns how each start moved.

    Raises as PairStore.change does.
    """
    moved: dict[str, str] = {}

    def edit(known: Decisions) -> Decisions:
        nonlocal moved
        moved = {one: tell_move(known.starts.get(one, pairs[one].starts_at), start) for one, start in starts.items()}
        again = _back(moved, {one: pairs[one].texts for one in starts}, known, now)
        return msgspec.structs.replace(known, pairs={**known.pairs, **again}, starts=_newest(known.starts, dict(starts)))

    return store.change(edit), moved


def _back(why: Mapping[str, str], texts: Mapping[str, str], known: Decisions, now: WallNs) -> dict[str, Decision]:
    found: dict[str, Decision] = {}
    for one, reason in why.items():
        before = known.pairs.get(one)
        if before is None or before.state in ("approved", "proposed"):
            found[one] = Decision(state="proposed", by="controller", at=now, why=reason, texts=texts.get(one, ""))
        elif before.state == "paused":  # what a person resumes is what a person read: not this
            found[one] = msgspec.structs.replace(before, before="proposed", texts=texts.get(one, before.texts))
    return found


def _newest(known: Mapping[str, _T], fresh: Mapping[str, _T]) -> dict[str, _T]:
    kept = {one: was for one, was in known.items() if one not in fresh}
    return dict([*kept.items(), *fresh.items()][-_MOST:])
