"""Where a Polymarket wallet of a key lies: the CREATE2 address its factory would deploy it at (polymarket.md 4.3).

Strangers' clients derive the wallet from the key and choose the signature by it, so a made-up address would make them sign as
somebody else. Written apart from the clients: shared code would hide shared errors.
"""

from trading.sim.polymarket_auth import keccak

__all__ = ["checksum", "wallet_of"]

_PROXY_FACTORY = "ab45c5a4b0c941a2f231c04c3f49182e1a254052"
_PROXY_LOGIC = "44e999d5c2f66ef0861317f9a4805ac2e90aeb4f"
_SAFE_FACTORY = "aacfeea03eb1561c4e67d661e40682bd20e3541b"
_SAFE_CODE_HASH = "2bce2127ff07fb632d16c8347c4ebf501f4841168bed00d9e6ef715ddb6fcecf"
_DEPOSIT_FACTORY = "00000000000fb5c9adea0298d729a0cb3823cc07"
_DEPOSIT_BEACON = "7a18edfe055488a3128f01f563e5b479d92ffc3a"

# Deployment code of an ERC-1967 beacon proxy whose arguments stand behind its code; the first two bytes after 61 are its length.
_BEACON_HEAD = 0x6100523D8160233D3973
_BEACON_TAIL = (
    "60195155f3363d3d373d3d363d602036600436635c60da"
    "1b60e01b36527fa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6c"
    "b3582b35133d50545afa5036515af43d6000803e604d573d6000fd5b3d6000f3"
)
# Deployment code of the proxy wallet: it clones the logic and calls cloneConstructor("") on the clone.
_PROXY_HEAD = "3d3d606380380380913d393d73"
_PROXY_MIDDLE = "5af4602a57600080fd5b602d8060366000396000f3363d3d373d3d3d363d73"
_PROXY_TAIL = "5af43d82803e903d91602b57fd5bf352e831dd" + f"{32:064x}" + f"{0:064x}"


def checksum(text: str) -> str:
    """40 hex digits as an EIP-55 address."""
    digest = keccak(text.encode()).hex()
    return "0x" + "".join(ch.upper() if int(digest[i], 16) > 7 else ch for i, ch in enumerate(text))


def wallet_of(owner: str, signature_type: int) -> str:
    """The wallet of an owner's address: itself, proxy, Safe or deposit wallet for 0, 1, 2 and 3."""
    raw = bytes.fromhex(owner.removeprefix("0x"))
    if signature_type == 0:
        return checksum(raw.hex())
    if signature_type == 1:
        code = bytes.fromhex(_PROXY_HEAD + _PROXY_FACTORY + _PROXY_MIDDLE + _PROXY_LOGIC + _PROXY_TAIL)
        return _create2(_PROXY_FACTORY, keccak(raw), keccak(code))
    if signature_type == 2:
        return _create2(_SAFE_FACTORY, keccak(raw.rjust(32, b"\0")), bytes.fromhex(_SAFE_CODE_HASH))
    arguments = bytes.fromhex(_DEPOSIT_FACTORY).rjust(32, b"\0") + raw.rjust(32, b"\0")
    head = (_BEACON_HEAD + (len(arguments) << 56)).to_bytes(10)
    code = head + bytes.fromhex(_DEPOSIT_BEACON + _BEACON_TAIL) + arguments
    return _create2(_DEPOSIT_FACTORY, keccak(arguments), keccak(code))


def _create2(factory: str, salt: bytes, code_hash: bytes) -> str:
    return checksum(keccak(b"\xff" + bytes.fromhex(factory) + salt + code_hash)[12:].hex())
