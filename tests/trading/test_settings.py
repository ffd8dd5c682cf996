"""Five sources, one precedence, errors that name variable, value and range (B-015..B-020)."""

import re
from pathlib import Path

import pytest
from pydantic import Field

from trading.errors import SettingsError
from trading.secrets import Secret
from trading.settings import Names, VenueSettings, example_env, is_loopback, load, redacted


class Example(VenueSettings):
    size: int = Field(10, ge=1, le=100, description="contracts")
    dollars: float = Field(5, gt=0, description="an amount")
    names: Names = Field((), description="a list")


def read(tmp_path: Path, env: dict[str, str] | None = None, **flags: object) -> Example:
    return load(Example, flags=flags, environ=env or {}, directory=tmp_path)


def test_precedence_flag_environment_dotenv_toml_default(tmp_path: Path) -> None:
    """B-015, C-18: each source gives way to the one above it."""
    seen = [read(tmp_path).size]
    (tmp_path / "config.toml").write_text("[risk]\nsize = 20\n")
    seen.append(read(tmp_path).size)
    (tmp_path / ".env").write_text("SIZE=30\n")
    seen.append(read(tmp_path).size)
    seen.append(read(tmp_path, {"SIZE": "40"}).size)
    seen.append(read(tmp_path, {"SIZE": "40"}, size=50).size)

    assert seen == [10, 20, 30, 40, 50]


@pytest.mark.parametrize("text", ["1", "true", "TRUE", "yes", "On"])
def test_true_has_many_spellings(tmp_path: Path, text: str) -> None:
    """B-016."""
    assert read(tmp_path, {"DRY_RUN": text}).dry_run is True


@pytest.mark.parametrize("text", ["0", "false", "No", "OFF"])
def test_false_has_many_spellings(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, {"DRY_RUN": text}).dry_run is False


def test_lists_are_trimmed_and_lower_case(tmp_path: Path) -> None:
    assert read(tmp_path, {"NAMES": " Kalshi , POLY,"}).names == ("kalshi", "poly")


@pytest.mark.parametrize(
    ("env", "parts"),
    [
        ({"SIZE": "0"}, ("SIZE='0'", ">= 1 and <= 100")),
        ({"SIZE": "ten"}, ("SIZE='ten'", "a whole number")),
        ({"DRY_RUN": "perhaps"}, ("DRY_RUN='perhaps'", "true/false")),
        ({"LOG_LEVEL": "LOUD"}, ("LOG_LEVEL='LOUD'", "DEBUG, INFO, WARNING, ERROR")),
        ({"SIZE": "0", "LOG_LEVEL": "LOUD"}, ("SIZE=", "LOG_LEVEL=")),
        ({"DOLLARS": "inf"}, ("DOLLARS='inf'", "a number > 0")),
        ({"DOLLARS": "1e400"}, ("DOLLARS='1e400'", "a number > 0")),
        ({"DOLLARS": "nan"}, ("DOLLARS='nan'", "a number > 0")),
    ],
)
def test_malformed_value_names_variable_value_and_range(tmp_path: Path, env: dict[str, str], parts: tuple[str, ...]) -> None:
    """B-017."""
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, env)

    assert all(part in str(caught.value) for part in parts)


def test_secrets_are_refused_in_toml_and_masked_everywhere(tmp_path: Path) -> None:
    """B-018, B-019."""
    (tmp_path / "config.toml").write_text('poly_private_key = "0xabc"\n')
    with pytest.raises(SettingsError, match=r"secret; put it into \.env"):
        read(tmp_path)
    (tmp_path / "config.toml").unlink()
    settings = read(tmp_path, {"POLY_PRIVATE_KEY": "0xabc"})

    assert settings.poly_private_key == Secret("0xabc")
    assert "0xabc" not in repr(settings) + str(redacted(settings))


def test_unknown_toml_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[risk]\nmax_sise = 1\n")

    with pytest.raises(SettingsError, match="max_sise"):
        read(tmp_path)


def test_toml_sections_prefix_their_keys(tmp_path: Path) -> None:
    """B-026: [kalshi] private_key_path is KALSHI_PRIVATE_KEY_PATH."""
    (tmp_path / "config.toml").write_text('[kalshi]\nprivate_key_path = "k.pem"\n')

    assert read(tmp_path).kalshi_private_key_path == "k.pem"


def test_aliases_of_credentials(tmp_path: Path) -> None:
    """C-03: old names work; two different values for one credential stop the start; a wallet address is taken as funder."""
    notices: list[str] = []
    wallet = "0x" + "1" * 40
    env = {"KALSHI_API_KEY": "k", "POLYMARKET_PRIVATE_KEY": "0x1", "POLYMARKET_API_KEY": wallet}
    settings = load(Example, environ=env, directory=tmp_path, notice=notices.append)

    assert (settings.kalshi_api_key_id, settings.poly_private_key.reveal(), settings.poly_funder) == ("k", "0x1", wallet)
    assert settings.polymarket_api_key == ""
    assert len(notices) == 1
    with pytest.raises(SettingsError, match="different values"):
        read(tmp_path, {"KALSHI_API_KEY": "a", "KALSHI_API_KEY_ID": "b"})
    assert read(tmp_path, {"KALSHI_API_KEY_ID": "", "KALSHI_API_KEY": "a"}).kalshi_api_key_id == "a"
    mixed = "0x" + "aB" * 20
    assert read(tmp_path, {"POLY_FUNDER": mixed, "POLYMARKET_API_KEY": mixed.lower()}).poly_funder == mixed


def test_mixed_hosts_stop_the_start(tmp_path: Path) -> None:
    """Hosts are all loopback or none (design.md 5, World)."""
    with pytest.raises(SettingsError, match="mixed"):
        read(tmp_path, {"KALSHI_API_BASE": "http://127.0.0.1:1/trade-api/v2"}).world()
    assert read(tmp_path).world() == "paper"
    assert read(tmp_path, {"DRY_RUN": "0"}).world() == "live"


@pytest.mark.parametrize(
    ("url", "near"),
    [
        ("http://127.0.0.1:1/x", True),
        ("ws://localhost:5", True),
        ("http://[::1]:5", True),
        ("https://localhost.evil.io", False),
    ],
)
def test_loopback_is_judged_by_address(url: str, near: bool) -> None:
    assert is_loopback(url) is near


def test_example_file_lists_every_variable() -> None:
    """B-020."""
    text = example_env(Example)

    assert all(f"#{name.upper()}=" in text for name in Example.model_fields)


def test_empty_means_not_given_except_where_it_means_none(tmp_path: Path) -> None:
    """LOG_FILE= switches the file off; an empty host keeps its default."""
    settings = read(tmp_path, {"LOG_FILE": "", "KALSHI_API_BASE": ""})

    assert settings.log_file == ""
    assert settings.kalshi_api_base.startswith("https://")


def test_a_near_miss_of_a_name_is_said(tmp_path: Path) -> None:
    """A typo in a variable would leave the default of a limit in force without a word."""
    notices: list[str] = []
    (tmp_path / ".env").write_text("LOG_LEVL=DEBUG\nPOSTGRES_PASSWORD=x\n")
    load(Example, environ={"KALSHI_API_BAS": "x", "HOME": "/", "dry_run": "0"}, directory=tmp_path, notice=notices.append)

    assert [line.split()[0] for line in notices] == ["LOG_LEVL", "KALSHI_API_BAS", "dry_run"]
    assert "written in capitals, DRY_RUN" in notices[2]
    assert "did you mean LOG_LEVEL?" in notices[0]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("SIZE 5\n", 1),
        ("# limits\n\nSIZE: 5\n", 3),
        ("SIZE\n", 1),
        ('LOG_LEVEL=INFO\nSIZE="5\nDRY_RUN=1\n', 2),
        ("KALSHI_API_SECRET=-----BEGIN PRIVATE KEY-----\ntopsecret\n", 2),
    ],
)
def test_a_line_of_dotenv_that_says_nothing_stops_the_start(tmp_path: Path, text: str, line: int) -> None:
    """B-017: it would leave a default in force; the message has its number and never its text (B-019)."""
    (tmp_path / ".env").write_text(text)

    with pytest.raises(SettingsError, match=rf"\.env line {line} is no NAME=value") as caught:
        read(tmp_path)
    assert "topsecret" not in str(caught.value)


def test_dotenv_is_read_as_people_write_it(tmp_path: Path) -> None:
    """B-015: a byte-order mark, export, quotes, comments, Windows line ends, a key over several lines, no expansion."""
    text = '\ufeffSIZE=20 # contracts\r\nexport LOG_LEVEL="DEBUG"\r\n\r\nKALSHI_API_SECRET="a\r\nb"\r\nNAMES=${HOME}\r\n'
    (tmp_path / ".env").write_bytes(text.encode())
    settings = read(tmp_path)

    assert (settings.size, settings.log_level, settings.names) == (20, "DEBUG", ("${home}",))
    assert settings.kalshi_api_secret.reveal().split() == ["a", "b"]


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    """B-017: one line, never a trace, and no byte of the file."""
    (tmp_path / ".env").write_bytes(b"KALSHI_API_SECRET=\xff\xfe\n")
    with pytest.raises(SettingsError, match=r"\.env is not UTF-8"):
        read(tmp_path)
    (tmp_path / ".env").unlink()

    with pytest.raises(SettingsError, match="no such file"):
        load(Example, environ={}, directory=tmp_path, config=tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("variable", "url", "rule"),
    [
        ("KALSHI_API_BASE", "http://external-api.kalshi.com/trade-api/v2", "https://"),
        ("KALSHI_WS_URL", "ws://external-api-ws.kalshi.com", "wss://"),
        ("KALSHI_WS_URL", "https://external-api-ws.kalshi.com", "wss://"),
        ("POLYMARKET_CLOB_URL", "clob.polymarket.com", "https://"),
        ("POLYMARKET_GEOBLOCK_URL", "http://polymarket.com/api/geoblock", "https://"),
        ("POLYMARKET_DATA_URL", "https://", "https://"),
        ("POLYMARKET_RELAYER_URL", "https://[1", "https://"),
    ],
)
def test_a_venue_is_never_reached_in_plain_text(tmp_path: Path, variable: str, url: str, rule: str) -> None:
    """B-312: HTTPS and WSS to every venue, no plaintext fallback; only this machine's simulators do without."""
    with pytest.raises(SettingsError, match=re.escape(f"{variable}='{url}': it must be {rule}")):
        read(tmp_path, {variable: url})


def test_a_dotenv_with_keys_that_others_can_read_is_said(tmp_path: Path) -> None:
    """B-311: once it holds a key under any of its names; without one its mode is nobody's business."""
    notices: list[str] = []
    file = tmp_path / ".env"
    for text, mode in (("SIZE=20\n", 0o644), ("POLYMARKET_PRIVATE_KEY=0x1\n", 0o600), ("POLYMARKET_PRIVATE_KEY=0x1\n", 0o640)):
        file.write_text(text)
        file.chmod(mode)
        load(Example, environ={}, directory=tmp_path, notice=notices.append)

    assert notices == [f"{file} has mode 0640; others can read it: chmod 600 {file}"]
