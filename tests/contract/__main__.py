"""python -m tests.contract: strangers' clients, each unmodified in an environment of its own, trade on running simulators.

One line per client and check on stdout; exit 1 when one failed. Environments are kept below --environments and made again when
their requirements change. The simulators run in a process of their own, as anybody would start them.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.contract.clients import CLIENTS, Client

__all__ = ["main"]

_HERE = Path(__file__).resolve().parent
_ROOT = _HERE.parents[1]
_CLIENT_S = 240
_INSTALL_S = 600


def main(argv: Sequence[str] | None = None) -> int:
    """Run the chosen clients; 0 when every check held."""
    known = ", ".join(client.name for client in CLIENTS)
    parser = argparse.ArgumentParser(prog="python -m tests.contract", description="Strangers' clients on the simulators.")
    parser.add_argument("--only", default="", help=f"comma separated: {known}")
    parser.add_argument("--environments", type=Path, default=_ROOT / ".venv" / "contract", help="where their packages go")
    chosen = parser.parse_args(argv)
    names = {name for name in chosen.only.split(",") if name}
    if unknown := names - {client.name for client in CLIENTS}:
        parser.error(f"--only {','.join(sorted(unknown))}: unknown (known: {known})")
    failed = 0
    for client in CLIENTS:
        if not names or client.name in names:
            failed += _try(client, chosen.environments)
    return 1 if failed else 0


def _try(client: Client, environments: Path) -> int:
    """How many of a client's checks failed."""
    try:
        python = _environment(client, environments)
    except subprocess.CalledProcessError as exc:
        reason = (exc.stderr or "").strip().splitlines()[-1:] or ["pip failed"]
        _tell(client.name, "install", None if client.optional else False, reason[0])
        return 0 if client.optional else 1
    failed = 0
    for wallet in client.wallets:
        label = f"{client.name} type {wallet}" if len(client.wallets) > 1 else client.name
        with _simulators(wallet) as card:
            failed += _run(label, python, client.script, card)
    return failed


def _tell(client: str, check: str, ok: bool | None, detail: str = "") -> None:
    word = {True: "ok", False: "FAILED", None: "skipped"}[ok]
    print(f"{client:<26} {check:<18} {word}{'  ' + detail if detail else ''}", flush=True)


def _environment(client: Client, environments: Path) -> Path:
    """The python of a client's own environment, made when it is not there yet."""
    directory = environments / client.name
    python = directory / "bin" / "python"
    stamp = directory / "requirements"
    wanted = hashlib.sha256("\n".join(client.requirements).encode()).hexdigest()
    if not (stamp.is_file() and stamp.read_text() == wanted):
        print(f"installing {client.name} (once)", file=sys.stderr, flush=True)
        venv.create(directory, with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *client.requirements]
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_INSTALL_S)
        stamp.write_text(wanted)
    return python


@contextmanager
def _simulators(wallet: int) -> Iterator[str]:
    """Both venues with books at rest; gives the line they print."""
    with tempfile.TemporaryDirectory() as state, tempfile.TemporaryFile("w+") as errors:
        command = [sys.executable, "-m", "trading.sim", "--quiet-flow", "--events", "20", "--state", state]
        command += ["--signature-type", str(wallet)]
        process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert process.stdout is not None
        try:
            yield process.stdout.readline()
        finally:
            process.terminate()
            process.wait(timeout=20)
            process.stdout.close()
            errors.seek(0)
            if trouble := errors.read().strip():
                print(f"the simulators said:\n{trouble}", file=sys.stderr, flush=True)


def _run(label: str, python: Path, script: str, card: str) -> int:
    """Run a script on the card and pass its lines on; how many checks failed."""
    environ = {**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [str(python), str(_HERE / script)],
        input=card,
        capture_output=True,
        text=True,
        timeout=_CLIENT_S,
        env=environ,
        check=False,
    )
    failed = 0
    for line in done.stdout.splitlines():
        row = json.loads(line)
        failed += not row["ok"]
        _tell(label, row["check"], row["ok"], row["detail"])
    if done.returncode and not failed:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit {done.returncode}"]
        _tell(label, "script", False, last[0])
        failed = 1
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
