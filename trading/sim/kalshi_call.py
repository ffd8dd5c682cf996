"""One request on its way to a handler of the simulated Kalshi, and the routes that lead there.

A route names the scopes that open it (none = public) and what it costs; a handler gets a Call and returns a Response or raises
ApiError. Tokens of reads are taken by the router, those of writes by their handlers, since items and shards decide them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from trading.sim.core import Request, Response
from trading.sim.kalshi_auth import Caller
from trading.sim.kalshi_data import ApiError
from trading.sim.kalshi_limits import DEFAULT_COST
from trading.sim.kalshi_query import Query

__all__ = ["Call", "Route", "Row", "get", "write"]

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """names are what stood at each {} of the path."""

    request: Request
    query: Query
    names: tuple[str, ...] = ()
    user: Caller | None = None

    @property
    def name(self) -> str:
        return self.names[0]

    @property
    def caller(self) -> Caller:
        assert self.user is not None  # the router authenticates every route that names a scope
        return self.user

    def body(self) -> Row:
        """The JSON object sent. Raises ApiError 400."""
        try:
            return msgspec.json.decode(self.request.body, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise ApiError(400, "invalid_parameters", "invalid request body", str(exc)) from exc

    def body_or_empty(self) -> Row:
        """The JSON object sent; nothing sent is an empty one."""
        return self.body() if self.request.body.strip() else {}


@dataclass(frozen=True, slots=True)
class Route:
    """cost None: the handler bills. fails: an armed fault of order writes may strike here."""

    method: str
    path: str
    pattern: re.Pattern[str]
    handler: Callable[[Call], Response | Row]
    scopes: tuple[str, ...]
    cost: int | None
    fails: bool


def get(path: str, handler: Callable[[Call], Response | Row], *scopes: str, cost: int | None = DEFAULT_COST) -> Route:
    """A read; one that needs a key is billed to the caller's read bucket."""
    return Route("GET", path, _compile(path), handler, scopes, cost, False)


def write(method: str, path: str, handler: Callable[[Call], Response | Row], *scopes: str, fails: bool = False) -> Route:
    """A write, billed by its handler. fails: fail_next may strike it."""
    return Route(method, path, _compile(path), handler, scopes, None, fails)


def _compile(path: str) -> re.Pattern[str]:
    return re.compile(re.escape(path).replace(r"\{\}", "([^/]+)"))
