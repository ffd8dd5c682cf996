"""Which contracts the simulated chain has, and which of them must be allowed to move a wallet's money before it can trade.

Addresses are those of Polygon (polymarket.md 13), so clients with addresses built in meet the ones they expect.
"""

from trading.sim.polymarket_auth import EXCHANGE, EXCHANGE_V3, NEG_RISK_EXCHANGE

__all__ = [
    "ADAPTER",
    "CTF",
    "DEPOSIT_FACTORY",
    "MAX_UINT256",
    "NEG_RISK_ADAPTER",
    "PERPS",
    "POSITION_MANAGER",
    "PROXY_FACTORY",
    "PUSD",
    "RELAY",
    "RELAY_HUB",
    "ROUTER",
    "SAFE_MULTISEND",
    "adapter_of",
    "exchange_of",
    "operators",
    "spenders",
    "token_contract",
]

PUSD = "0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB"
CTF = "0x4D97DCd97eC945f40cF65F87097ACe5EA0476045"
POSITION_MANAGER = "0x006F54F7f9A22e0000CC2AB60031000000ae9fEF"
ADAPTER = "0xAdA100Db00Ca00073811820692005400218FcE1f"
NEG_RISK_ADAPTER = "0xadA2005600Dec949baf300f4C6120000bDB6eAab"
ROUTER = "0x12121212006e4CD160D18e3f00711DA5c3372600"
PERPS = "0xDCa4af75705dbB50f62437045afF9921947917d2"
_AUTO_REDEEMER = "0xa1200000d0002264C9a1698e001292D00E1b00af"
_BINARY_MODULE = "0x1000008dD9001B968442c1000017eaE6E0dA00Ba"
_NEG_RISK_MODULE = "0x200000900045e3B6259600682756002200028933"

PROXY_FACTORY = "0xaB45c5A4B0c941a2F231C04C3f49182e1A254052"
DEPOSIT_FACTORY = "0x00000000000Fb5C9ADea0298D729A0CB3823Cc07"
SAFE_MULTISEND = "0xA238CBeb142c10Ef7Ad8442C6D1f9E89e07e7761"
RELAY_HUB = "0xD216153c06E857cD7f72665E0aF1d7D82172F494"
RELAY = "0x7D4D0E6f5a0B41C3E4b1d0B1bCD0e2c1A2b3C4D5"
"""The relay that a proxy's envelope names; any address does, the answer of /relay-payload tells it."""

MAX_UINT256 = (1 << 256) - 1
"""An allowance that is never spent down."""


def _v3(chain_id: int) -> str:
    return EXCHANGE_V3.get(chain_id, EXCHANGE_V3[137])


def exchange_of(version: str, neg_risk: bool, chain_id: int) -> str:
    """The exchange that settles a market: what needs the allowance for its orders."""
    if version == "v2":
        return _v3(chain_id)
    return NEG_RISK_EXCHANGE if neg_risk else EXCHANGE


def adapter_of(version: str, neg_risk: bool) -> str:
    """The contract that splits, merges and redeems a market's tokens."""
    if version == "v2":
        return ROUTER
    return NEG_RISK_ADAPTER if neg_risk else ADAPTER


def token_contract(version: str) -> str:
    """Where a market's outcome tokens live."""
    return POSITION_MANAGER if version == "v2" else CTF


def spenders(chain_id: int) -> tuple[str, ...]:
    """Who may be allowed to spend pUSD; the exchanges come first."""
    return EXCHANGE, NEG_RISK_EXCHANGE, _v3(chain_id), ADAPTER, NEG_RISK_ADAPTER, ROUTER, PERPS


def operators(chain_id: int) -> tuple[tuple[str, str], ...]:
    """(token contract, operator): who may be allowed to move outcome tokens."""
    ctf = (EXCHANGE, NEG_RISK_EXCHANGE, ADAPTER, NEG_RISK_ADAPTER, _AUTO_REDEEMER, _BINARY_MODULE, _NEG_RISK_MODULE)
    manager = (ROUTER, _v3(chain_id), _AUTO_REDEEMER)
    return (*((CTF, each) for each in ctf), *((POSITION_MANAGER, each) for each in manager))
