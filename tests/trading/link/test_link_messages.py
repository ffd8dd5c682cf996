"""What may be said on the link: the names of the page, every field bounded, nothing beside them (B-222, B-228)."""

from typing import Any, get_args

import msgpack
import pytest

from trading.link import messages as say
from trading.link.messages import MessageError, decode, encode

LEG: dict[str, Any] = {
    "type": "execute_leg",
    "leg_id": b"l" * 16,
    "epoch": 5,
    "platform": "kalshi",
    "market": "KXGAME",
    "outcome": 0,
    "action": "buy",
    "limit": 5_600,
    "size": 10_000_000,
    "max_cost": 6_000_000,
    "purpose": "open",
    "tif": "ioc",
    "post_only": False,
    "client_order_id": "arb" + "0" * 26,
    "ttl_ms": 5_000,
    "sent_mono_us": 1,
    "world": "sim",
}
NAMED = {
    *("init", "init_ack", "prepare", "execute_leg", "leg_ack", "leg_result", "leg_update", "result_ack", "query_leg"),
    *("cancel_all", "halt", "resume", "limits", "account", "account_page", "ping", "pong", "error"),
}
"""distributed.md 4.4."""
ADDED = {"cancel_leg", "cancelled"}


def test_every_message_of_the_page_has_its_form() -> None:
    """B-222: the names of the page, and two more that end one order and count what ended."""
    assert {form.__struct_config__.tag for form in get_args(say.Message)} == NAMED | ADDED


def test_a_leg_comes_back_as_it_was_said() -> None:
    """Encoded and decoded, every field stands; what is decoded encodes to the same bytes."""
    leg = decode(msgpack.packb(LEG))

    assert isinstance(leg, say.ExecuteLeg)
    assert {name: getattr(leg, name) for name in LEG if name != "type"} == {k: v for k, v in LEG.items() if k != "type"}
    assert decode(encode(leg)) == leg


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("leg_id", b"l" * 15),
        ("epoch", -1),
        ("platform", "betfair"),
        ("market", ""),
        ("outcome", 2),
        ("action", "short"),
        ("limit", 0),
        ("limit", 10_000),
        ("limit", 56.0),
        ("size", 0),
        ("max_cost", -1),
        ("purpose", "fun"),
        ("tif", "day"),
        ("post_only", 1),
        ("client_order_id", "arb"),
        ("ttl_ms", 0),
        ("ttl_ms", 120_001),
        ("world", "prod"),
        ("api_key", "secret-word"),
    ],
)
def test_a_leg_outside_its_bounds_is_no_message_and_is_not_quoted(field: str, value: Any) -> None:
    """B-222: wrong type, range or word, or a field that nobody named: refused, and the value stays out of the log."""
    with pytest.raises(MessageError) as refused:
        decode(msgpack.packb(LEG | {field: value}))

    assert "secret-word" not in str(refused.value)


@pytest.mark.parametrize("field", sorted(set(LEG) - {"type"}))
def test_a_leg_without_one_of_its_fields_is_no_message(field: str) -> None:
    """Nothing of an order is guessed."""
    with pytest.raises(MessageError):
        decode(msgpack.packb({name: value for name, value in LEG.items() if name != field}))


def test_no_message_has_room_for_a_key() -> None:
    """B-228: a trader's credentials stay with it, because there is no field they could travel in."""
    fields = {name for form in get_args(say.Message) for name in form.__struct_fields__}

    assert not {name for name in fields if any(word in name for word in ("key", "secret", "token", "pass", "wallet", "sign"))}
