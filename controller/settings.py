"""Every setting of the controller, with its default, range and one-line meaning (behaviour.md 3, execution.md).

Prices in settings are cents unless the name says otherwise. A setting nobody reads does not stand here.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from trading.errors import SettingsError
from trading.link.settings import LinkSettings
from trading.market import KALSHI, POLYMARKET, Venue
from trading.secrets import Secret
from trading.settings import Names, OtherName, SecretText, VenueSettings

__all__ = ["ControllerSettings"]


def _whole_cents(value: object) -> object:
    if isinstance(value, str) and ("." in value or "$" in value):
        raise ValueError("is in whole cents: 5000 means $50")  # C-05
    return value


def _bound_to(text: str) -> Mapping[str, str]:
    host, colon, port = text.strip().rpartition(":")
    if not colon or not host:
        raise SettingsError(f"REMOTE_TRADER_BIND={text!r}: it must be HOST:PORT; or set LINK_HOST and LINK_PORT")
    return {"link_host": host.strip("[]"), "link_port": port}


_NO_BOT = "there is no Discord bot; approve with `controller pairs`, hear alerts by ALERT_URL or ALERT_COMMAND"
Cents = Annotated[int, BeforeValidator(_whole_cents)]
_MODES = {"two_phase": "poly_first"}


class ControllerSettings(LinkSettings, VenueSettings):
    """What `controller` reads from flags, environment, .env and config.toml."""

    other_names: ClassVar[Mapping[str, OtherName]] = {
        **LinkSettings.other_names,
        "REMOTE_TRADER_BIND": OtherName("LINK_HOST and LINK_PORT", _bound_to),  # B-058
    }
    not_here: ClassVar[Mapping[str, str]] = {
        "DISCORD_BOT_TOKEN": _NO_BOT,
        "DISCORD_CHANNEL_ID": _NO_BOT,
        "ODDS_API_KEY": "there is no fair-value strategy, so nothing asks for odds",
        "ORDER_TIMEOUT_SECONDS": "no order rests; EXECUTION_TIMEOUT_SECS limits an execution",
        "ALLOW_POLLED_EXECUTION": "polled prices are shown and never traded",
    }
    controller_platforms: Names = Field((), description="platforms whose legs this process executes: kalshi,polymarket")
    prefer_remote: bool = Field(False, description="1 = use a connected trader first even for a listed platform")
    link_host: str = Field("127.0.0.1", description="address traders dial: this machine's tailnet address, or loopback")
    link_port: int = Field(9001, ge=0, le=65_535, description="port traders dial; 0 = any free one")
    link_insecure_bind: bool = Field(False, description="1 = allow LINK_HOST=0.0.0.0, every interface")
    trader_tag: str = Field("tag:arb-trader", description="tailnet tag a trader's machine carries; empty = any")
    discovery_only: bool = Field(False, description="1 = find pairs, print them, exit")
    force_discovery: bool = Field(False, description="1 = ignore the discovery cache for this start and rewrite it")
    enabled_leagues: Names = Field((), description="leagues and domains (futures, economics ...) to watch; empty = all")
    discovery_cache_path: str = Field(".discovery_cache.json", description="where found pairs are kept between starts")
    discovery_cache_ttl_secs: int = Field(7200, ge=0, description="a younger cache is used as it is")
    discovery_interval_mins: int = Field(15, ge=0, description="look for new markets while running; 0 = off")
    require_pair_approval: Literal["auto", "all", "none"] = Field("auto", description="which pairs need a person first")
    test_arb: bool = Field(False, description="1 = inject one synthetic opportunity of at most 10 contracts")
    test_arb_type: Literal["poly_yes_kalshi_no", "kalshi_yes_poly_no", "poly_only", "kalshi_only"] = Field(
        "poly_yes_kalshi_no", description="which type the synthetic opportunity has; ..._only = NO of all markets of one event"
    )
    price_logging: bool = Field(False, description="1 = log every change of a best price")
    execution_mode: Literal["auto", "concurrent", "poly_first", "kalshi_first", "two_phase"] = Field(
        "auto", description="which leg goes first; auto = the plan table (two_phase = poly_first)"
    )
    execution_timeout_secs: float = Field(5, gt=0, le=60, description="limit of one execution, counted after venue holds")
    price_fetch_interval: float = Field(5, gt=0, le=3600, description="seconds between polled books where no stream runs")
    min_arbitrage_threshold: float = Field(0.01, ge=0, le=1, description="least net return on cost, as a fraction")
    min_arb_spread: Cents = Field(0, ge=0, le=100, description="extra cents required of a cross-venue arb")
    min_annualised_return: float = Field(0.20, ge=0, le=10, description="least yearly return on locked money, as a fraction")
    max_lock_days: int = Field(45, ge=0, le=3650, description="longest time money may be locked until the later payout")
    max_edge_cents: Cents = Field(15, ge=1, le=100, description="a larger edge is bad data: the pair is quarantined")
    depth_fraction: float = Field(0.25, gt=0, le=1, description="share of the acceptable depth taken at most")
    edge_vol_k: float = Field(1.0, ge=0, le=10, description="weight of recent price moves in the required edge")
    feed_proof_max_ms: int = Field(2000, ge=100, le=60_000, description="how old the proof of both feeds may be")
    hold_unknown_ms: int = Field(3000, ge=0, le=60_000, description="taker hold assumed where the venue tells none")
    trade_held_in_play: bool = Field(False, description="1 = trade held markets in play at a quarter of the size")
    leg2_max_trigger_ms: int = Field(
        150, ge=0, le=60_000, description="p95 of reaching the second leg's executor beyond which size is halved"
    )
    plan_min_samples: int = Field(30, ge=0, description="recorded outcomes before a plan other than poly_first")
    leg1_slippage_cents: Cents = Field(0, ge=0, le=20, description="how far the first leg may pay above detection")
    slippage_tolerance: float = Field(0.02, ge=0, le=1, description="outer relative bound on any opening leg's price")
    complete_max_loss_cents: Cents = Field(3, ge=0, le=50, description="loss per contract the second leg may concede")
    exit_min_cents: float = Field(
        0.5, ge=-100, le=10, description="a held pair is sold for a dollar less this after fees; -100 = never"
    )
    unwind_max_loss_cents: Cents = Field(10, ge=0, le=100, description="loss per contract of an exit up to 10 s")
    unwind_hard_loss_cents: Cents = Field(25, ge=0, le=100, description="loss per contract of an exit at the deadline")
    unwind_deadline_secs: float = Field(30, gt=0, le=600, description="after this an unhedged remainder is an alarm")
    unknown_alarm_secs: float = Field(60, gt=0, le=3600, description="an order without a final word is an alarm from this age")
    unwind_daily_budget_usd: float = Field(25, ge=0, description="exit losses a day before new arbs stop")
    poly_unwind_via: Literal["auto", "complement", "sell"] = Field("auto", description="how a Polymarket excess is closed")
    hedge_dust: float = Field(0.05, ge=0, le=5, description="contracts too few to trade; carried and counted apart")
    cooldown_match_ms: int = Field(0, ge=0, le=3_600_000, description="pause on an event after a full match")
    trade_cooldown_secs: float = Field(0, ge=0, description="fixed pause on a pair after an execution, besides miss memory")
    miss_backoff_ms: int = Field(2000, ge=0, description="first pause after a free miss; doubles to 60 s")
    one_sided_max: int = Field(3, ge=1, le=1000, description="one-sided fills in a row that block an event")
    one_sided_block_secs: float = Field(300, ge=0, le=86_400, description="how long they block it")
    max_trade_size: float = Field(1000, gt=0, description="dollars per opportunity, both legs")
    max_position_per_market: float = Field(5000, gt=0, description="dollars of open exposure per market")
    event_max_cost_usd: float = Field(500, gt=0, description="cost per event")
    event_max_worst_loss_usd: float = Field(50, gt=0, description="worst outcome of an event")
    naked_max_contracts_event: float = Field(25, ge=0, description="contracts of one event that may be unhedged in flight")
    naked_max_usd_total: float = Field(100, ge=0, description="dollars unhedged in flight over all events")
    max_unconfirmed_usd: float = Field(250, ge=0, description="dollars of unconfirmed fills per event")
    ghost_rate_max: float = Field(
        0.02, ge=0, le=1, description="share of a venue's last 50 fills that may be reversed before it is left alone"
    )
    unwind_cash_reserve: float = Field(0.05, ge=0, lt=1, description="share of a shard's cash kept for exits, as a fraction")
    start_blackout_secs: float = Field(60, ge=0, description="no new arb this close to a scheduled start")
    no_new_before_close_secs: float = Field(120, ge=0, description="no new arb this close to a fixed close")
    restart_quarantine_secs: float = Field(150, ge=0, description="no Polymarket leg this long after a restart")
    enable_event_baskets: bool = Field(True, description="1 = also trade NO+NO sets of one venue's event")
    allow_unverified_live: bool = Field(False, description="1 = trade live where nobody verified the settlement terms")
    cb_enabled: bool = Field(True, description="circuit breaker on")
    cb_max_position_per_market: int = Field(100, ge=1, description="contracts per market")
    cb_max_total_position: int = Field(500, ge=1, description="contracts over all markets")
    cb_max_daily_loss: Cents = Field(5000, ge=0, description="cents lost in a day that stop trading")
    cb_max_consecutive_errors: int = Field(5, ge=1, description="errors in a row that stop trading")
    cb_cooldown_secs: float = Field(60, ge=0, description="pause after an error trip")
    cb_reset_utc_secs: int = Field(0, ge=0, lt=86_400, description="second of the UTC day at which the day's loss starts anew")
    paper_starting_balance: float = Field(10_000, gt=0, description="dollars per venue of the paper ledger")
    require_live_confirm: bool = Field(False, description="1 = DRY_RUN=0 also needs LIVE_CONFIRM=I_UNDERSTAND")
    live_confirm: str = Field("", description="I_UNDERSTAND, when REQUIRE_LIVE_CONFIRM=1")
    alert_url: SecretText = Field(Secret(""), description="address that gets every alert as a POST of one JSON object")
    alert_command: str = Field("", description="command run for every alert, its line on standard input; no shell: sh -c '…'")
    database_url: SecretText = Field(
        Secret(""),
        description="the ledger: postgresql://USER:PASSWORD@HOST/NAME, over TLS when elsewhere; empty = a file in STATE_DIR",
    )
    state_dir: str = Field("state", description="decisions and other records")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        unknown = [name for name in self.controller_platforms if name not in ("kalshi", "polymarket", "poly")]
        if unknown:
            raise ValueError(f"CONTROLLER_PLATFORMS={','.join(unknown)}: unknown platform (allowed: kalshi, polymarket)")
        triple = (self.polymarket_api_key, self.polymarket_api_secret, self.polymarket_api_passphrase)
        if any(triple) and not all(triple):
            raise ValueError(
                "POLYMARKET_API_KEY, _SECRET and _PASSPHRASE belong together: set all three, or none to derive them"
            )
        if self.kalshi_api_secret and self.kalshi_private_key_path:
            raise ValueError("KALSHI_API_SECRET and KALSHI_PRIVATE_KEY_PATH both hold a key; keep one")
        return self

    @property
    def platforms(self) -> frozenset[Venue]:
        """Venues executed here."""
        return frozenset(KALSHI if name == "kalshi" else POLYMARKET for name in self.controller_platforms)

    @property
    def mode(self) -> str:
        """EXECUTION_MODE without its alias."""
        return _MODES.get(self.execution_mode, self.execution_mode)
