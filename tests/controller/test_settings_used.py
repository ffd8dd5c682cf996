"""No dead setting and no number without its setting: what a person can set is read, and what a rule names can be set."""

import ast
import re
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import ValidationError

from controller.numbers import arb_settings, exit_settings, risk_settings
from controller.risk.limits import RiskSettings
from controller.risk.refusals import REFUSALS
from controller.settings import ControllerSettings

ROOT = Path(__file__).resolve().parents[2]
FIELDS = ControllerSettings.model_fields
_VARIABLE = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")
_RULES = ("controller/risk", "controller/strategy", "controller/execution", "controller/state.py", "controller/engine.py")
"""Rooms whose settings are RiskSettings and its like: their names do not prove that a variable is read."""


def _names_read(path: Path) -> set[str]:
    """Attributes that a module takes of settings. In the settings' own modules self counts, but not a check of the values."""
    text = path.read_text(encoding="utf-8")
    if not re.search(r"\b(s|settings|_settings)\.", text) and path.name != "settings.py":
        return set()
    tree = ast.parse(text)
    holders = {"s", "settings", "_settings"} | ({"self"} if path.name == "settings.py" else set())
    checks = {inner for node in ast.walk(tree) if getattr(node, "name", "") == "_consistent" for inner in ast.walk(node)}
    found = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node not in checks)
    return {node.attr for node in found if (getattr(node.value, "id", "") or getattr(node.value, "attr", "")) in holders}


def _sources() -> list[Path]:
    found = [*(ROOT / "controller").rglob("*.py"), *(ROOT / "trading").rglob("*.py")]
    return [path for path in found if not path.relative_to(ROOT).as_posix().startswith((*_RULES, "trading/sim"))]


def _other(name: str) -> Any:
    """A valid value of a setting that is not its default."""
    field = FIELDS[name]
    given: tuple[Any, ...] = (field.default,)
    if isinstance(field.default, bool):
        given = (not field.default,)
    elif get_origin(field.annotation) is Literal:
        given = get_args(field.annotation)
    elif isinstance(field.default, int | float):
        given = (field.default + 1, field.default - 1, field.default / 2)
    for value in given:
        try:
            made = getattr(ControllerSettings(**{name: value}), name)
        except ValidationError:
            continue
        if made != field.default:
            return value
    raise AssertionError(f"{name}: no other value found")


def _pairs() -> list[tuple[str, str]]:
    """(field, variable) of every line of RiskSettings that names one."""
    text = (ROOT / "controller/risk/limits.py").read_text(encoding="utf-8")
    body = text[text.index("class RiskSettings") : text.index("class Lot")]
    lines = re.findall(r"^    (\w+): [^#\n]*#(.*)$", body, re.MULTILINE)
    return [(field, variable) for field, comment in lines for variable in _VARIABLE.findall(comment)]


def test_every_setting_is_read() -> None:
    """A variable that changes nothing is a lie to who sets it."""
    read = set().union(*(_names_read(path) for path in _sources()))

    assert sorted(FIELDS.keys() - read) == []


@pytest.mark.parametrize(("field", "variable"), _pairs())
def test_a_variable_named_at_a_risk_number_moves_it(field: str, variable: str) -> None:
    """Each is a setting, and another value of it is another value of the number."""
    name = variable.lower()
    changed = risk_settings(ControllerSettings(**{name: _other(name)}))

    assert getattr(changed, field) != getattr(risk_settings(ControllerSettings()), field)


def test_every_setting_of_the_numbers_reaches_the_rules() -> None:
    """What numbers.py reads changes risk, exit or arb settings."""

    def all_of(settings: ControllerSettings) -> tuple[Any, ...]:
        return risk_settings(settings), exit_settings(settings), arb_settings(settings)

    read = _names_read(ROOT / "controller/numbers.py") & FIELDS.keys()
    usual = all_of(ControllerSettings())
    idle = [name for name in read if all_of(ControllerSettings(**{name: _other(name)})) == usual]

    assert len(read) > 40
    assert idle == []


def test_numbers_without_settings_are_the_products_defaults() -> None:
    """A default stands in two places, here and in the rules, and they agree."""
    assert risk_settings(ControllerSettings(dry_run=False)) == RiskSettings()


@pytest.mark.parametrize("text", REFUSALS.values(), ids=REFUSALS.keys())
def test_a_refusal_names_only_variables_that_exist(text: str) -> None:
    """Its reader looks for the variable."""
    assert {variable.lower() for variable in _VARIABLE.findall(text)} <= FIELDS.keys()
