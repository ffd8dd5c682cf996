"""Decisions about pairs: durable, for the texts they were made on, and nothing approved when the file is in doubt."""

import stat

import msgspec
import pytest

from controller.model import EventId, Pair, baskets_of
from controller.pairs.store import Decision, Decisions, PairStore, PairsUnreadable, Template, decided
from controller.pairs.upkeep import remember
from trading.market import MarketId, Outcome
from trading.units import WallNs

NOW = WallNs(7)
PAIR = Pair(
    id="K:P",
    event=EventId("game"),
    league="nba",
    kind="game_winner",
    description="a game",
    first=MarketId("K"),
    second=MarketId("P"),
    outcome_index=Outcome.YES,
    state="proposed",
    terms="verified",
    starts_at=WallNs(5),
    texts="one",
    structural=True,
)
TEMPLATE = Template(league="nba", kind="game_winner", by="ann", at=NOW, why="read ten of them")


def said(state, texts="one"):
    return Decisions(pairs={"K:P": Decision(state=state, by="ann", at=NOW, why="because", texts=texts)})


@pytest.mark.parametrize("found", ["proposed", "approved"])
@pytest.mark.parametrize("state", ["approved", "paused", "rejected", "proposed"])
def test_a_persons_word_stands_over_what_discovery_found(found, state):
    """Approved, paused, rejected or sent back to review, whatever the structure says."""
    pair = msgspec.structs.replace(PAIR, state=found)

    assert decided(pair, said(state)).state == state


@pytest.mark.parametrize(("state", "after"), [("approved", "proposed"), ("rejected", "proposed"), ("paused", "paused")])
def test_other_texts_send_a_decided_pair_back_to_review(state, after):
    """An approval and a rejection are of what was read then (B-300); a pause is a pause."""
    pair = decided(msgspec.structs.replace(PAIR, state="approved", texts="two"), said(state))

    assert pair.state == after
    assert pair.doubts


def test_a_pair_sent_back_to_review_says_so_and_a_new_one_does_not():
    """B-056: REQUIRE_PAIR_APPROVAL=none trades what nobody has looked at, never what changed since it was in use."""
    changed = msgspec.structs.replace(PAIR, state="approved", texts="two")
    seen = decided(changed, said("approved"))

    assert (seen.state, seen.sent_back) == ("proposed", True)
    assert decided(PAIR, said("proposed")).sent_back is True
    assert decided(PAIR, Decisions()).sent_back is False
    assert decided(changed, said("approved", texts="two")).sent_back is False
    assert {basket.sent_back for basket in baskets_of(seen, "kalshi", "polymarket")} == {True}


def test_retired_stays_retired():
    assert decided(msgspec.structs.replace(PAIR, state="retired"), said("approved")).state == "retired"


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({}, "approved"),
        ({"league": "mlb"}, "proposed"),
        ({"kind": "spread"}, "proposed"),
        ({"terms": "unverified"}, "proposed"),
        ({"structural": False}, "proposed"),
        ({"structural": False, "league": "economics", "starts_at": None}, "approved"),
        ({"structural": False, "league": "economics", "starts_at": None, "terms": "unverified"}, "proposed"),
        ({"structural": False, "starts_at": None}, "proposed"),
        ({"doubts": ("mid prices are 20 cents apart",)}, "proposed"),
    ],
)
def test_a_template_approves_only_proven_pairs_without_doubts(change, state):
    """Same league and type, verified terms, structure on both sides, or a question of no game whose texts name one last day and
    source; everything else waits for a person."""
    pair = msgspec.structs.replace(PAIR, **change)
    templates = (TEMPLATE, msgspec.structs.replace(TEMPLATE, league="economics"))

    assert decided(pair, Decisions(templates=templates)).state == state


def test_decisions_survive_a_restart_in_an_owner_only_file(tmp_path):
    """What is written is read back, and nobody else may read it."""
    PairStore(tmp_path).change(lambda known: said("approved"))
    store = PairStore(tmp_path)

    assert store.load().pairs == said("approved").pairs
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"schema": 9}', b'{"pairs": 5}', b"\xff\xfe", b"[" * 100_000])
def test_a_corrupt_file_approves_nothing_and_is_never_overwritten(tmp_path, content):
    """One clear line, every pair paused, and the bytes stay for whoever mends them."""
    store = PairStore(tmp_path)
    store.path.write_bytes(content)
    known = store.load()

    assert known.trouble is not None
    assert "\n" not in known.trouble
    assert decided(msgspec.structs.replace(PAIR, state="approved"), known).state == "paused"
    with pytest.raises(PairsUnreadable):
        store.change(lambda now: now)
    assert store.path.read_bytes() == content


def test_a_failed_edit_leaves_the_file_as_it_was(tmp_path):
    """An edit that raises writes nothing and lets the next one in."""
    store = PairStore(tmp_path)
    store.change(lambda known: said("paused"))

    def fail(known):
        raise ValueError

    with pytest.raises(ValueError):
        store.change(fail)
    assert store.change(lambda known: known).pairs["K:P"].state == "paused"


def test_changed_texts_wait_for_a_person_from_then_on(tmp_path):
    """A pair that structure approved is reviewed after its text changed, over restarts, too."""
    store = PairStore(tmp_path)
    pair = msgspec.structs.replace(PAIR, state="approved")
    changed = msgspec.structs.replace(pair, texts="two")

    assert remember(store, [pair], NOW)[1] == ()
    assert decided(pair, store.load()).state == "approved"
    assert remember(store, [changed], NOW)[1] == ("K:P",)
    assert decided(changed, PairStore(tmp_path).load()).state == "proposed"
    assert remember(store, [changed], NOW)[1] == ()


def test_texts_seen_again_are_not_written_again(tmp_path):
    """A round of discovery without news costs no write."""
    store = PairStore(tmp_path)
    remember(store, [PAIR], NOW)
    before = store.stamp()
    remember(store, [PAIR], NOW)

    assert store.stamp() == before
