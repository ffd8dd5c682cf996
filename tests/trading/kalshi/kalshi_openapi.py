"""The venue's published OpenAPI file as the other side of an Http: it checks each request and answers with a sample.

A request that the file does not know (path, method, parameter, body field, type) fails the test. Samples are made from the
schemas: every field, or only the required ones, which is what a decoder has to live with.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
from jsonschema import Draft202012Validator
from openapi import load, strict

from trading.http import Response

PREFIX = "/trade-api/v2"
_TEXTS = {"date-time": "2026-11-20T00:00:00Z", "uuid": "6b1f1d6e-2f5a-4a5e-9d0a-1b2c3d4e5f60"}
_NAMED = {
    "cursor": "",
    "order_id": "o-1",
    "client_order_id": "",
    "remaining_count": "0.00",
    "status": "canceled",
    "result": "",
    "market_result": "yes",
    "outcome_side": "yes",
}
"""Samples that a client reads a meaning into."""


class SpecHttp:
    """An Http that is the file. full: answers carry every field; else only the required ones."""

    def __init__(self, *, full: bool) -> None:
        self.raw = load("kalshi-openapi.yaml")
        self._full = full
        self._components = {"schemas": strict(self.raw["components"]["schemas"])}
        literal_first = sorted(self.raw["paths"], key=lambda path: (path.count("{"), path))
        self._paths = [(path, re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path))) for path in literal_first]
        self.asked: set[tuple[str, str]] = set()

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, timeout_s: float
    ) -> Response:
        parts = urlsplit(url)
        path = parts.path.removeprefix(PREFIX)
        template, operation = self._operation(method, path)
        self.asked.add((method, template))
        names = re.findall(r"\{([^}]+)\}", template)
        values = re.fullmatch(re.sub(r"\{[^}]+\}", "([^/]+)", template), path)
        given = dict(zip(names, map(unquote, values.groups() if values else ()), strict=True))
        self._check_parameters(operation, parse_qsl(parts.query, keep_blank_values=True), given, f"{method} {template}")
        self._check_body(operation, body, headers, f"{method} {template}")
        if operation.get("security"):
            assert "KALSHI-ACCESS-SIGNATURE" in headers, f"{method} {template} has to be signed"
        return self._answer(operation)

    def _operation(self, method: str, path: str) -> tuple[str, Any]:
        for template, pattern in self._paths:
            if pattern.fullmatch(path) and method.lower() in self.raw["paths"][template]:
                return template, self.raw["paths"][template][method.lower()]
        raise AssertionError(f"the file has no {method} {path}")

    def _resolve(self, node: Any) -> Any:
        while isinstance(node, dict) and "$ref" in node:
            found = self.raw
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            node = found
        return node

    def _validate(self, schema: Any, value: Any, what: str) -> None:
        checker = Draft202012Validator({**strict(schema), "components": self._components})
        problems = [f"{what} {error.json_path}: {error.message[:200]}" for error in checker.iter_errors(value)]
        assert problems == []

    def _check_parameters(self, operation: Any, query: list[tuple[str, str]], path: dict[str, str], what: str) -> None:
        known = {(row["in"], row["name"]): row for row in map(self._resolve, operation.get("parameters", ()))}
        named: dict[str, list[str]] = {}
        for name, value in query:
            assert ("query", name) in known, f"{what} has no parameter {name}"
            named.setdefault(name, []).append(value)
        for (place, name), row in known.items():
            found = named.get(name) if place == "query" else ([path[name]] if name in path else None)
            if found is None:
                assert not row.get("required"), f"{what} needs {name}"
                continue
            schema = self._resolve(row["schema"])
            if schema.get("type") == "array" and row.get("explode"):
                self._validate(schema, found, f"{what} {name}")
                continue
            assert len(found) == 1, f"{what} {name} was given {len(found)} times"
            self._validate(schema, _typed(found[0], schema), f"{what} {name}")

    def _check_body(self, operation: Any, body: bytes | None, headers: Mapping[str, str], what: str) -> None:
        wanted = self._resolve(operation.get("requestBody"))
        if wanted is None:
            assert body is None, f"{what} takes no body"
            return
        if body is None:
            assert not wanted.get("required"), f"{what} needs a body"
            return
        assert headers["Content-Type"] == "application/json"
        self._validate(wanted["content"]["application/json"]["schema"], msgspec.json.decode(body), f"{what} body")

    def _answer(self, operation: Any) -> Response:
        status, told = next((code, row) for code, row in operation["responses"].items() if code.startswith("2"))
        content = self._resolve(told).get("content")
        if content is None:
            return Response(int(status), {}, b"")
        value = self.sample(content["application/json"]["schema"])
        return Response(int(status), {}, msgspec.json.encode(value))

    def sample(self, schema: Any, name: str = "", depth: int = 0) -> Any:
        """A value of the schema."""
        schema = self._resolve(schema)
        if "allOf" in schema:
            return self.sample(schema["allOf"][0], name, depth)
        if "oneOf" in schema or "anyOf" in schema:
            return self.sample((schema.get("oneOf") or schema["anyOf"])[0], name, depth)
        kind = schema.get("type", "object")
        if name == "error":
            return None
        if kind == "object":
            fields = schema.get("properties", {})
            shown = fields if self._full else [field for field in fields if field in schema.get("required", ())]
            return {field: self.sample(fields[field], field, depth + 1) for field in shown} if depth < 6 else {}
        if kind == "array":
            if schema.get("minItems") == 2:  # a level of a book: price and count
                return ["0.4000", "1.00"]
            return [self.sample(schema["items"], "", depth + 1)]
        if kind == "string":
            return _NAMED.get(name, _text(schema, name))
        return {"integer": 1, "number": 0.5, "boolean": True}[kind]


def _text(schema: Any, name: str) -> str:
    if "enum" in schema:
        return str(schema["enum"][0])
    if name.endswith(("_fp", "count", "reduced_by", "_time", "_datetime")) and "date-time" not in schema.get("format", ""):
        return "1.00" if not name.endswith("time") else _TEXTS["date-time"]
    if name.endswith("_dollars") or name in (
        "balance",
        "amount",
        "price",
        "fee_cost",
        "average_fill_price",
        "average_fee_paid",
    ):
        return "0.5000"
    return _TEXTS.get(str(schema.get("format")), "x")


def _typed(text: str, schema: Any) -> Any:
    match schema.get("type"):
        case "integer":
            return int(text)
        case "boolean":
            return {"true": True, "false": False}[text]
    return text
