"""The servers on loopback, met by plain aiohttp and websockets clients."""

import asyncio
import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import websockets
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from trading.clock import SystemClock
from trading.sim.credentials import Credentials, Urls
from trading.sim.server import SimServer, bind_loopback
from trading.sim.universe import load
from trading.sim.world import World

ROOT = Path(__file__).resolve().parents[3]


def kalshi_headers(credentials: Credentials, method: str, path: str, *, ed25519: bool = True) -> dict[str, str]:
    """The three access headers, signed here and now with one of the two keys."""
    stamp = str(time.time_ns() // 1_000_000)
    message = f"{stamp}{method}{path}".encode()
    file = credentials.kalshi_ed25519_key_path if ed25519 else credentials.kalshi_key_path
    key = load_pem_private_key(file.read_bytes(), None)
    if isinstance(key, Ed25519PrivateKey):
        signature = key.sign(message)
    else:
        assert isinstance(key, RSAPrivateKey)
        signature = key.sign(message, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())
    return {
        "KALSHI-ACCESS-KEY": credentials.kalshi_ed25519_key_id if ed25519 else credentials.kalshi_key_id,
        "KALSHI-ACCESS-TIMESTAMP": stamp,
        "KALSHI-ACCESS-SIGNATURE": base64.b64encode(signature).decode(),
    }


class Venues:
    """A running server and a client for it."""

    def __init__(self, world: World, urls: Urls, client: aiohttp.ClientSession, credentials: Credentials) -> None:
        self.world = world
        self.urls = urls
        self.client = client
        self.credentials = credentials
        self.control = urls.kalshi_rest.removesuffix("/trade-api/v2") + "/_control"

    async def get(self, url: str, **headers: str) -> Any:
        async with self.client.get(url, headers=headers) as answer:
            return await answer.json()

    async def throw(self, venue: str, fault: str, **more: Any) -> int:
        async with self.client.post(self.control, json={"venue": venue, "fault": fault, **more}) as answer:
            return answer.status

    def kalshi_stream(self) -> Any:
        headers = kalshi_headers(self.credentials, "GET", "/trade-api/ws/v2")
        return websockets.connect(self.urls.kalshi_ws, additional_headers=headers, proxy=None)

    def polymarket_stream(self) -> Any:
        return websockets.connect(self.urls.polymarket_ws + "/market", proxy=None)


@asynccontextmanager
async def serving(credentials: Credentials, **options: Any) -> AsyncIterator[Venues]:
    clock = SystemClock()
    sockets = bind_loopback(0), bind_loopback(0)
    world = World(clock=clock, universe=load(None, 1, clock.wall_ns()), credentials=credentials, seed=1, **options)
    world.begin()
    server = SimServer(
        kalshi=world.kalshi, polymarket=world.polymarket, clock=clock, actors=world.actors, control=world, ping_s=0.05
    )
    server.on_streaming(world.start_script)
    await server.start(*sockets)
    urls = Urls.of(sockets[0].getsockname()[1], sockets[1].getsockname()[1])
    async with aiohttp.ClientSession(trust_env=False) as client:
        try:
            yield Venues(world, urls, client, credentials)
        finally:
            await server.close()


async def test_both_venues_answer_at_their_own_paths(credentials: Credentials) -> None:
    """Kalshi below /trade-api/v2, the CLOB at the root, Gamma and Data below theirs."""
    async with serving(credentials, quiet=True) as venues:
        status = await venues.get(f"{venues.urls.kalshi_rest}/exchange/status")
        events = await venues.get(f"{venues.urls.kalshi_rest}/events?status=open&with_nested_markets=true&limit=200")
        gamma = await venues.get(f"{venues.urls.polymarket_gamma}/events/keyset?limit=100")
        clob_time = await venues.get(f"{venues.urls.polymarket_clob}/time")

    assert status["trading_active"] is True
    assert not any(event["event_ticker"].startswith("KXMVE") for event in events["events"])
    assert any(event["slug"].startswith("epl-") for event in gamma["events"])
    assert abs(clob_time - time.time()) < 5


@pytest.mark.parametrize("ed25519", [True, False])
async def test_private_reads_need_a_right_signature(credentials: Credentials, ed25519: bool) -> None:
    """Both keys of the throwaway account are good; a signature over another path is not."""
    path = "/trade-api/v2/portfolio/balance"
    async with serving(credentials, quiet=True) as venues:
        url = f"{venues.urls.kalshi_rest}/portfolio/balance"
        good = kalshi_headers(credentials, "GET", path, ed25519=ed25519)
        bad = kalshi_headers(credentials, "GET", "/portfolio/balance", ed25519=ed25519)
        async with venues.client.get(url, headers=good) as answer:
            right = answer.status
        async with venues.client.get(url, headers=bad) as answer:
            wrong = answer.status

    assert (right, wrong) == (200, 401)


async def test_streams_carry_snapshots_and_changes(credentials: Credentials) -> None:
    """A subscriber of each venue gets the book, then a change made afterwards."""
    async with serving(credentials, quiet=True) as venues:
        link = venues.world.universe.links[0]
        ticker = link.tickers[0][0]
        tokens = list(venues.world.polymarket.markets()[link.condition_id].tokens)
        async with venues.kalshi_stream() as kalshi, venues.polymarket_stream() as polymarket:
            params = {"channels": ["orderbook_delta"], "market_tickers": [ticker], "use_yes_price": True}
            await kalshi.send(json.dumps({"id": 1, "cmd": "subscribe", "params": params}))
            await polymarket.send(json.dumps({"type": "market", "assets_ids": tokens, "custom_feature_enabled": True}))
            kinds = [json.loads(await kalshi.recv())["type"] for _ in range(2)]
            first = json.loads(await polymarket.recv())
            book = (first if isinstance(first, list) else [first])[0]
            for core, market in ((venues.world.kalshi, ticker), (venues.world.polymarket, link.condition_id)):
                best = core.books[market].best("bid")
                assert best is not None
                core.customer_take(market, "ask", best, core.books[market].size_at("bid", best))
            delta = json.loads(await kalshi.recv())
            text = str(await polymarket.recv())

    assert kinds == ["subscribed", "orderbook_snapshot"]
    assert book["event_type"] == "book"
    assert delta["type"] == "orderbook_delta"
    assert json.loads(text)


async def test_kalshi_pings_with_its_heartbeat(credentials: Credentials) -> None:
    """The server's ping carries the body the venue sends, and a client's pongs keep the stream open."""
    seen: list[bytes] = []
    async with serving(credentials, quiet=True) as venues:
        headers = kalshi_headers(credentials, "GET", "/trade-api/ws/v2")
        async with venues.client.ws_connect(venues.urls.kalshi_ws, headers=headers, autoping=False) as stream:
            message = await stream.receive(timeout=5)
            seen.append(message.data)
            assert message.type is aiohttp.WSMsgType.PING
            await stream.pong(message.data)

    assert bytes(seen[0]) == b"heartbeat"


async def test_upgrade_without_credentials_is_a_401(credentials: Credentials) -> None:
    """Kalshi's whole WebSocket needs auth; the refusal is an HTTP answer."""
    async with serving(credentials, quiet=True) as venues:
        with pytest.raises(websockets.InvalidStatus) as refused:
            await websockets.connect(venues.urls.kalshi_ws, proxy=None)

    assert refused.value.response.status_code == 401


async def test_faults_are_thrown_over_the_control_path(credentials: Credentials) -> None:
    """drop_sessions ends the stream at once, 429 answers the next orders, an unknown fault is a 400 that lists the known."""
    async with serving(credentials, quiet=True) as venues:
        async with venues.polymarket_stream() as stream:
            await stream.send("PING")
            await stream.recv()
            assert await venues.throw("polymarket", "drop_sessions") == 200
            with pytest.raises(websockets.ConnectionClosed):
                await asyncio.wait_for(stream.recv(), 5)
        assert await venues.throw("kalshi", "429", count=2) == 200
        async with venues.client.post(venues.control, json={"venue": "kalshi", "fault": "flood"}) as answer:
            refusal = await answer.json()
        stats = await venues.get(f"{venues.control}/stats")

    assert "kalshi has no fault 'flood'" in refusal["error"]
    assert [row["fault"] for row in stats["faults"]] == ["drop_sessions", "429"]


async def test_the_control_door_lists_and_clears_while_clients_trade(credentials: Credentials) -> None:
    """Over a socket: the index, a mode that a client meets, and its end."""
    async with serving(credentials, quiet=True) as venues:
        index = await venues.get(venues.control)
        await venues.throw("kalshi", "pause")
        paused = await venues.get(f"{venues.urls.kalshi_rest}/exchange/status")
        async with venues.client.post(venues.control, json={"clear": True}) as answer:
            cleared = await answer.json()
        resumed = await venues.get(f"{venues.urls.kalshi_rest}/exchange/status")
        page = {"Origin": "https://example.org"}
        async with venues.client.post(venues.control, json={"clear": True}, headers=page) as answer:
            refused = answer.status

    assert "gap" in index["faults"]["kalshi"]
    assert (paused["trading_active"], resumed["trading_active"]) == (False, True)
    assert cleared["result"] == {"undone": ["kalshi:resume"], "left": []}
    assert refused == 403


async def test_a_dropped_answer_ends_the_connection(credentials: Credentials) -> None:
    """drop_after_accept: the order counts, the client hears nothing."""
    async with serving(credentials, quiet=True) as venues:
        ticker = venues.world.universe.links[1].tickers[0][0]
        best = venues.world.kalshi.books[ticker].best("ask")
        assert best is not None
        await venues.throw("kalshi", "drop_after_accept")
        body = {
            "ticker": ticker,
            "side": "bid",
            "count": "1.00",
            "price": f"{best / 10_000:.4f}",
            "time_in_force": "immediate_or_cancel",
            "self_trade_prevention_type": "taker_at_cross",
            "client_order_id": "lost-1",
        }
        path = "/trade-api/v2/portfolio/events/orders"
        headers = kalshi_headers(credentials, "POST", path)
        with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
            await venues.client.post(f"{venues.urls.kalshi_rest}/portfolio/events/orders", json=body, headers=headers)
        account = await venues.get(f"{venues.control}/account")

    assert account["kalshi"]["positions"] == {ticker: 1_000_000}


async def test_the_script_starts_with_the_first_client_of_both_streams(credentials: Credentials) -> None:
    """Nothing plays for an empty house; one stream of each venue starts it."""
    async with serving(credentials, script="demo") as venues:
        before = await venues.get(f"{venues.control}/stats")
        async with venues.kalshi_stream() as kalshi, venues.polymarket_stream() as polymarket:
            await kalshi.send(json.dumps({"id": 1, "cmd": "list_subscriptions"}))
            await polymarket.send("PING")
            await polymarket.recv()
            await kalshi.recv()
            after = await venues.get(f"{venues.control}/stats")

    assert before["script_started"] is False
    assert after["script_started"] is True
    assert after["script_done"] is False


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "trading.sim", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )


@pytest.mark.system
def test_the_command_prints_one_line_writes_its_env_and_stops_on_sigterm(tmp_path: Path) -> None:
    """One JSON line with every address and credential; the env file says the same and is owner-only; SIGTERM ends it cleanly."""
    process = start("--kalshi-port", "0", "--polymarket-port", "0", "--state", str(tmp_path), "--quiet-flow")
    assert process.stdout is not None
    card = json.loads(process.stdout.readline())
    process.send_signal(signal.SIGTERM)
    rest, errors = process.communicate(timeout=20)
    env = dict(line.split("=", 1) for line in Path(card["env_file"]).read_text().splitlines() if "=" in line)

    assert (process.returncode, rest, errors) == (0, "", "")
    assert env["KALSHI_API_BASE"] == card["kalshi_rest"]
    assert env["KALSHI_API_KEY_ID"] == card["kalshi_key_id"]
    assert env["KALSHI_PRIVATE_KEY_PATH"] == card["kalshi_private_key_path"]
    assert env["POLY_PRIVATE_KEY"] == card["polymarket_private_key"]
    assert env["POLYMARKET_WS_URL"] == card["polymarket_ws"]
    assert all("127.0.0.1" in card[name] for name in card if name.endswith(("_rest", "_ws", "_clob", "_gamma", "_data")))
    for file in (card["env_file"], card["kalshi_private_key_path"], card["kalshi_ed25519_private_key_path"]):
        assert Path(file).stat().st_mode & 0o777 == 0o600


@pytest.mark.system
def test_the_env_file_of_a_relative_state_directory_works_from_anywhere(tmp_path: Path) -> None:
    """Whoever copies it to another directory still finds the keys: every path in it is absolute."""
    process = start("--state", os.path.relpath(tmp_path, ROOT), "--quiet-flow", "--events", "1")
    assert process.stdout is not None
    card = json.loads(process.stdout.readline())
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    env = dict(line.split("=", 1) for line in Path(card["env_file"]).read_text().splitlines() if "=" in line)

    assert Path(card["env_file"]) == tmp_path / "sim.env"
    assert env["KALSHI_PRIVATE_KEY_PATH"] == str(tmp_path / "kalshi_rsa.pem")


@pytest.mark.system
def test_a_taken_port_is_one_clear_line_and_exit_2() -> None:
    """The message names the port and what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start("--kalshi-port", str(port))
        out, errors = process.communicate(timeout=20)

    assert (process.returncode, out) == (2, "")
    assert errors.count("\n") == 1
    assert f"port {port} for Kalshi" in errors
