"""The demo's second process: a real `trader run` that holds the Polymarket keys and dials this controller over the real link.

Keys of both ends are made for this run only. drop() kills the trader as a power cut would and starts it again a moment later on
the same state directory: the controller refuses its legs meanwhile, and every leg is accounted for afterwards.
"""

import asyncio
import base64
import contextlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from trading.log import get_logger
from trading.secrets import write_private

__all__ = ["DemoTrader", "make_identities"]

log = get_logger(__name__)
_END_S = 15.0


def make_identities(directory: Path, platforms: Sequence[str] = ("polymarket",)) -> tuple[Path, dict[str, Path]]:
    """Throwaway keys of a controller and of one trader a platform, pinned to each other: (controller's LINK_DIR, traders')."""
    home = directory / "link-controller"
    controller = Ed25519PrivateKey.generate()
    peers, away = "", {}
    for platform in platforms:
        trader, away[platform] = Ed25519PrivateKey.generate(), directory / f"link-{platform}"
        _write(away[platform] / "identity.pem", trader)
        write_private(away[platform] / "peers.toml", _peer("demo-controller", "controller", "", controller).encode())
        peers += _peer(f"demo-{platform}", "trader", platform, trader)
    _write(home / "identity.pem", controller)
    write_private(home / "peers.toml", peers.encode())
    return home, away


def _write(path: Path, key: Ed25519PrivateKey) -> None:
    write_private(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def _peer(name: str, role: str, platform: str, key: Ed25519PrivateKey) -> str:
    public = base64.b64encode(key.public_key().public_bytes_raw()).decode()
    rows = {"name": name, "role": role, "public_key": public} | ({"platform": platform} if platform else {})
    return "[[peer]]\n" + "".join(f'{field} = "{value}"\n' for field, value in rows.items())


_ROOMS = Path(__file__).resolve().parents[1]


class DemoTrader:
    """Starts, kills and ends the process. environ holds the venue hosts and the Polymarket keys."""

    def __init__(
        self, directory: Path, link_dir: Path, address: str, environ: Mapping[str, str], platform: str = "polymarket"
    ) -> None:
        self._directory = directory
        self._name = f"trader-{platform}"
        self._environ = {
            **{
                name: value
                for name, value in os.environ.items()
                if name in ("PATH", "HOME", "PYTHONPATH", "LANG", "VIRTUAL_ENV")
            },
            **environ,
            "TRADER_PLATFORM": platform,
            "CONTROLLER_ADDRESS": address,
            "LINK_DIR": str(link_dir),
            "STATE_DIR": str(directory / self._name),
            "LOG_FILE": str(directory / f"{self._name}.log"),
            "LOG_LEVEL": "INFO",
            "DRY_RUN": "0",
            "TRADER_MAX_LEGS_PER_SEC": "100",
        }
        # its working directory is another one: from a checkout that is not installed it would find no program
        paths = (str(_ROOMS), self._environ.get("PYTHONPATH", ""))
        self._environ["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        directory = self._directory / self._name
        directory.mkdir(parents=True, exist_ok=True)
        with (self._directory / f"{self._name}.out").open("ab") as out:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "trader",
                "run",
                cwd=directory,  # no .env of the user's directory is read
                env=self._environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,  # Ctrl-C is for the controller
            )

    async def drop(self, away_s: float) -> None:
        """kill -9, a pause, and a new start."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        log.warning("demo_trader_dropped", away_s=away_s)
        process.kill()
        await process.wait()
        await asyncio.sleep(away_s)
        await self.start()

    async def close(self) -> None:
        """End it as an operator would; it lets its legs end."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _END_S)
        if process.returncode is None:
            process.kill()
            await process.wait()
