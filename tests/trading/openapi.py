"""The venues' published OpenAPI and AsyncAPI files as strict JSON Schema, read once a process.

Stricter than the files: where a schema lists properties, others are refused too, so that a misspelt optional field is found.
"""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

__all__ = ["load", "strict"]

_SPECS = Path(__file__).resolve().parents[2] / ".." / "shared" / "reference" / "specs"


def load(name: str) -> Any:
    """One file as it stands; the test is skipped where it does not stand beside the checkout."""
    found = _read(name)
    if found is None:
        pytest.skip("the venue's specifications are not beside this checkout")
    return found


@cache
def _read(name: str) -> Any:
    path = _SPECS / name
    return yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)) if path.exists() else None


def strict(node: Any) -> Any:
    """OpenAPI 3.0 words as JSON Schema: nullable becomes a null type, listed properties become the only ones."""
    if isinstance(node, list):
        return [strict(part) for part in node]
    if not isinstance(node, dict):
        return node
    body = {key: strict(value) for key, value in node.items() if key not in ("example", "examples")}
    if isinstance(body.get("properties"), dict) and body.get("type") == "object":
        body.setdefault("additionalProperties", False)
    if body.pop("nullable", None) is True:
        return {"anyOf": [body, {"type": "null"}]}
    return body
