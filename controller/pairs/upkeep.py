"""Keep decisions in step with what the venues say: a changed settlement text sends its pair back to review (matching.md 3.5)."""

from collections.abc import Sequence

import msgspec

from controller.model import Pair
from controller.pairs.store import Decision, Decisions, PairStore, changed_texts
from trading.units import WallNs

__all__ = ["remember_texts"]

_MOST = 20_000
"""Pairs whose texts are remembered; the oldest go first."""


def remember_texts(store: PairStore, pairs: Sequence[Pair], now: WallNs) -> tuple[Decisions, tuple[str, ...]]:
    """Note each pair's texts; those that changed since they were last in use wait for a person. Returns their ids, too.

    A pair that a person rejected or paused keeps that word until the next reading of decisions judges it by its texts.
    Raises PairsUnreadable and OSError as PairStore.change does.
    """
    texts = {pair.id: pair.texts for pair in pairs if pair.texts}
    changed: tuple[str, ...] = ()

    def edit(known: Decisions) -> Decisions:
        nonlocal changed
        changed = changed_texts(texts, known)
        again = {
            one: Decision(state="proposed", by="controller", at=now, why="its rule texts changed", texts=texts[one])
            for one in changed
            if one not in known.pairs or known.pairs[one].state in ("approved", "proposed")
        }
        kept = {one: was for one, was in known.seen.items() if one not in texts}
        seen = dict([*kept.items(), *texts.items()][-_MOST:])
        if not again and seen == known.seen:
            return known
        return msgspec.structs.replace(known, pairs={**known.pairs, **again}, seen=seen)

    return store.change(edit), changed
