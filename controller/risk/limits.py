"""Every number of the risk rules, and the limits that follow from them as pure functions.

RiskSettings holds each setting with its variable and unit; its defaults are the product's. cap_size answers how large an arb
may be and which limit binds, so that a refusal names its reason (B-163, B-203: the tightest wins). Nothing here looks at a
clock.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from trading.market import POLYMARKET, Venue
from trading.units import CONTRACT, DOLLAR, Money, Size

__all__ = [
    "PPM",
    "ExposureFacts",
    "Holding",
    "Lot",
    "RiskSettings",
    "cap_exit",
    "cap_size",
    "naked_contracts",
    "naked_loss",
    "worst_loss",
]

PPM = 1_000_000
_HUGE = Size(10**15)


class RiskSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of plan, size, gate, claims and breaker. Money per contract unless the comment says otherwise.

    The variable stands behind each field; _ppm are millionths, _ms durations. [J] judgement, see execution.md.
    """

    # Plan (execution.md 2)
    execution_mode: Literal["auto", "concurrent", "poly_first", "kalshi_first"] = "auto"  # EXECUTION_MODE (B-052)
    doubtful_venue: Venue = POLYMARKET  # holds takers, sizes buys in cash: its leg goes first unless the table says otherwise
    plan_min_samples: int = 30  # PLAN_MIN_SAMPLES
    hold_unknown_ms: int = 3_000  # HOLD_UNKNOWN_MS
    hold_long_ms: int = 1_000  # from here on a hold is a risk of its own (R2, depth)
    hold_short_ms: int = 50  # below this a hold is none (R3)
    trade_held_in_play: bool = False  # TRADE_HELD_IN_PLAY
    held_in_play_size_ppm: int = 250_000  # R2: a quarter of the size
    concurrent_min_fill_ppm: int = 900_000  # R6: both legs fill at least this often
    concurrent_min_gain: Money = Money(2_500)  # R6: 0.25c better than sequential
    expected_concession: Money = Money(10_000)  # c of the formulas: one cent [J]
    acceptable_fill_ppm: int = 250_000  # R4: a first fill below this share of the size is sold back [J]
    min_hedge_cost: Money = Money(1_050_000)  # R4: $1.05 is what the cash-sized venue surely accepts
    batch_max_legs: int = 15  # R1
    complete_max_loss: Money = Money(30_000)  # COMPLETE_MAX_LOSS_CENTS
    complete_over_exit: Money = Money(5_000)  # B-455: completing must beat selling back by half a cent
    leg1_slippage: Money = Money(0)  # LEG1_SLIPPAGE_CENTS
    slippage_tolerance_ppm: int = 20_000  # SLIPPAGE_TOLERANCE: outer bound of leg 1's slippage
    execution_timeout_ms: int = 5_000  # EXECUTION_TIMEOUT_SECS, after the hold
    leg2_max_trigger_ms: int = 150  # LEG2_MAX_TRIGGER_MS: above it half the size
    over_delivery_ppm: int = 140_000  # leg 2's cash covers p95 of what a cash-sized buy delivers too much

    # Edge and size (execution.md 3)
    min_edge: Money = Money(10_000)  # B-162: one cent
    min_arbitrage_threshold_ppm: int = 10_000  # MIN_ARBITRAGE_THRESHOLD
    min_arb_spread: Money = Money(0)  # MIN_ARB_SPREAD
    edge_vol_k_ppm: int = 1_000_000  # EDGE_VOL_K
    sigma_pre_game: float = 0.15  # cents per sqrt(s) [J]
    sigma_in_play: float = 2.5  # cents per sqrt(s) [J]
    sigma_window_ms: int = 60_000
    unwind_time_ms: int = 4_300  # measured median
    depth_fraction_ppm: int = 250_000  # DEPTH_FRACTION
    depth_fraction_held_ppm: int = 100_000  # when the hold is long
    change_age_max_ms: int = 60_000  # a book unchanged longer while the other moved ...
    change_move: Money = Money(20_000)  # ... by 2c
    change_age_size_ppm: int = 250_000  # ... is taken at a quarter
    max_edge: Money = Money(150_000)  # MAX_EDGE_CENTS, for edges and for the distance of mids (B-433)
    intent_ttl_ms: int = 250  # an intent older than this is examined anew
    min_annualised_return_ppm: int = 200_000  # MIN_ANNUALISED_RETURN
    max_lock_days: int = 45  # MAX_LOCK_DAYS
    redeem_delay_days: int = 1  # one day after the later settlement
    exit_min: Money = Money(5_000)  # EXIT_MIN_CENTS: a held pair is sold for a dollar less this, fees taken off (B-440)

    # Gate (execution.md 4)
    require_pair_approval: Literal["auto", "all", "none"] = "auto"  # REQUIRE_PAIR_APPROVAL (B-056): none admits proposed pairs
    allow_unverified_live: bool = False  # ALLOW_UNVERIFIED_LIVE (B-406)
    allow_live_test_arb: bool = False  # B-072
    enable_event_baskets: bool = True  # ENABLE_EVENT_BASKETS (B-405)
    feed_proof_max_ms: int = 2_000  # FEED_PROOF_MAX_MS (B-400)
    restart_quarantine_ms: int = 150_000  # RESTART_QUARANTINE_SECS
    start_blackout_ms: int = 60_000  # START_BLACKOUT_SECS
    no_new_before_close_ms: int = 120_000  # NO_NEW_BEFORE_CLOSE_SECS
    disturbed_ms: int = 20_000  # B-447
    ghost_rate_max_ppm: int = 20_000  # GHOST_RATE_MAX of the last 50
    max_unconfirmed: Money = Money(250 * DOLLAR)  # MAX_UNCONFIRMED_USD per event, dollars
    unwind_daily_budget: Money = Money(25 * DOLLAR)  # UNWIND_DAILY_BUDGET_USD, dollars a day

    # Limits, dollars in all of them unless contracts
    max_trade_size: Money = Money(1_000 * DOLLAR)  # MAX_TRADE_SIZE (B-046)
    max_position_per_market: Money = Money(5_000 * DOLLAR)  # MAX_POSITION_PER_MARKET (B-047)
    event_max_cost: Money = Money(500 * DOLLAR)  # EVENT_MAX_COST_USD
    event_max_worst_loss: Money = Money(50 * DOLLAR)  # EVENT_MAX_WORST_LOSS_USD
    naked_max_contracts_event: Size = Size(25 * CONTRACT)  # NAKED_MAX_CONTRACTS_EVENT
    naked_max_total: Money = Money(100 * DOLLAR)  # NAKED_MAX_USD_TOTAL
    priced_terms_max_cost: Money = Money(250 * DOLLAR)  # execution.md 6: class B, per pair
    same_terms_max_cost: Money = Money(1_000 * DOLLAR)  # execution.md 6: class A, per pair
    league_day_max_ppm: int = 250_000  # share of bankroll
    source_max_ppm: int = 250_000  # share of bankroll whose payout one settlement source decides
    cash_use_ppm: int = 800_000  # of free cash per venue and shard
    unwind_cash_reserve_ppm: int = 50_000  # UNWIND_CASH_RESERVE of the shard's cash

    # Claims and miss memory (B-432, B-205)
    trade_cooldown_ms: int = 0  # TRADE_COOLDOWN_SECS (B-053)
    cooldown_match_ms: int = 0  # COOLDOWN_MATCH_MS
    book_reflects_ms: int = 500  # our fill is in the book by then
    debit_lasts_ms: int = 500  # what we took is left out of the depth at most this long; paper: for good
    miss_backoff_ms: int = 2_000  # MISS_BACKOFF_MS, doubling
    miss_backoff_max_ms: int = 60_000
    miss_forgiven: int = 2  # misses that a new price level clears
    cooldown_unwind_ms: int = 5_000
    hedge_dust: Size = Size(50_000)  # HEDGE_DUST, contracts: less than this unhedged is carried
    one_sided_max: int = 3  # ONE_SIDED_MAX (B-205)
    one_sided_block_ms: int = 300_000  # ONE_SIDED_BLOCK_SECS

    # Breaker (section 11)
    cb_enabled: bool = True  # CB_ENABLED (B-038)
    cb_max_position_per_market: Size = Size(100 * CONTRACT)  # CB_MAX_POSITION_PER_MARKET (B-039)
    cb_max_total_position: Size = Size(500 * CONTRACT)  # CB_MAX_TOTAL_POSITION (B-040)
    cb_max_daily_loss: Money = Money(50 * DOLLAR)  # CB_MAX_DAILY_LOSS (B-041, in cents there)
    cb_max_consecutive_errors: int = 5  # CB_MAX_CONSECUTIVE_ERRORS (B-042)
    cb_cooldown_ms: int = 60_000  # CB_COOLDOWN_SECS (B-043)
    cb_reset_utc_secs: int = 0  # CB_RESET_UTC_SECS (B-199)


class Holding(msgspec.Struct, frozen=True):
    """What one venue's markets of a question hold. yes and no pay when the question resolves so, level when nobody wins and each of
    these markets says NO."""

    venue: Venue
    yes: Size
    no: Size
    level: Size


class Lot(msgspec.Struct, frozen=True):
    """What is held of one question of an event. yes and no are contracts that pay when it resolves so; cost in Money, fees
    in."""

    yes: Size
    no: Size
    cost: Money
    exclusive: str = ""
    """The venue's set of questions of which at most one resolves YES; "" = none is known."""
    apart: tuple[Holding, ...] = ()
    """Its holdings venue by venue where these may settle differently; empty = terms are identical and they settle alike."""


def worst_loss(lots: Sequence[Lot]) -> Money:
    """What an event costs in its worst outcome (B-443). Never below zero.

        each side        one question of an exclusive set resolves YES and the others NO, or all NO; any other question by itself
        50/50, void      on every venue alike a pair still pays its dollar
        void, one venue  where terms differ: each venue may pay a half of a question while the other one pays a side
        tie              where terms differ: each venue pays a half, or says that nobody won
        one venue late   the same payouts later: money that is out, which EVENT_MAX_COST_USD bounds, and no loss

    Losses of differing terms add up, within an exclusive set too: a set says that one side wins, not that a venue pays sides. One
    cancelled game voids the pairs of both teams and of the draw, and a disputed text is decided market by market, so no pair's luck
    pays for another's. What is held of a set on one venue alone has no second text to differ from: only sides and ties count there.
    Venues do not void such a set at a half: they refund it or settle it as none. Sets, and questions that stand in none, are
    judged as if the worst of each came true at once.
    """
    return _loss(lots, apart=True)


def naked_loss(lots: Sequence[Lot]) -> Money:
    """What stands alone of an event costs when it loses, all venues settling alike: contracts without their other side (B-438).

    A closed pair is left out: what it was bought for is won or lost already, whatever happens.
    """
    return _loss([lot for lot in lots if lot.yes != lot.no], apart=False)


def _loss(lots: Sequence[Lot], *, apart: bool) -> Money:
    return Money(max(0, sum(_set_loss(together, apart=apart) for together in _sets(lots))))


def _sets(lots: Sequence[Lot]) -> Sequence[Sequence[Lot]]:
    """Lots by exclusive set; one that stands in none is a set of itself."""
    found: dict[tuple[str, int], list[Lot]] = {}
    for place, lot in enumerate(lots):
        found.setdefault((lot.exclusive, 0 if lot.exclusive else place), []).append(lot)
    return list(found.values())


def _set_loss(lots: Sequence[Lot], *, apart: bool) -> int:
    """Contracts of $1 are Money one to one."""
    halves = apart and len({one.venue for lot in lots for one in lot.apart}) > 1
    paid = [_paid(lot, apart=apart, halves=halves) for lot in lots]
    none = sum(no for _, no, _ in paid)
    won = min(none - no + yes for yes, no, _ in paid)
    return sum(lot.cost for lot in lots) - min(none, won, sum(level for _, _, level in paid))


def _paid(lot: Lot, *, apart: bool, halves: bool) -> tuple[int, int, int]:
    """The least a lot pays when its question resolves YES, NO, or nobody wins. halves: any venue may pay a half instead."""
    if not (apart and lot.apart):
        return lot.yes, lot.no, lot.no
    columns = ([one.yes for one in lot.apart], [one.no for one in lot.apart], [one.level for one in lot.apart])
    if not halves:
        return sum(columns[0]), sum(columns[1]), sum(columns[2])
    half = [(one.yes + one.no) // 2 for one in lot.apart]
    yes, no, level = (sum(map(min, half, column)) for column in columns)
    return yes, no, level


def naked_contracts(lots: Sequence[Lot]) -> Size:
    """Contracts of an event without their other side. NO legs of one exclusive set hedge each other."""
    naked = 0
    for together in _sets(lots):
        nets = [lot.yes - lot.no for lot in together if lot.yes != lot.no]
        if len(nets) > 1 and all(net < 0 for net in nets):
            naked += max(nets) - min(nets)
        else:
            naked += sum(abs(net) for net in nets)
    return Size(naked)


class ExposureFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What bears on the size of one arb. Tuples stand in the order of its legs; unit prices are Money per contract, fee in.

    unit_costs are the prices at which cash is reserved (leg 2 at its concession, over-delivery in); set_cost is one set at the
    limits, naked_unit what one contract may cost us before its hedge. budgets is cash that may be used, per leg; legs that
    share a shard share its budget: cash_groups gives, for each leg, the place of the first leg of its shard. worst_unit is what a
    set adds to the event's worst loss.
    """

    unit_costs: tuple[Money, ...]
    set_cost: Money
    naked_unit: Money
    market_contracts: tuple[Size, ...]
    market_costs: tuple[Money, ...]
    total_contracts: Size
    event_cost: Money
    event_worst_loss: Money
    worst_unit: Money
    pair_cost: Money
    pair_cost_max: Money
    league_day_cost: Money
    source_cost: Money
    bankroll: Money
    naked_event: Size
    naked_total: Money
    unconfirmed: Money
    budgets: tuple[Money, ...]
    cash_groups: tuple[int, ...]
    max_size: Size | None = None


def _afford(money: int, unit: int) -> Size:
    """Contracts that money buys at unit Money per contract."""
    if unit <= 0:
        return _HUGE
    return Size(money * CONTRACT // unit) if money > 0 else Size(0)


def cap_size(wanted: Size, facts: ExposureFacts, settings: RiskSettings) -> tuple[Size, str]:
    """The largest size within every limit, and the word of the limit that binds ("" when none does).

    The words are refusal codes of gate.py. Position limits of the breaker cap the size to what is left (B-197) and are off with
    CB_ENABLED=0 (B-202); all others always hold.
    """
    legs = len(facts.unit_costs)
    caps: list[tuple[Size, str]] = [(wanted, "")]
    sums = dict.fromkeys(facts.cash_groups, 0)
    for group, unit in zip(facts.cash_groups, facts.unit_costs, strict=True):
        sums[group] += unit
    for group, unit_sum in sums.items():
        caps.append((_afford(facts.budgets[group], unit_sum), "cash"))
    if facts.max_size is not None:
        caps.append((facts.max_size, "basket_limit"))
    if settings.cb_enabled:
        caps += [(Size(settings.cb_max_position_per_market - held), "position_limit") for held in facts.market_contracts]
        caps.append((Size((settings.cb_max_total_position - facts.total_contracts) // legs), "total_limit"))
    caps.append((_afford(settings.max_trade_size, facts.set_cost), "trade_limit"))
    caps += [
        (_afford(settings.max_position_per_market - held, unit), "market_cost_limit")
        for held, unit in zip(facts.market_costs, facts.unit_costs, strict=True)
    ]
    caps.append((_afford(settings.event_max_cost - facts.event_cost, facts.set_cost), "event_cost_limit"))
    room = settings.event_max_worst_loss - facts.event_worst_loss
    caps.append((_afford(room, facts.worst_unit) if room >= 0 else Size(0), "event_loss_limit"))
    caps.append((_afford(facts.pair_cost_max - facts.pair_cost, facts.set_cost), "pair_cost_limit"))
    league_day = facts.bankroll * settings.league_day_max_ppm // PPM
    caps.append((_afford(league_day - facts.league_day_cost, facts.set_cost), "league_day_limit"))
    one_source = facts.bankroll * settings.source_max_ppm // PPM
    caps.append((_afford(one_source - facts.source_cost, facts.set_cost), "source_limit"))
    caps.append((Size(settings.naked_max_contracts_event - facts.naked_event), "naked_limit"))
    caps.append((_afford(settings.naked_max_total - facts.naked_total, facts.naked_unit), "naked_limit"))
    caps.append((_afford(settings.max_unconfirmed - facts.unconfirmed, facts.set_cost), "unconfirmed_limit"))
    return _tightest(caps)


def cap_exit(wanted: Size, facts: ExposureFacts, settings: RiskSettings) -> tuple[Size, str]:
    """As cap_size, for the sale of a held pair: it takes no room and no cash, but one side may stand alone for a while."""
    naked = Size(settings.naked_max_contracts_event - facts.naked_event)
    at_stake = _afford(settings.naked_max_total - facts.naked_total, facts.naked_unit)
    return _tightest([(wanted, ""), (naked, "naked_limit"), (at_stake, "naked_limit")])


def _tightest(caps: Sequence[tuple[Size, str]]) -> tuple[Size, str]:
    size, code = min(caps, key=lambda cap: cap[0])
    return Size(max(0, size)), code
