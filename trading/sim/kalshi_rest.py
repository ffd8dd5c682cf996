"""The simulated Kalshi's REST front: route, authenticate, bill reads, call, word the answer, and fail when told to (2, 3, 10).

The order of checks is the order in which a caller learns of them: path, armed fault, key, scope, tokens, then the request.
"""

from collections import deque
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

import msgspec

from trading.sim.core import Request, Response
from trading.sim.kalshi_auth import Caller, Gatekeeper
from trading.sim.kalshi_call import Call, Route
from trading.sim.kalshi_data import ApiError, FailKind, KalshiRules, ReadFailKind, json_response
from trading.sim.kalshi_limits import RateLimits
from trading.sim.kalshi_query import Query

__all__ = ["RestApi"]

_PREFIX = "/trade-api/v2"
_BEFORE = ("429", "503", "500_before_accept", "drop_before_accept", "200_error")
_OTHER_ORDER = "00000000-0000-4000-8000-000000000000"


class RestApi:
    """handle() answers one request and never raises. faults strike order writes, read_faults reads, first armed first."""

    def __init__(self, gate: Gatekeeper, limits: RateLimits, routes: Iterable[Route], rules: KalshiRules) -> None:
        self._gate = gate
        self._limits = limits
        self._rules = rules
        self.routes = tuple(routes)
        self._exact = {(route.method, _PREFIX + route.path): route for route in self.routes if "{}" not in route.path}
        self.faults: deque[FailKind] = deque()
        self.read_faults: deque[ReadFailKind] = deque()

    def handle(self, request: Request) -> Response:
        try:
            return self._handle(request)
        except ApiError as exc:
            exc.code = self._rules.spelling.get(exc.code, exc.code)
            return exc.response()

    def _handle(self, request: Request) -> Response:
        route, names = self._find(request)
        struck = self._struck_before(route)
        if struck is not None:
            return struck
        caller: Caller | None = None
        if route.scopes:
            caller = self._gate.caller(request)
            caller.require(*route.scopes)
            if route.cost is not None:
                self._limits.read(caller.user_id, route.cost)
        scope = f"{request.path} {caller.user_id if caller else ''}"
        answer = route.handler(Call(request, Query(scope, request.query), names, caller))
        response = answer if isinstance(answer, Response) else json_response(200, answer)
        return self._struck_after(route, response)

    def _struck_before(self, route: Route) -> Response | None:
        """What an armed fault answers before anything happens, None when it lets the request through."""
        kind: str = ""
        if route.method == "GET" and self.read_faults:
            kind = self.read_faults.popleft()
        elif route.fails and self.faults and self.faults[0] in _BEFORE:
            kind = self.faults.popleft()
        match kind:
            case "":
                return None
            case "429":
                return ApiError(429, "too_many_requests").response()
            case "503":
                return ApiError(503, "service_unavailable").response()
            case "200_error":  # a 2xx with an error is an error (kalshi.md 0.1, 3)
                return json_response(
                    200, {"error": {"code": "deprecated_v1_order_endpoint", "message": "order was not placed"}}
                )
            case "drop" | "drop_before_accept":
                return Response(503, b"", drop=True)
            case _:
                return ApiError(500, "internal_server_error").response()

    def _struck_after(self, route: Route, response: Response) -> Response:
        if not route.fails or not self.faults or response.status >= 300:
            return response
        kind = self.faults[0]
        if kind == "wrong_echo":
            echoed = self._echo(response)
            if echoed is not None and (route.method == "DELETE" or "/amend" in route.path):
                self.faults.popleft()
                return echoed
            return response
        if kind in _BEFORE:
            return response
        self.faults.popleft()
        if kind == "drop_after_accept":
            return Response(response.status, b"", drop=True)
        if kind == "400_after_accept":
            return ApiError(400, "never_heard_of").response()
        return ApiError(500, "internal_server_error").response()

    @staticmethod
    def _echo(response: Response) -> Response | None:
        """The answer with another order's id: seen on cancel and amend since 2026-05-21 (kalshi.md 13)."""
        body = msgspec.json.decode(response.body, type=dict[str, Any]) if response.body else {}
        return json_response(response.status, body | {"order_id": _OTHER_ORDER}) if "order_id" in body else None

    def _find(self, request: Request) -> tuple[Route, tuple[str, ...]]:
        exact = self._exact.get((request.method, request.path))
        if exact is not None:
            return exact, ()
        path = request.path.removeprefix(_PREFIX)
        if path != request.path:
            known = False
            for route in self.routes:
                match = route.pattern.fullmatch(path)
                if match is not None:
                    known = True
                    if route.method == request.method:
                        return route, tuple(unquote(name) for name in match.groups())
            if path.startswith("/portfolio/orders") and request.method != "GET":  # legacy order writes (kalshi.md 7.7)
                raise ApiError(410, "deprecated_v1_order_endpoint", "this endpoint was removed, use /portfolio/events/orders")
            if known:
                raise ApiError(405, "method_not_allowed")
        raise ApiError(404, "not_found", details=request.path)
