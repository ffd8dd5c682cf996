"""What PooledHttp promises over TLS: nothing of a request goes to a peer that has not proved its name."""

import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from http_peer import CUT, OK, Act, Peer, few_turns

from trading.errors import UnknownOutcome, Unreachable
from trading.http import PooledHttp, client_tls

LONG_S = 60.0
Offered = Callable[..., ssl.SSLContext]


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, signer: ec.EllipticCurvePrivateKey, *names: x509.GeneralName
) -> x509.Certificate:
    today = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=not names, path_length=None), critical=True)
    )
    if names:
        made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return made.sign(signer, hashes.SHA256())


@pytest.fixture(scope="module")
def authority() -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """A throwaway authority nobody knows."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key, _certificate("authority", key, "authority", key)


@pytest.fixture
def offered(authority: tuple[ec.EllipticCurvePrivateKey, x509.Certificate], tmp_path: Path) -> Offered:
    """Make a server's context with a certificate for the given names."""

    def make(*names: x509.GeneralName) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate("venue", key, "authority", authority[0], *names)
        file = tmp_path / "server.pem"
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        file.write_bytes(pem + certificate.public_bytes(Encoding.PEM))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(file)
        context.set_alpn_protocols(["h2", "http/1.1"])
        return context

    return make


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    server = Peer()
    yield server
    await server.stop()


@pytest.fixture
async def http(authority: tuple[ec.EllipticCurvePrivateKey, x509.Certificate]) -> AsyncIterator[PooledHttp]:
    """Trusts the throwaway authority too."""
    tls = client_tls()
    tls.load_verify_locations(cadata=authority[1].public_bytes(Encoding.PEM).decode())
    made = PooledHttp("venue", tls=tls)
    yield made
    await made.close()


HERE = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
ELSEWHERE = x509.DNSName("venue.example")


def test_context_verifies_and_offers_only_what_is_spoken() -> None:
    """Certificate and name are checked, nothing older than TLS 1.2 is spoken."""
    context = client_tls()

    assert context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


async def test_exchanges_share_a_verified_connection(peer: Peer, http: PooledHttp, offered: Offered) -> None:
    """One handshake, HTTP/1.1 agreed, both requests on it."""
    await peer.start(offered(HERE))
    peer.acts.extend([OK, OK])
    url = f"https://127.0.0.1:{peer.port}/"
    await http.request("GET", url, {}, None, timeout_s=LONG_S)
    answer = await http.request("POST", url, {}, b"{}", timeout_s=LONG_S)
    session = peer.lines[0].transport.get_extra_info("ssl_object")

    assert (answer.status, answer.body, len(peer.lines)) == (200, b"hi", 1)
    assert session.selected_alpn_protocol() == "http/1.1"
    assert http.statistics().cold_writes == 0


async def test_certificate_of_another_host_is_refused(peer: Peer, http: PooledHttp, offered: Offered) -> None:
    """Right authority, wrong name: nothing of the request was sent."""
    await peer.start(offered(ELSEWHERE))
    with pytest.raises(Unreachable) as caught:
        await http.request("POST", f"https://127.0.0.1:{peer.port}/", {}, b"{}", timeout_s=LONG_S)

    assert "127.0.0.1" in caught.value.detail
    assert peer.requests == []


async def test_certificate_of_an_unknown_authority_is_refused(peer: Peer, offered: Offered) -> None:
    """What the system does not trust is not spoken to."""
    await peer.start(offered(HERE))
    http = PooledHttp("venue")
    with pytest.raises(Unreachable):
        await http.request("POST", f"https://127.0.0.1:{peer.port}/", {}, b"{}", timeout_s=LONG_S)
    await http.close()

    assert peer.requests == []


async def test_peer_that_speaks_no_tls_is_unreachable(peer: Peer, http: PooledHttp) -> None:
    """The handshake fails before a request exists."""
    peer.greeting = b"SSH-2.0-peer\r\n"
    await peer.start()
    with pytest.raises(Unreachable):
        await http.request("POST", f"https://127.0.0.1:{peer.port}/", {}, b"{}", timeout_s=LONG_S)

    assert peer.requests == []


@pytest.mark.parametrize("act", [CUT, Act(OK.data[:-1], close=True), Act(OK.data[:-1], reset=True), Act(reset=True)])
async def test_cut_over_tls_is_an_unknown_outcome(peer: Peer, http: PooledHttp, offered: Offered, act: Act) -> None:
    """With or without a farewell, a shortened answer is none."""
    await peer.start(offered(HERE))
    peer.acts.extend([OK, act, OK])
    url = f"https://127.0.0.1:{peer.port}/"
    await http.request("GET", url, {}, None, timeout_s=LONG_S)
    with pytest.raises(UnknownOutcome):
        await http.request("POST", url, {}, b"{}", timeout_s=LONG_S)

    assert len(peer.requests) == 2


async def test_idle_tls_connection_closed_by_the_peer_is_dropped(peer: Peer, http: PooledHttp, offered: Offered) -> None:
    """Server restarts and load balancers do this all day."""
    await peer.start(offered(HERE))
    peer.acts.extend([OK, OK])
    url = f"https://127.0.0.1:{peer.port}/"
    await http.request("GET", url, {}, None, timeout_s=LONG_S)
    peer.lines[0].transport.close()
    await peer.lines[0].gone
    await few_turns()
    answer = await http.request("POST", url, {}, b"{}", timeout_s=LONG_S)

    assert answer.status == 200
    assert http.statistics().cold_writes == 1
