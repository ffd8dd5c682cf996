"""python -m trading.sim: the two venues as servers on this machine, for any client.

Prints one JSON line with every address and throwaway credential, then serves until SIGINT or SIGTERM. Port 0 takes any free
port; a taken port is one line on stderr and exit code 2.
"""

import asyncio
import contextlib
import json
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from trading.clock import SystemClock
from trading.sim.control import PATH, MovableClock
from trading.sim.credentials import Credentials, Urls, make_credentials, write_env
from trading.sim.server import SimServer, bind_loopback
from trading.sim.universe import DEFAULT_EVENTS, load
from trading.sim.world import World

__all__ = ["main"]

_CHAIN_ID = 137
_SCRIPT_WAIT_S = 20.0
"""A script starts with the first client that streams from both venues, or by itself after this long."""


def _fail(message: str) -> typer.Exit:
    print(message, file=sys.stderr)
    return typer.Exit(2)


def serve(
    kalshi_port: Annotated[int, typer.Option(help="Port of Kalshi on 127.0.0.1; 0 = any free one.")] = 0,
    polymarket_port: Annotated[int, typer.Option(help="Port of Polymarket on 127.0.0.1; 0 = any free one.")] = 0,
    universe: Annotated[Path | None, typer.Option(help="Recorded pairs (JSON lines) instead of the synthetic games.")] = None,
    seed: Annotated[int, typer.Option(help="Repeats a run: the same seed gives the same games, flow and latencies.")] = 1,
    speed: Annotated[float, typer.Option(help="How many times faster flow and script go.")] = 1.0,
    script: Annotated[str | None, typer.Option(help="Play a script on some of the games: demo.")] = None,
    quiet_flow: Annotated[bool, typer.Option("--quiet-flow", help="Fill the books once; nobody else trades.")] = False,
    events: Annotated[int, typer.Option(help="Synthetic games that both venues list, 1 to 5000.")] = DEFAULT_EVENTS,
    state: Annotated[
        Path | None, typer.Option(help="Directory of lasting keys and sim.env; a temporary one by default.")
    ] = None,
    signature_type: Annotated[int, typer.Option(help="Polymarket wallet: 0 EOA, 1 proxy, 2 Safe, 3 deposit wallet.")] = 3,
) -> None:
    """Run both simulated venues until interrupted."""
    with contextlib.ExitStack() as stack:
        sockets = []
        for venue, port in (("Kalshi", kalshi_port), ("Polymarket", polymarket_port)):
            try:
                sockets.append(stack.enter_context(contextlib.closing(bind_loopback(port))))
            except (OSError, OverflowError) as exc:
                reason = exc.strerror if isinstance(exc, OSError) else str(exc)
                raise _fail(f"port {port} for {venue} on 127.0.0.1: {reason}; choose another or 0 for any free one") from exc
        directory = (state or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tandem-sim-")))).resolve()
        clock = MovableClock(SystemClock())
        urls = Urls.of(sockets[0].getsockname()[1], sockets[1].getsockname()[1])
        try:
            made = make_credentials(directory, signature_type=signature_type)
            loaded = load(universe, seed, clock.wall_ns(), events=events)
            world = World(
                clock=clock, universe=loaded, credentials=made, seed=seed, speed=speed, script=script, quiet=quiet_flow
            )
        except ValueError as exc:
            raise _fail(str(exc)) from exc
        except OSError as exc:
            raise _fail(f"{exc.filename}: {exc.strerror}; name another --state or --universe") from exc
        if made.kept:
            print(
                f"keys of {directory} kept; both accounts start anew with their first cash and no positions: "
                "start a controller that traded before in a new directory",
                file=sys.stderr,
            )
        env_file = directory / "sim.env"
        write_env(env_file, made, urls, chain_id=_CHAIN_ID)
        asyncio.run(_run(world, clock, sockets, _card(made, urls, env_file)))


def _card(made: Credentials, urls: Urls, env_file: Path) -> dict[str, object]:
    """The JSON line: addresses and credentials."""
    account = made.polymarket
    return {
        "schema": 1,
        "kalshi_rest": urls.kalshi_rest,
        "kalshi_ws": urls.kalshi_ws,
        "polymarket_clob": urls.polymarket_clob,
        "polymarket_gamma": urls.polymarket_gamma,
        "polymarket_data": urls.polymarket_data,
        "polymarket_ws": urls.polymarket_ws,
        "polymarket_relayer": urls.polymarket_relayer,
        "control": urls.kalshi_rest.removesuffix("/trade-api/v2") + PATH,
        "env_file": str(env_file.resolve()),
        "kalshi_key_id": made.kalshi_key_id,
        "kalshi_private_key_path": str(made.kalshi_key_path.resolve()),
        "kalshi_ed25519_key_id": made.kalshi_ed25519_key_id,
        "kalshi_ed25519_private_key_path": str(made.kalshi_ed25519_key_path.resolve()),
        "polymarket_private_key": made.private_key,
        "polymarket_funder": account.funder,
        "polymarket_signature_type": account.signature_type,
        "polymarket_chain_id": _CHAIN_ID,
        "polymarket_api_key": account.api_key,
        "polymarket_api_secret": account.api_secret,
        "polymarket_api_passphrase": account.api_passphrase,
        "polymarket_relayer_key": account.relayer_key,
    }


async def _run(world: World, clock: MovableClock, sockets: list[socket.socket], card: dict[str, object]) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    world.begin()
    server = SimServer(kalshi=world.kalshi, polymarket=world.polymarket, clock=clock, actors=world.actors, control=world)
    server.on_streaming(world.start_script)
    loop.call_later(_SCRIPT_WAIT_S, world.start_script)
    await server.start(*sockets)
    print(json.dumps(card), flush=True)
    waits = [asyncio.create_task(stop.wait()), asyncio.create_task(server.wait_failed())]
    try:
        done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in waits:
            task.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
        await server.close()


def main() -> None:
    """Entry point of python -m trading.sim."""
    typer.run(serve)


if __name__ == "__main__":
    main()
