"""From settings to a venue's client: the one place that reads keys and knows both venue folders by name.

Controller and trader make their clients here, so that a leg behaves the same in either (B-003). A key that cannot be used stops
the start with one line; a missing key gives a client that only reads.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import msgspec

from trading.clock import Clock
from trading.errors import SettingsError
from trading.http import Http
from trading.ids import Ids
from trading.kalshi.client import KalshiClient
from trading.kalshi.sign import KalshiSigner
from trading.market import KALSHI, POLYMARKET, Venue
from trading.polymarket.client import PolymarketClient
from trading.polymarket.relayer import Relayer, RelayerKey
from trading.polymarket.sign import Account, ApiCredentials
from trading.polymarket.treasury import PolymarketTreasury
from trading.secrets import loose_permissions, read_key_file
from trading.settings import VenueSettings
from trading.stream import Dialer
from trading.treasury import Treasury
from trading.venue import VenueClient

__all__ = ["Connections", "connect", "kalshi_signer", "polymarket_account", "polymarket_credentials", "relayer_key"]


class Connections(msgspec.Struct, frozen=True, kw_only=True):
    """Clients by venue, and what their keys allow: signer and account are None where no key is set.

    treasuries holds the venues whose keys are here. relayer None: Polymarket's money is shown, and nothing of it moved on chain.
    """

    kalshi: KalshiClient
    polymarket: PolymarketClient
    signer: KalshiSigner | None
    account: Account | None
    treasuries: Mapping[Venue, Treasury]
    relayer: Relayer | None = None

    @property
    def clients(self) -> Mapping[Venue, VenueClient]:
        return {KALSHI: self.kalshi, POLYMARKET: self.polymarket}

    def can_trade(self, venue: Venue) -> bool:
        """Whether the keys for orders on this venue are here."""
        return self.signer is not None if venue == KALSHI else self.account is not None


def kalshi_signer(settings: VenueSettings, notice: Callable[[str], None] = lambda line: None) -> KalshiSigner | None:
    """The signer of the configured key, None when none is set. Raises SettingsError on half a pair or an unusable key."""
    key_id, path, inline = settings.kalshi_api_key_id, settings.kalshi_private_key_path, settings.kalshi_api_secret
    if not key_id and not path and not inline:
        return None
    if not key_id:
        raise SettingsError("KALSHI_API_KEY_ID is empty while a Kalshi private key is set; set both or none")
    if not path and not inline:
        raise SettingsError("KALSHI_PRIVATE_KEY_PATH is empty while KALSHI_API_KEY_ID is set; set both or none")
    if path:
        file = Path(path).expanduser()
        try:
            pem = read_key_file(file)
        except SettingsError as exc:
            raise SettingsError(f"KALSHI_PRIVATE_KEY_PATH: {exc}") from exc
        if (loose := loose_permissions(file)) is not None:
            notice(loose)
    else:
        pem = inline.reveal().replace("\\n", "\n").encode()
    try:
        return KalshiSigner.from_pem(key_id, pem, settings.kalshi_private_key_password)
    except SettingsError as exc:
        raise SettingsError(f"{f'KALSHI_PRIVATE_KEY_PATH={path}' if path else 'KALSHI_API_SECRET'}: {exc}") from exc


def polymarket_account(settings: VenueSettings) -> Account | None:
    """The wallet that signs orders, None when none is set. Raises SettingsError on half a pair or an unusable key."""
    if not settings.poly_private_key and not settings.poly_funder:
        return None
    if not settings.poly_private_key:
        raise SettingsError("POLY_PRIVATE_KEY is empty while POLY_FUNDER is set; set both or none")
    if not settings.poly_funder and settings.polymarket_signature_type != 0:
        raise SettingsError(
            "POLY_FUNDER is empty; "
            f"POLYMARKET_SIGNATURE_TYPE={settings.polymarket_signature_type} needs the wallet that holds the money"
        )
    try:
        return Account(
            settings.poly_private_key, settings.poly_funder, settings.polymarket_signature_type, settings.polymarket_chain_id
        )
    except SettingsError as exc:
        raise SettingsError(f"POLY_PRIVATE_KEY or POLY_FUNDER: {exc}") from exc


def polymarket_credentials(settings: VenueSettings) -> ApiCredentials | None:
    """The L2 triple when it is configured; without it the client derives one (B-029)."""
    if not settings.polymarket_api_key:
        return None
    if not settings.poly_private_key:
        raise SettingsError("POLYMARKET_API_KEY is set without POLY_PRIVATE_KEY, whose orders it belongs to; set both or none")
    return ApiCredentials(settings.polymarket_api_key, settings.polymarket_api_secret, settings.polymarket_api_passphrase)


def relayer_key(settings: VenueSettings) -> RelayerKey | ApiCredentials | None:
    """The key the relayer is asked with, None when none is set. Raises SettingsError on half of one."""
    key, address = settings.polymarket_relayer_api_key, settings.polymarket_relayer_api_key_address
    if bool(key) != bool(address):
        raise SettingsError(
            "POLYMARKET_RELAYER_API_KEY and POLYMARKET_RELAYER_API_KEY_ADDRESS belong together; set both or none"
        )
    if key:
        return RelayerKey(key, address)
    builder = settings.polymarket_builder_api_key
    secret, phrase = settings.polymarket_builder_api_secret, settings.polymarket_builder_api_passphrase
    if len({bool(builder), bool(secret), bool(phrase)}) > 1:
        raise SettingsError("POLYMARKET_BUILDER_API_KEY, _SECRET and _PASSPHRASE belong together: set all three, or none")
    return ApiCredentials(builder, secret, phrase) if builder else None


def connect(
    settings: VenueSettings,
    *,
    http: Callable[[Venue], Http],
    dialer: Callable[[str], Dialer],
    clock: Clock,
    ids: Ids,
    notice: Callable[[str], None] = lambda line: None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Connections:
    """Make both clients. http and dialer are called once per venue or stream name; sleep is the relayer's between its polls.

    Raises SettingsError as above.
    """
    signer = kalshi_signer(settings, notice)
    account = polymarket_account(settings)
    kalshi = KalshiClient(
        http(KALSHI),
        settings.kalshi_api_base,
        signer,
        clock,
        ws=(dialer("kalshi-private"), settings.kalshi_ws_url) if signer else None,
        ids=ids,
        share=settings.rate_share,
    )
    polymarket_http = http(POLYMARKET)
    polymarket = PolymarketClient(
        polymarket_http,
        settings.polymarket_clob_url,
        settings.polymarket_data_url,
        account,
        polymarket_credentials(settings),
        clock,
        ids,
        ws=(dialer("polymarket-private"), settings.polymarket_ws_url.rstrip("/") + "/user") if account else None,
        share=settings.rate_share,
    )
    key = relayer_key(settings)
    relayer = (
        Relayer(polymarket_http, settings.polymarket_relayer_url, account, key, clock, sleep=sleep) if account and key else None
    )
    treasuries: dict[Venue, Treasury] = {}
    if signer is not None:
        treasuries[KALSHI] = kalshi.treasury()
    if account is not None:
        treasuries[POLYMARKET] = PolymarketTreasury(polymarket.holdings, relayer)
    return Connections(
        kalshi=kalshi, polymarket=polymarket, signer=signer, account=account, treasuries=treasuries, relayer=relayer
    )
