"""The doors of the house: which room may import which, and what pure rooms never touch. Read from the syntax trees."""

import ast
import importlib
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from controller.settings import ControllerSettings
from trading.settings import example_env, load

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("bootstrap", "trading", "trader", "controller")
MAY_IMPORT = {
    "bootstrap": {"bootstrap"},
    "trading": {"trading"},
    "trader": {"trader", "trading"},
    "controller": {"controller", "trading"},
}
TOP_LEVEL = {
    *ROOMS,
    "tests",
    "docs",
    "pyproject.toml",
    "constraints.txt",
    "README.md",
    "Makefile",
    "LICENSE",
    ".env.example",
    "config.example.toml",
    "Dockerfile",
    "compose.yaml",
    "compose.tailnet.yaml",
    ".gitignore",
    ".dockerignore",
    ".ci",
}
LEVELS = {
    0: {"units", "clock", "command", "crash", "halt", "ids", "errors", "log", "secrets"},
    1: {"env_file", "market", "settings", "state_dir", "http", "http_pool", "http_wire", "patience", "stream", "offload"},
    2: {"book", "fees", "order", "journal", "journal_file", "journal_sqlite", "treasury", "venue"},
    3: {"kalshi", "polymarket", "paper"},
    4: {"execute", "connect", "earlier"},
}
LEVEL_OF = {name: level for level, names in LEVELS.items() for name in names}
PURE = (
    "controller/engine.py",
    "controller/state.py",
    "controller/legs.py",
    "controller/strategy",
    "controller/risk",
    "controller/model.py",
)
IMPURE = {"asyncio", "socket", "time", "random", "logging", "threading", "aiohttp", "websockets", "structlog", "datetime"}
SIM_CALLERS = {"controller/demo.py"}  # the demo command starts the simulated venues
SIM_REPLAY = "trading/sim/replay.py"  # replays recordings through the real feeds; it has no venue behaviour of its own


def sources(where: str) -> list[Path]:
    path = ROOT / where
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


@cache  # four tests walk the same few hundred trees
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imports(path: Path) -> Iterator[str]:
    """Every module name a file imports, at any depth; relative imports are refused by ruff's TID rule anyway."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_only_what_they_may(room: str) -> None:
    """bootstrap and trading stand alone; trader and controller know trading only (B-003)."""
    wrong = [
        f"{name(path)} imports {module}"
        for path in sources(room)
        for module in imports(path)
        if (top := module.split(".")[0]) in ROOMS and top not in MAY_IMPORT[room]
    ]

    assert wrong == []


def test_trading_levels_import_downwards() -> None:
    """Inside trading a level imports its own and lower ones; the venues do not know each other; link knows L0 to L2."""
    wrong = []
    for path in sources("trading"):
        part = path.relative_to(ROOT / "trading").parts[0].removesuffix(".py")
        own = 2 if part == "link" else LEVEL_OF.get(part)
        if own is None:
            continue
        for module in imports(path):
            pieces = module.split(".")
            other = LEVEL_OF.get(pieces[1]) if pieces[0] == "trading" and len(pieces) > 1 else None
            if other is not None and (other > own or {part, pieces[1]} == {"kalshi", "polymarket"}):
                wrong.append(f"{name(path)} (L{own}) imports {module} (L{other})")

    assert wrong == []


def test_the_simulator_shares_no_wire_code_with_the_clients() -> None:
    """Shared code would hide shared errors; only fees and plain values are shared, and only replay meets the real feeds."""
    wrong = [
        f"{name(path)} imports {module}"
        for path in sources("trading/sim")
        for module in imports(path)
        if module.startswith(("trading.kalshi", "trading.polymarket")) and name(path) != SIM_REPLAY
    ]

    assert wrong == []


def test_nothing_but_the_demo_imports_the_simulator() -> None:
    wrong = [
        f"{name(path)} imports {module}"
        for room in ROOMS
        for path in sources(room)
        if not name(path).startswith("trading/sim/") and name(path) not in SIM_CALLERS
        for module in imports(path)
        if module.startswith("trading.sim")
    ]

    assert wrong == []


def test_pure_rooms_have_no_clock_chance_or_io() -> None:
    """Engine, state, strategies and risk take time and events as values."""
    wrong = [
        f"{name(path)} imports {module}"
        for where in PURE
        for path in sources(where)
        for module in imports(path)
        if module.split(".")[0] in IMPURE or module.startswith("trading.log")
    ]

    assert wrong == []


def test_only_execute_leg_signs_and_sends() -> None:
    """One caller of a venue's sign and send: nothing else can place an order."""
    wrong = []
    for path in [*sources("controller"), *sources("trader"), *sources("trading")]:
        if name(path) == "trading/execute.py" or name(path).startswith("trading/sim/"):
            continue
        for node in nodes(path):
            if isinstance(node, ast.Await) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
                call = node.value.func
                owner = call.value.attr if isinstance(call.value, ast.Attribute) else getattr(call.value, "id", "")
                if call.attr == "sign" or (call.attr == "send" and owner.strip("_") in ("venue", "client")):
                    wrong.append(f"{name(path)}:{node.lineno} calls {owner}.{call.attr}")

    assert wrong == []


def test_only_the_gate_makes_approvals() -> None:
    """Approved is constructed in risk/gate.py and nowhere else."""
    wrong = [
        f"{name(path)}:{node.lineno}"
        for path in sources("controller")
        if name(path) != "controller/risk/gate.py"
        for node in nodes(path)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Approved"
    ]

    assert wrong == []


def test_top_level_holds_the_rooms_and_customary_files() -> None:
    """A newcomer sees the rooms at once (B-001)."""

    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.splitlines()
    if not listed:
        pytest.skip("not a git checkout")

    assert {line.split("/")[0] for line in listed} <= TOP_LEVEL


def test_no_module_is_longer_than_500_lines() -> None:
    lengths = {name(path): len(path.read_text().splitlines()) for room in (*ROOMS, "tests") for path in sources(room)}

    assert {path: length for path, length in lengths.items() if length > 500} == {}


def test_every_dependency_states_its_reason() -> None:
    """One sentence beside each dependency in pyproject.toml, and an exact tested version in constraints.txt."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    project = tomllib.loads(text)["project"]
    wanted = [*project["dependencies"], *(d for extra in project["optional-dependencies"].values() for d in extra)]
    pinned = {line.split("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line}
    lines = [line for line in text.splitlines() if any(line.strip().startswith(f'"{d}"') for d in wanted)]

    assert len(lines) == len(wanted)
    assert [line.strip() for line in lines if len(line.partition("#")[2].split()) < 3] == []
    assert [d for d in wanted if not any(d.lower().startswith(pin) for pin in pinned)] == []


def test_names_in_all_exist() -> None:
    """__all__ lists what a module really offers."""

    wrong = []
    for path in sources("trading") + sources("controller"):
        if path.name in ("__main__.py", "__init__.py") or "migrations" in path.parts:  # alembic runs those
            continue
        module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        wrong += [f"{module.__name__}.{item}" for item in getattr(module, "__all__", ()) if not hasattr(module, item)]

    assert wrong == []


def test_example_settings_are_current(tmp_path: Path) -> None:
    """.env.example is what the settings models say (B-020), and config.example.toml loads."""
    assert (ROOT / ".env.example").read_text(encoding="utf-8") == example_env(ControllerSettings)
    loaded = load(ControllerSettings, environ={}, directory=tmp_path, config=ROOT / "config.example.toml")
    assert loaded.cb_max_daily_loss == 2500
