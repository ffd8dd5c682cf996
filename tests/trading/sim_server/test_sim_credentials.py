"""Keys of the simulated venues: made once per directory, kept after that, never guessed at when they are broken."""

from dataclasses import replace
from pathlib import Path

import pytest

from trading.sim.credentials import Credentials, make_credentials


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("accounts")


@pytest.fixture(scope="module")
def first(state: Path) -> Credentials:
    return make_credentials(state)


def test_a_second_start_keeps_every_key_and_says_so(state: Path, first: Credentials) -> None:
    """A client configured before logs in again: ids, key files and secrets are the same, and kept tells which start it was."""
    again = make_credentials(state)

    assert not first.kept
    assert again == replace(first, kept=True)
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in state.iterdir())


def test_another_wallet_type_keeps_the_owner(state: Path, first: Credentials) -> None:
    """Only the funder is another contract; the key that signs stays."""
    safe = make_credentials(state, signature_type=2)

    assert safe.private_key == first.private_key
    assert safe.polymarket.funder != first.polymarket.funder


@pytest.mark.parametrize("broken", ["accounts.json", "kalshi_rsa.pem", "kalshi_ed25519.pem"])
def test_a_broken_file_is_named_with_the_way_out(tmp_path: Path, state: Path, first: Credentials, broken: str) -> None:
    """No new keys behind the user's back: the error names the file to delete."""
    for file in state.iterdir():
        (tmp_path / file.name).write_bytes(b"{" if file.name == broken else file.read_bytes())

    with pytest.raises(ValueError, match=r"accounts\.json.*for new keys"):
        make_credentials(tmp_path)


def test_keys_without_accounts_are_made_anew(tmp_path: Path, state: Path, first: Credentials) -> None:
    """A start that died between the key files and accounts.json left nothing anybody was told of."""
    (tmp_path / "kalshi_rsa.pem").write_bytes((state / "kalshi_rsa.pem").read_bytes())

    made = make_credentials(tmp_path)

    assert not made.kept
    assert made.kalshi_key_id != first.kalshi_key_id
