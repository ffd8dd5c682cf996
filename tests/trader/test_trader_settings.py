"""Which platform a trader serves, and what it takes from files it shares with a controller."""

from pathlib import Path

import pytest

from trader.settings import TraderSettings
from trading.errors import SettingsError
from trading.settings import VenueSettings, load

KALSHI_KEYS = {"KALSHI_API_KEY_ID": "id", "KALSHI_PRIVATE_KEY_PATH": "key.pem"}
WALLET = {"POLY_PRIVATE_KEY": "0x" + "11" * 32, "POLY_FUNDER": "0x" + "22" * 20}
TRIPLE = {"POLYMARKET_API_KEY": "k", "POLYMARKET_API_SECRET": "s", "POLYMARKET_API_PASSPHRASE": "p"}


def settings(tmp_path: Path, environ: dict[str, str]) -> TraderSettings:
    return load(TraderSettings, environ=environ, directory=tmp_path, shared=True)


@pytest.mark.parametrize(
    ("environ", "platform"),
    [
        (KALSHI_KEYS, "kalshi"),
        (WALLET, "polymarket"),
        ({**KALSHI_KEYS, **WALLET, "TRADER_PLATFORM": "Poly"}, "polymarket"),
        ({"TRADER_PLATFORM": "kalshi"}, "kalshi"),
        ({"TRADER_PLATFORM": "", **WALLET}, "polymarket"),
    ],
)
def test_platform_is_as_set_or_the_one_with_keys(tmp_path: Path, environ: dict[str, str], platform: str) -> None:
    """B-060: TRADER_PLATFORM, from credentials when it is unset."""
    assert settings(tmp_path, environ).platform() == platform


@pytest.mark.parametrize(
    ("environ", "why"), [({}, "no platform's keys"), ({**KALSHI_KEYS, **WALLET}, "keys of both platforms")]
)
def test_platform_that_nothing_tells_is_an_error(tmp_path: Path, environ: dict[str, str], why: str) -> None:
    with pytest.raises(SettingsError, match=f"TRADER_PLATFORM=auto: {why}"):
        settings(tmp_path, environ).platform()


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"TRADER_PLATFORM": "betfair"}, "TRADER_PLATFORM='betfair'"),
        ({"PAPER_STARTING_BALANCE": "0"}, "PAPER_STARTING_BALANCE='0'"),
        ({**WALLET, "POLYMARKET_API_KEY": "k"}, "set all three"),
        (TRIPLE, "POLY_PRIVATE_KEY is empty"),
        ({**KALSHI_KEYS, "KALSHI_API_SECRET": "pem"}, "both hold a key"),
        ({"DRY_RUN": "maybe"}, "DRY_RUN='maybe'"),
        ({"WEBSOCKET_URL": "controller:9001"}, "WEBSOCKET_URL='controller:9001': it must be ws://"),
    ],
)
def test_malformed_value_is_named(tmp_path: Path, environ: dict[str, str], named: str) -> None:
    """B-017: variable and rule in the message, before anything starts."""
    with pytest.raises(SettingsError, match=named):
        settings(tmp_path, environ)


def test_shared_config_is_taken_as_far_as_it_is_known(tmp_path: Path) -> None:
    """A controller's config.toml beside the trader is no error: hosts are taken, risk limits passed over, secrets refused."""
    file = tmp_path / "config.toml"
    file.write_text('[risk]\ncb_max_daily_loss = 2500\n[kalshi]\napi_base = "http://127.0.0.1:1"\n')
    assert settings(tmp_path, {}).kalshi_api_base == "http://127.0.0.1:1"
    with pytest.raises(SettingsError, match="cb_max_daily_loss is no setting"):
        load(TraderSettings, environ={}, directory=tmp_path)

    file.write_text('poly_private_key = "0x"\n')
    with pytest.raises(SettingsError, match="is a secret"):
        settings(tmp_path, {})


def test_controller_urls_are_taken_as_addresses(tmp_path: Path) -> None:
    """B-059: several, tried in order; paper by default like every process (B-030)."""
    taken = settings(tmp_path, {"WEBSOCKET_URL": "ws://100.64.0.1:9001, wss://[fd7a::1]:9002/path"})

    assert taken.controller_address == ("100.64.0.1:9001", "[fd7a::1]:9002")
    assert taken.dry_run is True


def test_readme_lists_every_variable_of_a_trader() -> None:
    """B-315: those that are not venue settings, which .env.example has; LOG_FILE's default is another here."""
    text = (Path(__file__).resolve().parents[2] / "trader" / "README.md").read_text(encoding="utf-8")
    own = [name.upper() for name in TraderSettings.model_fields if name not in VenueSettings.model_fields]

    assert [name for name in [*own, "LOG_FILE", *TraderSettings.other_names] if f"`{name}`" not in text] == []
