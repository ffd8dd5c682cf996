"""Promises of pairs: what may trade by itself, what waits for a person, what the texts must not say."""

import msgspec
import pytest
from discovery_games import gamma_game, gamma_rows, kalshi_game, milestone, rows

from controller.discovery.matching import match
from controller.discovery.pairs import to_pair
from controller.discovery.rules import compare
from trading.kalshi import wire as kalshi_wire
from trading.market import Outcome
from trading.polymarket import wire as polymarket_wire
from trading.units import WallNs

NBA = "KXNBAGAME-26NOV19UTAGSW"
NOW = WallNs(1_795_000_000_000_000_000)
SERIES = {"fee_type": "quadratic", "fee_multiplier": 1}


def built(*, stone=True, ours=None, theirs=None):
    """The first pair of one game with both Market values and raw rows."""
    event, other = kalshi_game(), gamma_game()
    stones = [milestone(NBA, "2026-11-20T03:00:00Z")] if stone else []
    event["markets"] = [{**market, **(ours or {})} for market in event["markets"]]
    other["markets"] = [{**market, **(theirs or {})} for market in other["markets"]]
    found = match(rows([event], stones), gamma_rows([other])).pairs[1]
    raw = next(market for market in event["markets"] if market["ticker"] == found.ticker)
    one = kalshi_wire.market_from(event, raw, SERIES, read_at=NOW, wall=NOW)
    two = polymarket_wire.market_from(other, other["markets"][0], None, read_at=NOW)
    return found, one, two, (raw, other["markets"][0])


def test_structural_match_is_approved_under_auto_and_waits_under_all():
    """B-056: a sports pair proven by structure trades by itself unless every pair needs a person."""
    found, one, two, raw = built()

    assert to_pair(found, one, two, mode="auto", rows=raw).state == "approved"
    assert to_pair(found, one, two, mode="none", rows=raw).state == "approved"
    assert to_pair(found, one, two, mode="all", rows=raw).state == "proposed"


@pytest.mark.parametrize("mode", ["auto", "all", "none"])
def test_pair_known_by_day_only_is_never_approved(mode):
    """Without both starts a person decides, whatever the setting."""
    found, one, two, raw = built(stone=False)

    assert to_pair(found, one, two, mode=mode, rows=raw).state == "proposed"


def test_pair_carries_polarity_event_and_evidence():
    """outcome_index is the outcome of the second market that means the first market's YES (B-099)."""
    found, one, two, raw = built()
    pair = to_pair(found, one, two, mode="auto", rows=raw)

    assert (pair.first, pair.second, pair.outcome_index) == (f"{NBA}-UTA", "0x" + "11" * 32, Outcome.YES)
    assert pair.event == "nba:2026-11-19:gsw+uta"
    assert pair.id == f"{pair.first}:{pair.second}"
    assert pair.league == "nba"
    assert any("KXNBAGAME" in fact for fact in pair.evidence)
    assert pair.terms == "verified"


@pytest.mark.parametrize(
    ("bid", "ask", "state"),
    [(0.30, 0.32, "approved"), (0.44, 0.46, "approved"), (0.46, 0.48, "proposed"), (0.60, 0.90, "approved")],
)
def test_mid_prices_far_apart_are_a_doubt_not_an_opportunity(bid, ask, state):
    """Kalshi's mid is 0.30: beyond 15 cents a person looks first; a wide book proves nothing."""
    found, one, two, raw = built(
        ours={"yes_bid_dollars": "0.2900", "yes_ask_dollars": "0.3100"}, theirs={"bestBid": bid, "bestAsk": ask}
    )

    assert to_pair(found, one, two, mode="auto", rows=raw).state == state


def test_prices_are_compared_on_the_same_outcome():
    """For the second team the other venue's price is one minus the first outcome's."""
    event, other = kalshi_game(), gamma_game()
    prices = {"yes_bid_dollars": "0.6900", "yes_ask_dollars": "0.7100"}
    event["markets"][1].update(prices)
    other["markets"][0].update({"bestBid": 0.29, "bestAsk": 0.31})
    stones = [milestone(NBA, "2026-11-20T03:00:00Z")]
    found = next(pair for pair in match(rows([event], stones), gamma_rows([other])).pairs if pair.ticker.endswith("GSW"))
    one = kalshi_wire.market_from(event, event["markets"][1], SERIES, read_at=NOW, wall=NOW)
    two = polymarket_wire.market_from(other, other["markets"][0], None, read_at=NOW)

    assert found.outcome_index is Outcome.NO
    assert to_pair(found, one, two, mode="auto", rows=(event["markets"][1], other["markets"][0])).state == "approved"


VOID = " If the game is cancelled or rescheduled to over 48 hours away, it will resolve to a fair price."
OTHER = " If the game is canceled entirely, this market will resolve 50-50. If postponed, this market will remain open."


@pytest.mark.parametrize(
    ("kalshi", "polymarket", "terms"),
    [
        (
            "If Utah wins the game scheduled for Nov 19, 2026, Yes." + VOID,
            "The game, scheduled for November 19." + OTHER,
            "verified",
        ),
        ("", "The game, scheduled for November 19 at 10:00PM ET." + OTHER, "unverified"),
        ("If Utah wins, Yes." + VOID, "", "unverified"),
        ("If Utah wins, Yes.", "The game." + OTHER, "unverified"),
        ("If Utah wins, Yes." + VOID, "The game.", "unverified"),
        ("If || Team || wins, Yes." + VOID, "The game." + OTHER, "conflict"),
        ("If Utah wins the game scheduled for Nov 20, 2026, Yes." + VOID, "The game." + OTHER, "conflict"),
        ("If Utah wins, Yes." + VOID, "The game, scheduled for November 20 at 3:00AM UTC." + OTHER, "verified"),
        ("If Utah wins, Yes." + VOID, "The game, scheduled for November 22 at 10:00PM ET." + OTHER, "conflict"),
        (
            "Utah wins after 90 minutes plus stoppage time." + VOID,
            "Result including extra time and penalties." + OTHER,
            "conflict",
        ),
        (
            "Utah wins after 90 minutes plus stoppage time." + VOID,
            "Only the first 90 minutes of regular play." + OTHER,
            "verified",
        ),
        ("If Utah wins, Yes." + VOID, "Final score including any overtime periods." + OTHER, "verified"),
    ],
)
def test_terms_are_verified_only_when_both_texts_are_read_and_agree(kalshi, polymarket, terms):
    """Missing or silent text is unverified; a template, another day or another length of the game is a conflict."""
    found, *_ = built()

    assert compare(kalshi, polymarket, found.key).terms == terms


@pytest.mark.parametrize(
    ("sport", "league", "theirs", "charge"),
    [
        ("basketball", "nba", OTHER, 4_000),
        ("baseball", "mlb", OTHER, 5_000),
        ("soccer", "epl", " If the game is canceled, the draw resolves to Yes and the other markets to No.", 6_000),
    ],
)
def test_differing_settlement_is_priced_per_contract(sport, league, theirs, charge):
    """0.4 cents for any game, 0.5 for baseball's short window, 0.6 for soccer's cancellation (execution.md 6)."""
    found, *_ = built()
    key = msgspec.structs.replace(found.key, sport=sport, league=league)
    standing = compare("If Utah wins, Yes." + VOID, "The game." + theirs, key)

    assert (standing.terms, standing.settlement.charge, standing.settlement.grade) == ("verified", charge, "B")


def test_a_pair_carries_the_charge_and_the_texts_it_was_found_with():
    """The charge raises the strategy's floor; the hash is what an approval holds for."""
    found, one, two, raw = built()
    pair = to_pair(found, one, two, mode="auto", rows=raw)

    assert pair.settlement_charge == 4_000
    assert pair.texts
    assert pair.structural


def test_tennis_waits_for_a_person():
    """Walkover and retirement rules differ between venues: no tennis pair trades by structure alone."""
    found, one, two, raw = built()
    key = msgspec.structs.replace(found.key, sport="tennis", league="atp")
    tennis = msgspec.structs.replace(found, key=key)

    assert to_pair(tennis, one, two, mode="auto", rows=raw).state == "proposed"


def test_day_over_new_year_without_a_year_is_no_conflict():
    """A text dated January 1 about a game of December 31 in UTC is one day off, not a year."""
    found, *_ = built()
    key = msgspec.structs.replace(found.key, day_et=found.key.day_et.replace(month=12, day=31))

    assert compare("If Utah wins." + VOID, "The game, scheduled for January 1 at 1:00AM UTC." + OTHER, key).terms == "verified"


def test_conflicting_terms_keep_a_structural_pair_from_approval():
    """A doubt about the text needs a person even under none."""
    found, one, two, raw = built(ours={"rules_primary": "If || Team || wins"})
    pair = to_pair(found, one, two, mode="none", rows=raw)

    assert (pair.terms, pair.state) == ("conflict", "proposed")
