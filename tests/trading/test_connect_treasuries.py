"""Which venues' money can be reached follows from the keys that are set; half of a relayer's key stops the start."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trading.clock import ManualClock
from trading.connect import Connections, connect, relayer_key
from trading.errors import SettingsError
from trading.ids import SystemIds
from trading.market import POLYMARKET
from trading.polymarket.relayer import RelayerKey
from trading.polymarket.sign import ApiCredentials
from trading.settings import VenueSettings, load

ADDRESS = "0x" + "11" * 20
WALLET = {"POLY_PRIVATE_KEY": "0x" + "5a" * 32, "POLY_FUNDER": ADDRESS}
RELAYER = {"POLYMARKET_RELAYER_API_KEY": "rk", "POLYMARKET_RELAYER_API_KEY_ADDRESS": ADDRESS}
BUILDER = {
    "POLYMARKET_BUILDER_API_KEY": "b",
    "POLYMARKET_BUILDER_API_SECRET": "c2VjcmV0",
    "POLYMARKET_BUILDER_API_PASSPHRASE": "p",
}


def settings(tmp_path: Path, **environ: str) -> VenueSettings:
    return load(VenueSettings, environ=environ, directory=tmp_path)


def connected(tmp_path: Path, **environ: str) -> Connections:
    nothing: Callable[[Any], Any] = lambda name: None  # noqa: E731  # no request is made here
    clock = ManualClock()
    return connect(settings(tmp_path, **environ), http=nothing, dialer=nothing, clock=clock, ids=SystemIds(clock))


def test_only_keyed_venues_have_a_treasury(tmp_path: Path) -> None:
    """Without keys none, with a wallet Polymarket's; the relayer needs its own key besides."""
    assert connected(tmp_path).treasuries == {}
    assert set(connected(tmp_path, **WALLET).treasuries) == {POLYMARKET}
    assert connected(tmp_path, **WALLET).relayer is None
    assert connected(tmp_path, **WALLET, **RELAYER).relayer is not None
    assert connected(tmp_path, **RELAYER).relayer is None


def test_relayer_key_is_a_relayers_or_a_builders(tmp_path: Path) -> None:
    """A relayer key wins where both are set."""
    assert relayer_key(settings(tmp_path)) is None
    assert isinstance(relayer_key(settings(tmp_path, **BUILDER)), ApiCredentials)
    assert isinstance(relayer_key(settings(tmp_path, **BUILDER, **RELAYER)), RelayerKey)


@pytest.mark.parametrize("left", [*RELAYER, *BUILDER])
def test_half_a_key_is_refused(tmp_path: Path, left: str) -> None:
    """One line that names what belongs together."""
    whole = RELAYER if left in RELAYER else BUILDER
    with pytest.raises(SettingsError, match="belong together"):
        relayer_key(settings(tmp_path, **{name: value for name, value in whole.items() if name != left}))


def test_the_relayer_is_one_of_the_hosts(tmp_path: Path) -> None:
    """A real relayer beside simulated venues would move real money: the start is refused."""
    hosts = settings(tmp_path).hosts()
    near = {name: f"{'ws' if 'WS' in name else 'http'}://127.0.0.1:1" for name in hosts.keys() - {"POLYMARKET_RELAYER_URL"}}

    with pytest.raises(SettingsError, match="POLYMARKET_RELAYER_URL"):
        settings(tmp_path, **near).world()
