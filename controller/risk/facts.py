"""What the gate must know about one intent to size, plan and pay for it: facts read from the state, nothing decided here."""

from collections.abc import Sequence

from controller.risk.limits import PPM, ExposureFacts, RiskSettings
from controller.risk.plan import LegFacts, concession_limit
from controller.risk.size import unit_cost, worst_fee
from controller.risk.size import unit_costs as cost_table
from controller.state import State
from controller.strategy.base import Intent
from trading.fees import HIGHEST_KNOWN
from trading.market import Action, FeeTerms, Market, Venue
from trading.units import ONE, Money, Price, Size, cost_of

__all__ = ["budget", "exposure_of", "fees_of", "leg_facts", "most_cost", "over_ppm"]

_SELL = Action.SELL  # looked up by name, a member of an Enum costs half a microsecond


def leg_facts(state: State, settings: RiskSettings, intent: Intent) -> tuple[LegFacts, ...]:
    """Each leg as the plan sees it, in the order of the wants."""
    markets = [state.markets[want.market] for want in intent.wants]
    costs = [unit_cost(fees_of(market), want.limit) for market, want in zip(markets, intent.wants, strict=True)]
    losses = [state.exit_loss(want.market, want.outcome, want.limit) for want in intent.wants]
    kind = state.kind(intent.basket)
    facts = []
    together = sum(costs)
    for index, (market, want) in enumerate(zip(markets, intent.wants, strict=True)):
        others = losses[:index] + losses[index + 1 :]
        facts.append(
            LegFacts(
                venue=market.venue,
                shard=market.shard,
                limit=want.limit,
                fill=state.lessons.fill_chance(kind, market.venue),
                exit_loss=losses[index],
                concession=concession_limit(
                    market,
                    want.limit,
                    other_cost=Money(together - costs[index]),
                    payout=intent.basket.payout,
                    sell_back_loss=max(others),
                    settings=settings,
                ),
            )
        )
    return tuple(facts)


def exposure_of(state: State, settings: RiskSettings, intent: Intent, legs: Sequence[LegFacts]) -> ExposureFacts:
    """What bears on the size of the intent, priced with every leg but the cash-sized one at its concession and
    over-delivered."""
    markets = [state.markets[want.market] for want in intent.wants]
    positions, basket = state.positions, intent.basket
    one_venue = len({market.venue for market in markets}) == 1
    shards = [(market.venue, market.shard) for market in markets]
    over = over_ppm(state, settings, intent)
    unit_costs, limit_costs = [], []
    for market, leg in zip(markets, legs, strict=True):
        table = cost_table(fees_of(market))
        unit = table[leg.limit if one_venue else leg.concession]
        if not one_venue and market.venue != settings.doubtful_venue:
            unit += unit * over // PPM
        unit_costs.append(Money(unit))
        limit_costs.append(table[leg.limit])
    costs = [positions.cost(market.id) for market in markets]
    flying, spent = state.in_flight(basket.event)
    return ExposureFacts(
        unit_costs=tuple(unit_costs),
        set_cost=Money(sum(limit_costs)),
        naked_unit=Money(sum(limit_costs) if one_venue else max(limit_costs)),
        market_contracts=tuple(Size(abs(positions.contracts(market.id))) for market in markets),
        market_costs=tuple(costs),
        total_contracts=Size(positions.total_contracts() + flying),
        event_cost=positions.event_cost(basket.event),
        event_worst_loss=positions.worst_loss(basket.event),
        worst_unit=positions.worst_unit([(want.market, want.outcome) for want in intent.wants], limit_costs),
        pair_cost=Money(sum(costs)),
        pair_cost_max=settings.priced_terms_max_cost if basket.settlement_charge else settings.same_terms_max_cost,
        league_day_cost=Money(positions.league_day_cost(basket.event) + spent),
        source_cost=Money(positions.source_cost(basket.source) + state.in_flight_of(basket.source))
        if basket.source
        else Money(0),
        bankroll=Money(state.cash.bankroll() + positions.total_cost()),
        naked_event=positions.naked(basket.event),
        naked_total=Money(positions.naked_total() + state.in_flight_naked()),
        unconfirmed=state.unconfirmed(basket.event),
        budgets=tuple(budget(state, settings, venue, shard) for venue, shard in shards),
        cash_groups=tuple(shards.index(shard) for shard in shards),
        max_size=basket.max_size,
    )


def budget(state: State, settings: RiskSettings, venue: Venue, shard: int) -> Money:
    """Cash of a shard that a new arb may use: 80 % of what is free, and never the reserve for exits."""
    free, total = state.cash.free((venue, shard)), state.cash.total((venue, shard))
    reserve = total * settings.unwind_cash_reserve_ppm // PPM
    return Money(max(0, min(free * settings.cash_use_ppm // PPM, free - reserve)))


def over_ppm(state: State, settings: RiskSettings, intent: Intent) -> int:
    """How much more than wanted a cash-sized first leg may deliver: by price improvement down to its best quote, or p95."""
    most = settings.over_delivery_ppm
    for want, quote in zip(intent.wants, intent.quotes, strict=True):
        if state.markets[want.market].venue == settings.doubtful_venue and quote.price > 0:
            most = max(most, (want.limit - quote.price) * PPM // quote.price)
    return most


def fees_of(market: Market) -> FeeTerms:
    """Terms to reckon with: an exit of a market whose terms went missing is priced at the highest known rate."""
    return market.fees or HIGHEST_KNOWN


def most_cost(terms: FeeTerms, action: Action, limit: Price, size: Size) -> Money:
    """The cash an order may take: cost at its limit and the largest fee; a sale takes its fee only.

    A cash-sized buy that fills cheaper gets more shares and pays more in fees, at most rate x amount.
    """
    if action is _SELL:
        return worst_fee(terms, Price(max(limit, ONE // 2)), size)  # fees peak at one half
    cost = cost_of(limit, size)
    if terms.schedule == "polymarket":
        return Money(cost + -(-cost * terms.taker // 1_000_000_000))
    return Money(cost + worst_fee(terms, limit, size))
