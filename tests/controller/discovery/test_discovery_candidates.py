"""Promises of the look-alikes: only unread pairs of one bucket, never an answer, and mostly right on the labelled pairs."""

from pathlib import Path

import pytest

from controller.discovery.candidates import candidates
from controller.discovery.match_rows import match_row
from controller.pairs.rows import review_counts

LABELLED = Path(__file__).resolve().parents[3] / ".." / "shared" / "data" / "pairs_dev.jsonl"
OURS = {"ticker": "KXBOND-27-X", "event_ticker": "KXBOND-27", "title": "Will Callum Turner play the next James Bond?"}
THEIRS = {"condition_id": "0x1", "question": "Callum Turner to play next James Bond?"}


def test_look_alike_is_shown_and_never_matched():
    """A person reads both texts; the matcher still says no."""
    (found,) = candidates([OURS], [THEIRS], similarity=70)

    assert (found.ticker, found.condition) == ("KXBOND-27-X", "0x1")
    assert 70 <= found.similarity <= 100
    assert not match_row(OURS, THEIRS).match
    assert not hasattr(found, "match")


@pytest.mark.parametrize(
    "changed",
    [
        {"question": "Callum Turner to play next James Bond in 2027?"},
        {"question": "Callum Turner to play next James Bond?", "event_date": "2026-05-15"},
        {"question": "Unfilled || next James Bond Callum Turner"},
        {"question": None},
        {"question": "x" * 100_000},
    ],
)
def test_other_bucket_and_unusable_text_are_never_shown(changed):
    """Another number or day is another question, and no text is no likeness."""
    assert candidates([OURS], [{**THEIRS, **changed}], similarity=1) == ()


@pytest.mark.parametrize(
    "question",
    [
        "Theo James to play next James Bond?",
        "Callum Turner to play next Doctor Who?",
        "Callum Turner announced to play next James Bond?",
        "Will Player T play next James Bond?",
        "Will another actor play next James Bond?",
        "to play the next one?",
    ],
)
def test_other_names_stages_and_placeholders_are_never_shown(question):
    """Two players of one template read alike, and an announcement is not the fact (matching.md 4)."""
    assert candidates([OURS], [{**THEIRS, "question": question}], similarity=1) == ()


def test_common_word_makes_no_bucket():
    """A template that a hundred markets share does not compare each with each."""
    crowd = [{"condition_id": str(i), "question": "Next James Bond?"} for i in range(100)]

    assert candidates([{**OURS, "title": "Next James Bond?"}], crowd, similarity=50) == ()


def test_review_proposals_are_mostly_right():
    """At least seven of ten things a person is shown on the labelled file are the same question."""
    if not LABELLED.exists():
        pytest.skip("the labelled pairs stand beside the checkout and are absent here")
    found = review_counts(LABELLED)

    assert found["shown"] > 100
    assert found["precision"] >= 0.7
    assert found["by_text"]["right"] >= 0.7 * found["by_text"]["shown"]  # alone, without the matches
