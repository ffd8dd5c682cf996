"""No live order leaves for Polymarket from a place it does not serve (B-427)."""

from pathlib import Path
from typing import Any

import pytest
from polymarket_desk import Desk

from trading.errors import AuthFailed, Unreachable
from trading.polymarket.client import Geoblock
from trading.polymarket.contracts import CTF, EXCHANGE, EXCHANGE_V3, NEG_RISK_EXCHANGE, PUSD
from trading.polymarket.place import check_permitted, check_place
from trading.settings import VenueSettings, load

REAL = "https://polymarket.com/api/geoblock"
LIVE = {"dry_run": False, "polymarket_geoblock_url": REAL}
STEP = "trade elsewhere"


class Venue:
    """Answers with what it is given; asked counts."""

    def __init__(self, answer: Geoblock | Exception) -> None:
        self.answer = answer
        self.asked = 0

    async def geoblock(self, url: str) -> Geoblock:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def settings(tmp_path: Path, **changes: Any) -> VenueSettings:
    return load(VenueSettings, flags={**LIVE, **changes}, environ={}, directory=tmp_path)


@pytest.mark.parametrize(
    ("answer", "code"),
    [(Geoblock(True, "US", "NY"), "geoblocked"), (Unreachable("polymarket", "timeout", "no answer"), "place_unknown")],
)
async def test_a_blocked_or_unknown_place_stops_a_live_start(tmp_path: Path, answer: Any, code: str) -> None:
    """Fail closed: without a plain yes nothing is sent from here."""
    with pytest.raises(AuthFailed, match=rf"{STEP} \(B-427\)$") as told:
        await check_place(settings(tmp_path), Venue(answer), step=STEP)

    assert told.value.code == code


async def test_an_open_place_starts(tmp_path: Path) -> None:
    """The venue's no block is enough."""
    venue = Venue(Geoblock(False))
    await check_place(settings(tmp_path), venue, step=STEP)

    assert venue.asked == 1


@pytest.mark.parametrize(
    "changes",
    [{"dry_run": True}, {"polymarket_clob_url": "http://127.0.0.1:9"}],
)
async def test_nobody_is_asked_where_no_order_would_go(tmp_path: Path, changes: dict[str, Any]) -> None:
    """Paper and a simulated venue need no word of the real one."""
    venue = Venue(Geoblock(True))
    await check_place(settings(tmp_path, **changes), venue, step=STEP)

    assert venue.asked == 0


def permissions(desk: Desk, *denied: tuple[str, str]) -> None:
    """The index as it names every pair the exchanges need; denied are those the chain lacks."""
    pairs = [(token, spender) for token in (PUSD, CTF) for spender in (EXCHANGE, NEG_RISK_EXCHANGE, EXCHANGE_V3)]
    rows = [{"token": t, "spender": s, "approved": (t, s) not in denied, "amount": "5000000"} for t, s in pairs]
    desk.http.on("GET", "/v2/approvals", {"data": {"address": desk.client.holdings.wallet.lower(), "contracts": rows}})


@pytest.mark.parametrize("pair", [(PUSD, EXCHANGE), (PUSD, NEG_RISK_EXCHANGE), (CTF, EXCHANGE), (CTF, NEG_RISK_EXCHANGE)])
async def test_a_wallet_that_permits_an_exchange_nothing_does_not_start(tmp_path: Path, pair: tuple[str, str]) -> None:
    """112 of 119 matched orders of such a wallet were never settled (polymarket.md 14); paper needs no permission."""
    desk = Desk()
    permissions(desk, pair)
    await check_permitted(settings(tmp_path, dry_run=True), desk.client)
    with pytest.raises(AuthFailed, match="treasury --apply") as told:
        await check_permitted(settings(tmp_path), desk.client)

    assert told.value.code == "not_permitted"
    assert pair[1] in told.value.detail


async def test_permissions_that_are_limited_unneeded_or_unread_stop_no_start(tmp_path: Path) -> None:
    """An amount that runs out is one; V3 markets are none yet; an index that is silent or names nothing proves nothing."""
    for answer in (None, {"data": {"address": Desk().client.holdings.wallet, "contracts": []}}):
        desk = Desk()
        if answer is not None:
            desk.http.on("GET", "/v2/approvals", answer)
        await check_permitted(settings(tmp_path), desk.client)
    desk = Desk()
    permissions(desk, (PUSD, EXCHANGE_V3), (CTF, EXCHANGE_V3))

    await check_permitted(settings(tmp_path), desk.client)
