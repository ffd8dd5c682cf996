"""The variables contract of the controller: names, defaults and meanings that people were promised (behaviour.md 3)."""

from pathlib import Path

import pytest

from controller.app import _check_leagues
from controller.settings import ControllerSettings
from trading.errors import SettingsError
from trading.secrets import Secret
from trading.settings import load


def settings(tmp_path: Path, notices: list[str] | None = None, **environ: str) -> ControllerSettings:
    heard = [] if notices is None else notices
    return load(ControllerSettings, environ=environ, directory=tmp_path, notice=heard.append)


CONTRACT = [
    ("B-030", "dry_run", True),
    ("B-031", "controller_platforms", ()),
    ("B-032", "discovery_only", False),
    ("B-033", "force_discovery", False),
    ("B-034", "test_arb", False),
    ("B-035", "test_arb_type", "poly_yes_kalshi_no"),
    ("B-036", "price_logging", False),
    ("B-037", "log_level", "INFO"),
    ("B-038", "cb_enabled", True),
    ("B-039", "cb_max_position_per_market", 100),
    ("B-040", "cb_max_total_position", 500),
    ("B-041", "cb_max_daily_loss", 5000),
    ("B-042", "cb_max_consecutive_errors", 5),
    ("B-043", "cb_cooldown_secs", 60),
    ("B-044", "min_arb_spread", 0),
    ("B-045", "min_arbitrage_threshold", 0.01),
    ("B-046", "max_trade_size", 1000),
    ("B-047", "max_position_per_market", 5000),
    ("B-048", "slippage_tolerance", 0.02),
    ("B-050", "execution_timeout_secs", 5),
    ("B-051", "price_fetch_interval", 5),
    ("B-052", "execution_mode", "auto"),
    ("B-053", "trade_cooldown_secs", 0),
    ("B-054", "database_url", Secret("")),
    ("B-056", "require_pair_approval", "auto"),
    ("B-057", "require_live_confirm", False),
    ("B-063", "enabled_leagues", ()),
    ("B-400", "feed_proof_max_ms", 2000),
    ("B-401", "discovery_cache_ttl_secs", 7200),
    ("B-402", "discovery_interval_mins", 15),
    ("B-403", "unwind_deadline_secs", 30),
    ("B-404", "unwind_max_loss_cents", 10),
    ("B-405", "enable_event_baskets", True),
    ("B-406", "allow_unverified_live", False),
    ("B-408", "prefer_remote", False),
    ("B-409", "polymarket_signature_type", 3),
    ("B-410", "log_file", "logs/arbitrage.log"),
    ("B-411", "paper_starting_balance", 10_000),
    ("B-412", "max_edge_cents", 15),
    ("B-413", "discovery_cache_path", ".discovery_cache.json"),
    ("B-413", "state_dir", "state"),
]


@pytest.mark.parametrize(("clause", "name", "default"), CONTRACT, ids=[f"{clause}-{name}" for clause, name, _ in CONTRACT])
def test_a_variable_of_the_contract_has_its_name_and_default(tmp_path: Path, clause: str, name: str, default: object) -> None:
    """Who wrote a .env by the contract gets what it says; a default that moves moves here, too."""
    assert getattr(settings(tmp_path), name) == default


@pytest.mark.parametrize(
    ("environ", "rule"),
    [
        ({"POLYMARKET_API_KEY": "k"}, "set all three"),  # B-029
        ({"POLYMARKET_API_KEY": "k", "POLYMARKET_API_SECRET": "s"}, "set all three"),
        ({"KALSHI_API_SECRET": "pem", "KALSHI_PRIVATE_KEY_PATH": "k.pem"}, "both hold a key"),  # C-03
        ({"CB_MAX_DAILY_LOSS": "50.0"}, "5000 means"),  # C-05
        ({"CB_MAX_DAILY_LOSS": "$50"}, "5000 means"),
        ({"CONTROLLER_PLATFORMS": "kalshi,nyse"}, "CONTROLLER_PLATFORMS=nyse: unknown platform"),  # B-082
        ({"TEST_ARB_TYPE": "sideways"}, "TEST_ARB_TYPE='sideways'"),  # B-035
        ({"REMOTE_TRADER_BIND": "9001"}, "REMOTE_TRADER_BIND='9001': it must be HOST:PORT"),  # B-058
        ({"REMOTE_TRADER_BIND": "100.64.0.1:x"}, "LINK_PORT='x'"),
        ({"REMOTE_TRADER_BIND": "100.64.0.1:9", "LINK_PORT": "8"}, "LINK_PORT is given twice"),
        ({"LINK_BEAT_MS": "3000"}, "LINK_BEAT_MS=3000, LINK_QUIET_MS=3000"),
        ({"ARB_IDENTITY_PATH": "keys/me.pem"}, "must end in /identity.pem"),  # B-061
    ],
)
def test_a_value_that_cannot_be_meant_is_named(tmp_path: Path, environ: dict[str, str], rule: str) -> None:
    """B-017: before anything starts."""
    with pytest.raises(SettingsError, match=rule):
        settings(tmp_path, **environ)


def test_names_of_the_contract_that_are_others_here_are_taken_and_said(tmp_path: Path) -> None:
    """B-058, B-061: LINK_HOST and LINK_PORT in one, and the key by its path."""
    notices: list[str] = []
    taken = settings(tmp_path, notices, REMOTE_TRADER_BIND="[fd7a::1]:9100", ARB_IDENTITY_PATH="/srv/keys/identity.pem")

    assert (taken.link_host, taken.link_port, taken.link_dir) == ("fd7a::1", 9100, "/srv/keys")
    assert notices == [
        "REMOTE_TRADER_BIND is taken as LINK_HOST and LINK_PORT",
        "ARB_IDENTITY_PATH is taken as LINK_DIR, its directory",
    ]


def test_variables_of_what_does_not_exist_are_said_and_stop_nothing(tmp_path: Path) -> None:
    """B-009, B-055, B-062, B-407: nobody may believe that a bot watches. Off or empty says nothing."""
    notices: list[str] = []
    (tmp_path / ".env").write_text("DISCORD_BOT_TOKEN=x\nDISCORD_CHANNEL_ID=\nALLOW_POLLED_EXECUTION=0\n")
    settings(tmp_path, notices, ODDS_API_KEY="y", ORDER_TIMEOUT_SECONDS="30", ALLOW_POLLED_EXECUTION="1")

    assert [line.split(":")[0] for line in notices] == [
        f"{name} has no effect"
        for name in ("DISCORD_BOT_TOKEN", "ODDS_API_KEY", "ORDER_TIMEOUT_SECONDS", "ALLOW_POLLED_EXECUTION")
    ]


@pytest.mark.parametrize("text", ["polymarket, KALSHI", "Poly,kalshi", " kalshi,polymarket,"])
def test_platforms_come_in_any_order_case_and_alias(tmp_path: Path, text: str) -> None:
    """B-031, B-082."""
    assert settings(tmp_path, CONTROLLER_PLATFORMS=text).platforms == {"kalshi", "polymarket"}


def test_two_phase_is_polymarket_first(tmp_path: Path) -> None:
    """B-052: the older name of that mode."""
    assert settings(tmp_path, EXECUTION_MODE="two_phase").mode == "poly_first"


def test_an_unknown_league_stops_the_start(tmp_path: Path) -> None:
    """B-063, B-017: comma separated, any case; the message has the names there are."""
    _check_leagues(settings(tmp_path, ENABLED_LEAGUES="NBA, nfl"))

    with pytest.raises(SettingsError, match=r"ENABLED_LEAGUES=quidditch: unknown league \(allowed: .*nba"):
        _check_leagues(settings(tmp_path, ENABLED_LEAGUES="nba,quidditch"))
