"""Which strangers' clients are tried, what each needs in its own environment, and on which simulators it runs."""

from dataclasses import dataclass

__all__ = ["CLIENTS", "Client"]


@dataclass(frozen=True, slots=True)
class Client:
    """A published client. optional: where it does not install, that is told and nothing fails."""

    name: str
    requirements: tuple[str, ...]
    script: str
    wallets: tuple[int, ...] = (3,)
    """Polymarket signature types to run it with, one run each."""
    optional: bool = False


CLIENTS = (
    Client("py-clob-client-v2", ("py-clob-client-v2>=1.2,<1.3", "coincurve"), "clob_v2_run.py", wallets=(3, 2, 1, 0)),
    Client("pykalshi", ("pykalshi>=2.0,<2.1", "websockets"), "pykalshi_run.py"),
    # urllib3 is used by it and not asked for by it
    Client("kalshi-python-async", ("kalshi-python-async>=3.2,<3.3", "urllib3"), "kalshi_async_run.py", optional=True),
    Client(
        "polymarket-client", ("polymarket-client>=0.14,<0.15",), "polymarket_client_run.py", wallets=(3, 2, 1, 0), optional=True
    ),
)
