"""What `bootstrap init` leaves behind: the key, and an owner-only fragment of settings for this machine's program (B-231).

The fragment may be the program's .env itself: lines of others, keys among them, are kept as they are and never shown. A value
changed by hand stays unless a flag says otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bootstrap.files import Problem, read_private, write_private
from bootstrap.identity import PLATFORMS, Role, fingerprint, key_path, make_key

__all__ = ["NAME_OF", "Made", "fragment_path", "initialise", "read_fragment", "role_of", "set_values"]

_ROLES: tuple[Role, ...] = ("controller", "trader")
NAMES = (
    "LINK_DIR",
    "LINK_HOST",
    "LINK_PORT",
    "LINK_SOCKS5",
    "TRADER_PLATFORM",
    "TRADER_NAME",
    "CONTROLLER_ADDRESS",
    "BOOTSTRAP_NAME",
)
NAME_OF: Mapping[Role, str] = {"controller": "BOOTSTRAP_NAME", "trader": "TRADER_NAME"}
"""Where the name that the other side pins is kept; the controller's is bootstrap's own business."""


@dataclass(frozen=True, slots=True)
class Made:
    """The state of a directory after init. new: the key was made by this call."""

    role: Role
    public: bytes
    new: bool
    fragment: Path
    settings: dict[str, str]

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.public)


def fragment_path(directory: Path, role: Role) -> Path:
    return directory / f"{role}.env"


def role_of(directory: Path) -> Role:
    """The role this directory was made for. Raises Problem when there is none, or both."""
    roles: list[Role] = [role for role in _ROLES if fragment_path(directory, role).exists()]
    if len(roles) != 1:
        many = "was made for both roles; give each its own --dir" if roles else "is not set up yet"
        raise Problem(f"{directory} {many}: bootstrap init --role controller|trader --dir {directory}")
    return roles[0]


def read_fragment(directory: Path, role: Role) -> dict[str, str]:
    """What the fragment says of our own names; nothing where there is none. Its owner's other lines are never read out."""
    path = fragment_path(directory, role)
    if not path.exists():
        return {}
    try:
        lines = read_private(path).decode().splitlines()
    except UnicodeDecodeError as exc:
        raise Problem(f"{path} is not text; move it away") from exc
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.lstrip().startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, value in pairs if name.strip() in NAMES}


def set_values(directory: Path, role: Role, values: Mapping[str, str]) -> None:
    """Put these lines into the fragment; every other line, comment or secret of its owner, stays as it is."""
    path = fragment_path(directory, role)
    lines = read_private(path).decode().splitlines() if path.exists() else [f"# {role}: made by bootstrap init, add your own"]
    left = dict(values)
    for at, line in enumerate(lines):
        name = line.partition("=")[0].strip()
        if name in left:
            lines[at] = f"{name}={left.pop(name)}"
    lines += [f"{name}={value}" for name, value in left.items()]
    write_private(path, ("\n".join(lines) + "\n").encode())


def initialise(
    directory: Path, role: Role, *, name: str, defaults: dict[str, str], flags: dict[str, str], rotate: bool = False
) -> Made:
    """Make what is missing and keep what is there. defaults fill gaps, flags win over what the fragment says.

    Raises Problem for a directory of the other role, and for a trader without a platform; then nothing was changed.
    """
    other: Role = "trader" if role == "controller" else "controller"
    if fragment_path(directory, other).exists():
        raise Problem(f"{directory} belongs to a {other}; give each role its own --dir")
    before = read_fragment(directory, role)
    settings = {"LINK_DIR": str(directory), **defaults, **before, **flags}
    if role == "trader" and settings.get("TRADER_PLATFORM") not in PLATFORMS:
        raise Problem("a trader serves one venue: --platform kalshi or --platform polymarket")
    settings.setdefault(NAME_OF[role], name)
    if rotate and not key_path(directory).exists():
        raise Problem(f"{key_path(directory)} is not there, so there is nothing to rotate; leave --rotate out")
    public, new = make_key(directory, rotate=rotate)
    if settings != before:
        set_values(directory, role, {name: value for name, value in settings.items() if before.get(name) != value})
    return Made(role, public, new, fragment_path(directory, role), settings)
