"""The addresses of wallets, against figures the venue's own client derived for one key."""

import pytest

from trading.sim.wallets import wallet_of

_OWNER = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"


@pytest.mark.parametrize(
    ("signature_type", "address"),
    [
        (0, _OWNER),
        (1, "0x6Cd089333445c89b55B7693c6009DCc229613738"),
        (2, "0x75F00B003FBBBA193FABEB06284c3187a4C1232E"),
        (3, "0x8154deDBDAAA46c07453E47b5b6C0Ff60B8542b9"),
    ],
)
def test_a_wallet_lies_where_its_factory_would_deploy_it(signature_type: int, address: str) -> None:
    """polymarket-client 0.14.0 derives these for the same owner; it treats a wallet elsewhere as somebody else's."""
    assert wallet_of(_OWNER, signature_type) == address
