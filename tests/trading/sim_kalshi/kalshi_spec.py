"""The venue's published schemas as checks: a REST answer by its route, a stream frame by its type.

The check is stricter than the files: where a schema lists properties, others are refused too, so that a misspelt optional field
is found.
"""

import json
import re
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from openapi import load, strict

from trading.sim.core import Request, Response

__all__ = ["FRAMES", "RestSpec", "StreamSpec", "rest_spec", "stream_spec"]

FRAMES = {
    "subscribed": "subscribedResponsePayload",
    "unsubscribed": "unsubscribedResponsePayload",
    "error": "errorResponsePayload",
    "orderbook_snapshot": "orderbookSnapshotPayload",
    "orderbook_delta": "orderbookDeltaPayload",
    "ticker": "tickerPayload",
    "trade": "tradePayload",
    "fill": "fillPayload",
    "user_order": "userOrderPayload",
    "market_position": "marketPositionPayload",
    "market_lifecycle_v2": "marketLifecycleV2Payload",
    "multivariate_market_lifecycle": "multivariateMarketLifecyclePayload",
    "event_lifecycle": "eventLifecyclePayload",
    "event_fee_update": "eventFeeUpdatePayload",
    "order_group_updates": "orderGroupUpdatesPayload",
    "cfbenchmarks_value_indexlist": "cfbenchmarksIndexListPayload",
    "pyth_value_underlying_list": "pythUnderlyingListPayload",
}
"""Frame type -> schema; ok and metadata_updated are told apart by what they carry."""


class _Spec:
    def __init__(self, name: str) -> None:
        self.raw = load(name)
        self._components = {"schemas": strict(self.raw["components"]["schemas"])}
        self._known: dict[str, Draft202012Validator] = {}

    def check(self, schema: str, value: Any) -> None:
        """Assert that a value has the form of a named schema."""
        if schema not in self._known:
            assert schema in self._components["schemas"]
            body = {"$ref": f"#/components/schemas/{schema}", "components": self._components}
            self._known[schema] = Draft202012Validator(body)
        problems = [f"{schema} {error.json_path}: {error.message[:200]}" for error in self._known[schema].iter_errors(value)]
        assert problems == []


class RestSpec(_Spec):
    """answer() asserts what the OpenAPI file says about one 2xx answer and returns the file's path template."""

    def __init__(self) -> None:
        super().__init__("kalshi-openapi.yaml")
        literal_first = sorted(self.raw["paths"], key=lambda path: (path.count("{"), path))
        self._paths = [(path, re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path))) for path in literal_first]

    def operations(self) -> set[tuple[str, str]]:
        methods = ("get", "post", "put", "delete")
        return {(method.upper(), path) for path, item in self.raw["paths"].items() for method in item if method in methods}

    def template(self, method: str, path: str) -> str:
        """The file's template of a path below /trade-api/v2."""
        for template, pattern in self._paths:
            if pattern.fullmatch(path) and method.lower() in self.raw["paths"][template]:
                return template
        raise AssertionError(f"the specification has no {method} {path}")

    def answer(self, request: Request, response: Response) -> str:
        template = self.template(request.method, request.path.removeprefix("/trade-api/v2"))
        told = self.raw["paths"][template][request.method.lower()]["responses"]
        assert str(response.status) in told, f"{request.method} {template} has no {response.status}"
        schema = told[str(response.status)].get("content", {}).get("application/json", {}).get("schema")
        if schema is None:
            assert response.body in (b"", b"{}")
            return template
        self.check(schema["$ref"].rpartition("/")[2], json.loads(response.body))
        return template


class StreamSpec(_Spec):
    def __init__(self) -> None:
        super().__init__("kalshi-asyncapi.yaml")

    def frame(self, frame: Any) -> None:
        """Assert the form of one frame."""
        kind, msg = frame["type"], frame.get("msg")
        if kind == "ok":
            if isinstance(msg, list):
                self.check("listSubscriptionsResponsePayload", frame)
            elif msg and "index_ids" in msg:
                self.check("subscribedIndicesResponsePayload", frame)
            elif msg and "underlying_tickers" in msg:
                self.check("subscribedUnderlyingsResponsePayload", frame)
            else:
                self.check("okResponsePayload", frame)
        elif kind == "market_lifecycle_v2" and msg["event_type"] == "metadata_updated":
            self.check("marketMetadataUpdatedPayload", frame)
        else:
            self.check(FRAMES[kind], frame)


@cache
def rest_spec() -> RestSpec:
    return RestSpec()


@cache
def stream_spec() -> StreamSpec:
    return StreamSpec()
