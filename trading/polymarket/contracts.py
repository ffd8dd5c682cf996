"""Addresses of Polymarket's contracts and the permissions that trading needs (polymarket.md 5, 13).

Polygon only: no public host serves the test chain, so nothing is approved or redeemed there. Which contract may move what is one
table, because a permission that is missing makes orders fail one by one, long after the money was sent.
"""

import msgspec

__all__ = [
    "ADAPTER",
    "CTF",
    "DEPOSIT_FACTORY",
    "EXCHANGE",
    "EXCHANGE_V3",
    "NEG_RISK_ADAPTER",
    "NEG_RISK_EXCHANGE",
    "PERMISSIONS",
    "POSITION_MANAGER",
    "PROXY_FACTORY",
    "PUSD",
    "RELAY_HUB",
    "ROUTER",
    "SAFE_MULTISEND",
    "Permission",
]

PUSD = "0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB"
CTF = "0x4D97DCd97eC945f40cF65F87097ACe5EA0476045"
POSITION_MANAGER = "0x006F54F7f9A22e0000CC2AB60031000000ae9fEF"
EXCHANGE = "0xE111180000d2663C0091e4f400237545B87B996B"
NEG_RISK_EXCHANGE = "0xe2222d279d744050d28e00520010520000310F59"
EXCHANGE_V3 = "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa"
ADAPTER = "0xAdA100Db00Ca00073811820692005400218FcE1f"
NEG_RISK_ADAPTER = "0xadA2005600Dec949baf300f4C6120000bDB6eAab"
"""The collateral adapter of neg-risk markets, not the adapter that was retired on 2026-07-17."""
ROUTER = "0x12121212006e4CD160D18e3f00711DA5c3372600"
_AUTO_REDEEMER = "0xa1200000d0002264C9a1698e001292D00E1b00af"
_BINARY_MODULE = "0x1000008dD9001B968442c1000017eaE6E0dA00Ba"
_NEG_RISK_MODULE = "0x200000900045e3B6259600682756002200028933"
PROXY_FACTORY = "0xaB45c5A4B0c941a2F231C04C3f49182e1A254052"
DEPOSIT_FACTORY = "0x00000000000Fb5C9ADea0298D729A0CB3823Cc07"
SAFE_MULTISEND = "0xA238CBeb142c10Ef7Ad8442C6D1f9E89e07e7761"
RELAY_HUB = "0xD216153c06E857cD7f72665E0aF1d7D82172F494"


class Permission(msgspec.Struct, frozen=True):
    """spender may move token out of the wallet. name is what an operator calls the spender; ERC-20 when token is pUSD."""

    token: str
    spender: str
    name: str


PERMISSIONS = (
    Permission(PUSD, EXCHANGE, "exchange"),
    Permission(PUSD, NEG_RISK_EXCHANGE, "neg-risk exchange"),
    Permission(PUSD, EXCHANGE_V3, "exchange v3"),
    Permission(PUSD, ADAPTER, "collateral adapter"),
    Permission(PUSD, NEG_RISK_ADAPTER, "neg-risk collateral adapter"),
    Permission(PUSD, ROUTER, "router"),
    Permission(CTF, EXCHANGE, "exchange"),
    Permission(CTF, NEG_RISK_EXCHANGE, "neg-risk exchange"),
    Permission(CTF, ADAPTER, "collateral adapter"),
    Permission(CTF, NEG_RISK_ADAPTER, "neg-risk collateral adapter"),
    Permission(CTF, _AUTO_REDEEMER, "auto redeemer"),
    Permission(CTF, _BINARY_MODULE, "binary module"),
    Permission(CTF, _NEG_RISK_MODULE, "neg-risk module"),
    Permission(POSITION_MANAGER, ROUTER, "router"),
    Permission(POSITION_MANAGER, EXCHANGE_V3, "exchange v3"),
    Permission(POSITION_MANAGER, _AUTO_REDEEMER, "auto redeemer"),
)
"""Everything the venue's own client asks for but the deposit into perpetuals, which we do not trade."""
