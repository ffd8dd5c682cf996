"""Kalshi's signatures, checked with the public key as the venue would."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from trading.connect import kalshi_signer
from trading.errors import SettingsError
from trading.kalshi.sign import KalshiSigner
from trading.secrets import Secret, write_private
from trading.settings import VenueSettings, load
from trading.units import WallNs

NOW = WallNs(1_790_000_000_123_456_789)
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ED_KEY = ed25519.Ed25519PrivateKey.generate()


def pem(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey, form: PrivateFormat) -> bytes:
    return key.private_bytes(Encoding.PEM, form, NoEncryption())


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_rsa_signature_is_pss_sha256_with_salt_32(form: PrivateFormat) -> None:
    """Both RSA PEM forms sign timestamp + METHOD + path with PSS, SHA-256 and a salt of 32 bytes."""
    signer = KalshiSigner.from_pem("key-id", pem(RSA_KEY, form))

    headers = signer.headers("get", "/trade-api/v2/portfolio/balance", NOW)

    assert signer.kind == "rsa"
    assert headers["KALSHI-ACCESS-KEY"] == "key-id"
    assert headers["KALSHI-ACCESS-TIMESTAMP"] == "1790000000123"
    RSA_KEY.public_key().verify(
        base64.b64decode(headers["KALSHI-ACCESS-SIGNATURE"]),
        b"1790000000123GET/trade-api/v2/portfolio/balance",
        padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32),
        hashes.SHA256(),
    )


def test_ed25519_key_is_recognised_and_signs_the_same_bytes() -> None:
    """The key type is read from the PEM (B-422)."""
    signer = KalshiSigner.from_pem("key-id", pem(ED_KEY, PrivateFormat.PKCS8))

    headers = signer.headers("POST", "/trade-api/v2/portfolio/events/orders", NOW)

    assert signer.kind == "ed25519"
    signature = base64.b64decode(headers["KALSHI-ACCESS-SIGNATURE"])
    ED_KEY.public_key().verify(signature, b"1790000000123POST/trade-api/v2/portfolio/events/orders")


def test_query_is_not_signed() -> None:
    """A query in the path does not change the signed bytes (kalshi.md 2: signing it gives 401)."""
    signer = KalshiSigner.from_pem("key-id", pem(ED_KEY, PrivateFormat.PKCS8))

    plain = signer.headers("GET", "/trade-api/v2/portfolio/orders", NOW)

    assert signer.headers("GET", "/trade-api/v2/portfolio/orders?limit=5&ticker=A", NOW) == plain


def locked_pem() -> bytes:
    return ED_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"swordfish"))


def test_other_keys_are_settings_errors() -> None:
    """A curve key, garbage, an empty key id, and a password that is missing, wrong or idle each stop the start with a reason."""
    curve, plain = pem(ec.generate_private_key(ec.SECP256R1()), PrivateFormat.PKCS8), pem(ED_KEY, PrivateFormat.PKCS8)

    for key_id, data, password, word in (
        ("id", curve, "", "RSA or Ed25519"),
        ("id", b"-----BEGIN NONSENSE-----", "", "download it again"),
        (" ", plain, "", "key id"),
        ("id", locked_pem(), "", "is encrypted and needs its password"),
        ("id", locked_pem(), "mackerel", "KALSHI_PRIVATE_KEY_PASSWORD may be wrong"),
        ("id", plain, "swordfish", "is not encrypted, so clear"),
    ):
        with pytest.raises(SettingsError, match=word) as caught:
            KalshiSigner.from_pem(key_id, data, Secret(password))
        assert not password or password not in str(caught.value)


def test_an_encrypted_key_signs_once_its_password_is_given(tmp_path: Path) -> None:
    """B-311: KALSHI_PRIVATE_KEY_PATH may point at an encrypted PEM."""
    write_private(tmp_path / "k.pem", locked_pem())
    environ = {"KALSHI_API_KEY_ID": "id", "KALSHI_PRIVATE_KEY_PATH": str(tmp_path / "k.pem")}
    settings = load(VenueSettings, environ={**environ, "KALSHI_PRIVATE_KEY_PASSWORD": "swordfish"}, directory=tmp_path)
    signer = kalshi_signer(settings)

    assert signer is not None and signer.kind == "ed25519"


def test_signer_does_not_print_its_key() -> None:
    """repr tells the kind only."""
    assert repr(KalshiSigner.from_pem("secret-id", pem(ED_KEY, PrivateFormat.PKCS8))) == "KalshiSigner(kind='ed25519')"
