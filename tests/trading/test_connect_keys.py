"""Keys as people set them: half a pair or an unusable key stops the start with the variable's name and never the key."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from trading.connect import kalshi_signer, polymarket_account, polymarket_credentials, relayer_key
from trading.errors import SettingsError
from trading.secrets import write_private
from trading.settings import VenueSettings, load

WALLET = "0x" + "11" * 32
FUNDER = "0x" + "22" * 20
PEM = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def settings(directory: Path, environ: dict[str, str]) -> VenueSettings:
    return load(VenueSettings, environ=environ, directory=directory)


@pytest.mark.parametrize(
    ("environ", "rule"),
    [
        ({"KALSHI_API_KEY_ID": "id"}, "KALSHI_PRIVATE_KEY_PATH is empty while KALSHI_API_KEY_ID is set"),  # B-025
        ({"KALSHI_API_SECRET": "pem"}, "KALSHI_API_KEY_ID is empty"),
        ({"KALSHI_API_KEY": "id", "KALSHI_API_SECRET": "hunter2"}, "KALSHI_API_SECRET: .* PEM"),  # C-03: only if it is a PEM
        ({"KALSHI_API_KEY_ID": "id", "KALSHI_PRIVATE_KEY_PATH": "nowhere.pem"}, "key file nowhere.pem: No such file"),  # B-026
        ({"POLY_FUNDER": FUNDER}, "POLY_PRIVATE_KEY is empty"),  # B-027
        ({"POLY_PRIVATE_KEY": WALLET}, "POLY_FUNDER is empty"),  # B-028
        ({"POLY_PRIVATE_KEY": "hunter2", "POLY_FUNDER": FUNDER}, "64 hex digits"),
        ({"POLYMARKET_API_KEY": "k"}, "without POLY_PRIVATE_KEY"),  # B-029
        ({"POLYMARKET_RELAYER_API_KEY": "k"}, "belong together"),
        ({"POLYMARKET_BUILDER_API_KEY": "k"}, "set all three, or none"),
    ],
)
def test_a_key_that_cannot_be_used_names_its_variable(tmp_path: Path, environ: dict[str, str], rule: str) -> None:
    """B-017, B-019."""
    read = settings(tmp_path, environ)
    with pytest.raises(SettingsError, match=rule) as caught:
        kalshi_signer(read)
        polymarket_account(read)
        polymarket_credentials(read)
        relayer_key(read)

    assert "hunter2" not in str(caught.value)


def test_no_keys_are_no_trouble(tmp_path: Path) -> None:
    """B-091: a process without a platform's keys only reads there."""
    read = settings(tmp_path, {})

    assert [make(read) for make in (kalshi_signer, polymarket_account, polymarket_credentials, relayer_key)] == [None] * 4


@pytest.mark.parametrize("inline", [PEM.decode(), PEM.decode().replace("\n", "\\n")])
def test_a_kalshi_key_may_stand_in_the_environment(tmp_path: Path, inline: str) -> None:
    """B-026: KALSHI_API_SECRET holds the PEM, its line ends as they are or written as \\n."""
    signer = kalshi_signer(settings(tmp_path, {"KALSHI_API_KEY": "id", "KALSHI_API_SECRET": inline}))

    assert signer is not None and (signer.key_id, signer.kind) == ("id", "ed25519")


def test_a_key_file_that_others_can_read_is_said(tmp_path: Path) -> None:
    """B-311: with the command that mends it; a private one is silent."""
    file, notices = tmp_path / "k.pem", []
    write_private(file, PEM)
    read = settings(tmp_path, {"KALSHI_API_KEY_ID": "id", "KALSHI_PRIVATE_KEY_PATH": str(file)})
    kalshi_signer(read, notices.append)
    file.chmod(0o644)
    kalshi_signer(read, notices.append)

    assert notices == [f"{file} has mode 0644; others can read it: chmod 600 {file}"]
