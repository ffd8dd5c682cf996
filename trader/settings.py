"""Every setting of a trader: the venue's keys and hosts, and which platform it serves.

A trader keeps keys of its own platform only (B-091) and reads its own .env (B-073); of a config.toml that it shares with a
controller it takes what it knows.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from trader.guard import GuardLimits
from trading.errors import SettingsError
from trading.link.settings import LinkSettings
from trading.market import KALSHI, POLYMARKET, Venue
from trading.settings import Names, OtherName, VenueSettings
from trading.units import CONTRACT, DOLLAR, Money, Size

__all__ = ["TraderSettings"]

_KEYS = {KALSHI: "KALSHI_API_KEY_ID and KALSHI_PRIVATE_KEY_PATH", POLYMARKET: "POLY_PRIVATE_KEY and POLY_FUNDER"}


def _platform(value: object) -> object:
    name = value.strip().lower() if isinstance(value, str) else value
    return "polymarket" if name == "poly" else name  # the alias of CONTROLLER_PLATFORMS (B-082)


def _addresses(urls: str) -> Mapping[str, str]:
    """ws://HOST:PORT/… several times to HOST:PORT; the link encrypts by itself, whatever the scheme."""
    found = []
    for url in filter(None, (part.strip() for part in urls.split(","))):
        scheme, _, rest = url.partition("://")
        if scheme.lower() not in ("ws", "wss") or not rest.partition("/")[0]:
            raise SettingsError(f"WEBSOCKET_URL={urls!r}: it must be ws://HOST:PORT, several separated by commas")
        found.append(rest.partition("/")[0])
    return {"controller_address": ",".join(found)}


class TraderSettings(LinkSettings, VenueSettings):
    """What `trader` reads from flags, environment, .env and config.toml."""

    other_names: ClassVar[Mapping[str, OtherName]] = {
        **LinkSettings.other_names,
        "WEBSOCKET_URL": OtherName("CONTROLLER_ADDRESS", _addresses),  # B-059
    }
    trader_platform: Annotated[Literal["auto", "kalshi", "polymarket"], BeforeValidator(_platform)] = Field(
        "auto", description="the one platform this trader serves; auto = the one whose keys are set (B-060)"
    )
    paper_starting_balance: float = Field(10_000, gt=0, le=1_000_000_000, description="dollars of the paper account")
    controller_address: Names = Field((), description="where the controller listens: host:port, several tried in turn")
    link_socks5: str = Field(
        "",
        description="SOCKS5 proxy to the controller, host:port, where tailscaled runs in userspace mode; empty = dial directly",
    )
    trader_name: str = Field("", description="this trader's name in logs; empty = the machine's", max_length=64)
    controller_tag: str = Field("tag:arb-controller", description="tailnet tag the controller's machine carries; empty = any")
    state_dir: str = Field("state", description="journal, lock and HALT file stand in STATE_DIR/trader-PLATFORM")
    trader_max_leg_contracts: float = Field(1_000, gt=0, description="contracts of one leg at most")
    trader_max_leg_usd: float = Field(500, gt=0, description="dollars of one leg at most, fee included")
    trader_max_open_legs: int = Field(64, ge=1, le=10_000, description="legs under way at most")
    trader_max_legs_per_sec: float = Field(20, gt=0, le=1_000, description="new legs a second at most")
    trader_max_day_usd: float = Field(10_000, gt=0, description="dollars bought in a UTC day at most")
    trader_max_day_loss_usd: float = Field(250, gt=0, description="dollars lost by selling in a UTC day before buying stops")
    trader_max_market_contracts: float = Field(5_000, gt=0, description="contracts held of one market at most")
    log_file: str = Field("logs/trader.log", description="JSON lines, rotated; empty = none")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        triple = (self.polymarket_api_key, self.polymarket_api_secret, self.polymarket_api_passphrase)
        if any(triple) and not all(triple):
            raise ValueError(
                "POLYMARKET_API_KEY, _SECRET and _PASSPHRASE belong together: set all three, or none to derive them (B-029)"
            )
        if all(triple) and not self.poly_private_key:
            raise ValueError("POLYMARKET_API_KEY is set while POLY_PRIVATE_KEY is empty; set the wallet's key too, or neither")
        if self.kalshi_api_secret and self.kalshi_private_key_path:
            raise ValueError("KALSHI_API_SECRET and KALSHI_PRIVATE_KEY_PATH both hold a key; keep one (C-03)")
        return self

    def limits(self) -> GuardLimits:
        """The guard's limits in its own units."""
        return GuardLimits(
            leg_contracts=Size(int(self.trader_max_leg_contracts * CONTRACT)),
            leg_cost=Money(int(self.trader_max_leg_usd * DOLLAR)),
            open_legs=self.trader_max_open_legs,
            rate=self.trader_max_legs_per_sec,
            day_cost=Money(int(self.trader_max_day_usd * DOLLAR)),
            day_loss=Money(int(self.trader_max_day_loss_usd * DOLLAR)),
            market_contracts=Size(int(self.trader_max_market_contracts * CONTRACT)),
        )

    @property
    def configured(self) -> Venue | None:
        """The platform that TRADER_PLATFORM names, None when it is left to the keys."""
        return None if self.trader_platform == "auto" else Venue(self.trader_platform)

    def platform(self) -> Venue:
        """The one platform served. Raises SettingsError when neither TRADER_PLATFORM nor the keys tell it."""
        if self.configured is not None:
            return self.configured
        keyed = [venue for venue, there in ((KALSHI, self.kalshi_api_key_id), (POLYMARKET, self.poly_private_key)) if there]
        if len(keyed) == 1:
            return keyed[0]
        why = "keys of both platforms are set" if keyed else "no platform's keys are set"
        raise SettingsError(f"TRADER_PLATFORM=auto: {why}; set TRADER_PLATFORM to kalshi or polymarket")

    @staticmethod
    def key_names(venue: Venue) -> str:
        """The variables that hold a platform's keys, for messages."""
        return _KEYS[venue]
