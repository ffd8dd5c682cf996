"""Settings from five sources, validated once (B-015..B-020).

    command-line flag  >  environment  >  .env in the working directory  >  config.toml  >  default

A field of a settings model is a variable: kalshi_api_base is KALSHI_API_BASE. A malformed value stops the start with variable,
value and allowed range. Secrets come from environment, .env or the files they point to, never from config.toml.
"""

import ipaddress
import tomllib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self, TypeVar, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo

from trading.env_file import read_env_file
from trading.errors import SettingsError
from trading.secrets import Secret, loose_permissions

__all__ = [
    "Names",
    "OtherName",
    "SecretText",
    "SettingsModel",
    "VenueSettings",
    "example_env",
    "is_loopback",
    "load",
    "redacted",
]


def _to_secret(value: object) -> Secret:
    if isinstance(value, Secret):
        return value
    if isinstance(value, str):
        return Secret(value.strip())
    raise ValueError("must be text")


def _to_names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip().lower() for part in value.split(",") if part.strip())
    if isinstance(value, (list, tuple)) and all(isinstance(part, str) for part in value):
        return tuple(part.strip().lower() for part in value if part.strip())
    raise ValueError("must be a comma separated list")


SecretText = Annotated[Secret, BeforeValidator(_to_secret)]
Names = Annotated[tuple[str, ...], BeforeValidator(_to_names)]
"""A comma separated, case-insensitive list (B-016)."""


class OtherName(NamedTuple):
    """A variable that sets fields of other names. read gives their values and raises SettingsError for what it cannot take."""

    taken_as: str
    read: Callable[[str], Mapping[str, str]]


class SettingsModel(BaseModel):
    """Base of every settings model: immutable, unknown names refused, no number without end."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, validate_default=False, allow_inf_nan=False
    )
    other_names: ClassVar[Mapping[str, OtherName]] = {}
    not_here: ClassVar[Mapping[str, str]] = {}
    """Variables of what this program does not do, with what is said to whoever sets one: they must not believe it works."""


M = TypeVar("M", bound=SettingsModel)
_NEAR = 0.85


class VenueSettings(SettingsModel):
    """What any process needs to talk to a venue."""

    kalshi_api_key_id: str = Field("", description="Kalshi API key id; empty = no Kalshi trading and no Kalshi stream")
    kalshi_private_key_path: str = Field("", description="Kalshi private key, a PEM file (RSA or Ed25519)")
    kalshi_private_key_password: SecretText = Field(Secret(""), description="password of that key, where the PEM is encrypted")
    kalshi_api_secret: SecretText = Field(Secret(""), description="the same PEM inline, instead of the file")
    poly_private_key: SecretText = Field(Secret(""), description="Polymarket wallet key, 0x and 64 hex digits")
    poly_funder: str = Field("", description="wallet that holds the money, 0x and 40 hex", pattern=r"^(0x[0-9a-fA-F]{40})?$")
    polymarket_signature_type: int = Field(
        3, ge=0, le=3, description="kind of wallet: 3 deposit wallet, 2 Safe, 1 proxy, 0 plain key (allow-listed only)"
    )
    polymarket_api_key: str = Field("", description="L2 key; derived from the wallet when all three are empty")
    polymarket_api_secret: SecretText = Field(Secret(""), description="L2 secret")
    polymarket_api_passphrase: SecretText = Field(Secret(""), description="L2 passphrase")
    polymarket_chain_id: int = Field(137, ge=1, description="chain of the exchange contracts")
    kalshi_api_base: str = Field("https://external-api.kalshi.com/trade-api/v2", description="Kalshi REST")
    kalshi_ws_url: str = Field("wss://external-api-ws.kalshi.com/trade-api/ws/v2", description="Kalshi stream")
    polymarket_clob_url: str = Field("https://clob.polymarket.com", description="Polymarket order books and orders")
    polymarket_gamma_url: str = Field("https://gamma-api.polymarket.com", description="Polymarket discovery")
    polymarket_data_url: str = Field("https://data-api.polymarket.com", description="Polymarket positions")
    polymarket_ws_url: str = Field(
        "wss://ws-subscriptions-clob.polymarket.com/ws", description="Polymarket streams, without /market or /user"
    )
    polymarket_relayer_url: str = Field(
        "https://relayer-v2.polymarket.com", description="Polymarket relayer: approve, merge, redeem"
    )
    polymarket_relayer_api_key: SecretText = Field(
        Secret(""), description="relayer key; this or the builder key moves money on chain"
    )
    polymarket_relayer_api_key_address: str = Field(
        "", description="address the relayer key was made for, 0x and 40 hex", pattern=r"^(0x[0-9a-fA-F]{40})?$"
    )
    polymarket_builder_api_key: str = Field("", description="builder key, instead of a relayer key")
    polymarket_builder_api_secret: SecretText = Field(Secret(""), description="builder secret")
    polymarket_builder_api_passphrase: SecretText = Field(Secret(""), description="builder passphrase")
    polymarket_geoblock_url: str = Field(
        "https://polymarket.com/api/geoblock",
        description="asked by each live start that trades Polymarket, and by doctor; blocked = no live trading from here",
    )
    rate_share: float = Field(
        1.0,
        gt=0,
        le=1,
        description="share of a venue's rate limits this process takes, where others use the account or address",
    )
    dry_run: bool = Field(True, description="1 = paper, no order leaves the process; 0 = orders are sent")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="least level shown and kept")
    log_file: str = Field(
        "logs/arbitrage.log", description="JSON lines, rotated; empty = none", json_schema_extra={"may_be_empty": True}
    )

    @model_validator(mode="after")
    def _never_plain_text(self) -> Self:
        urls = {**self.hosts(), "POLYMARKET_GEOBLOCK_URL": self.polymarket_geoblock_url}
        for variable, url in urls.items():
            wanted = "wss" if variable.endswith("_WS_URL") else "https"
            if not _is_private(url, wanted):
                raise ValueError(f"{variable}={url!r}: it must be {wanted}://HOST…; without TLS only this machine is reached")
        return self

    def hosts(self) -> dict[str, str]:
        """Every venue address an order, a price or a movement of money goes through, by variable."""
        return {name.upper(): str(getattr(self, name)) for name in _HOSTS}

    def world(self) -> Literal["paper", "sim", "live"]:
        """paper when dry; else sim when every host is loopback, live when none is. Raises SettingsError on a mixture."""
        hosts = self.hosts()
        far = [variable for variable, url in hosts.items() if not is_loopback(url)]
        if far and len(far) < len(hosts):
            near = [variable for variable in hosts if variable not in far]
            raise SettingsError(
                f"venue hosts are mixed: {', '.join(near)} on this machine, {', '.join(far)} not; set all of them or none"
            )
        if self.dry_run:
            return "paper"
        return "live" if far else "sim"


_HOSTS = (
    "kalshi_api_base",
    "kalshi_ws_url",
    "polymarket_clob_url",
    "polymarket_gamma_url",
    "polymarket_data_url",
    "polymarket_ws_url",
    "polymarket_relayer_url",
)
_ALIASES = {"KALSHI_API_KEY": "kalshi_api_key_id", "POLYMARKET_PRIVATE_KEY": "poly_private_key"}


def is_loopback(url: str) -> bool:
    """Whether a URL can only reach this machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_private(url: str, scheme: str) -> bool:
    """Whether what goes there is encrypted by TLS, or stays on this machine (B-312)."""
    try:
        parts = urlsplit(url)
        return (parts.scheme == scheme and bool(parts.hostname)) or (f"{parts.scheme}s" == scheme and is_loopback(url))
    except ValueError:  # brackets that hold no address
        return False


def load(
    model: type[M],
    *,
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str],
    directory: Path,
    config: Path | None = None,
    shared: bool = False,
    notice: Callable[[str], None] = lambda line: None,
) -> M:
    """Merge the sources into model. flags maps field names to values (None = not given).

    Raises SettingsError for every malformed value at once, one line each. Unknown environment variables are none of our
    business; unknown names in config.toml are refused, or passed over when the file is shared with another program.
    """
    fields = model.model_fields
    merged: dict[str, object] = {}
    merged.update(_from_toml(model, config, directory, shared=shared))
    dotenv = read_env_file(directory / ".env")
    _warn_of_readers(fields, dotenv, directory / ".env", notice)
    for source in (dotenv, environ):
        merged.update(_from_environment(model, source, notice))
        _warn_of_typos(fields, source, notice)
    merged.update({name: value for name, value in (flags or {}).items() if value is not None and name in fields})
    # an empty value is no value, except where the field says that empty means something
    merged = {
        name: value
        for name, value in merged.items()
        if value != "" or fields[name].default == "" or fields[name].json_schema_extra
    }
    try:
        return model(**merged)
    except ValidationError as exc:
        lines = [_explain(fields, error) for error in exc.errors(include_url=False)]
        raise SettingsError("; ".join(lines)) from None  # the cause would print values, secrets among them


def _from_environment(
    model: type[SettingsModel], source: Mapping[str, str], notice: Callable[[str], None]
) -> dict[str, object]:
    found: dict[str, str] = {}
    for variable, value in source.items():
        for name, text in _meaning(model, variable, value, notice).items():
            before = found.get(name, "")
            if text and before and not _same(text, before):
                raise SettingsError(f"{name.upper()} is given twice with different values (an alias differs); keep one")
            found[name] = before or text
    return dict(found)


def _meaning(model: type[SettingsModel], variable: str, value: str, notice: Callable[[str], None]) -> Mapping[str, str]:
    """The fields that a variable sets, none when it is not ours."""
    if (why := model.not_here.get(variable)) and value.strip().lower() not in ("", "0", "false", "no", "off"):
        notice(f"{variable} has no effect: {why}")
    if (other := model.other_names.get(variable)) is not None and value:
        notice(f"{variable} is taken as {other.taken_as}")
        return other.read(value)
    name = _ALIASES.get(variable) or variable.lower()
    if name not in model.model_fields or not (variable.isupper() or variable in _ALIASES):
        return {}
    if variable == "POLYMARKET_API_KEY" and value.startswith("0x") and len(value) == 42:
        notice("POLYMARKET_API_KEY holds a wallet address and is taken as POLY_FUNDER")  # C-03
        name = "poly_funder"
    return {name: value}


def _same(one: str, other: str) -> bool:
    """Equal, or the same hex number: addresses are written in capitals as a checksum."""
    return one == other or (one.startswith("0x") and one.lower() == other.lower())


def _warn_of_readers(
    fields: Mapping[str, FieldInfo], dotenv: Mapping[str, str], path: Path, notice: Callable[[str], None]
) -> None:
    """Say when others than its owner can read a .env that holds a key (B-311)."""
    names = {_ALIASES.get(variable) or variable.lower() for variable, value in dotenv.items() if value}
    if any(name in fields and _is_secret(fields[name]) for name in names) and (loose := loose_permissions(path)) is not None:
        notice(loose)


def _warn_of_typos(fields: Mapping[str, FieldInfo], source: Mapping[str, str], notice: Callable[[str], None]) -> None:
    """A variable that nearly is one of ours is a typo that would silently leave a default (a limit!) in force."""
    ours = [name.upper() for name in fields]
    for variable in source:
        if variable.upper() in ours and variable not in ours:
            notice(f"{variable} is ignored: names of settings are written in capitals, {variable.upper()}")
        elif variable not in ours and variable not in _ALIASES and (near := get_close_matches(variable, ours, 1, _NEAR)):
            notice(f"{variable} is no setting and is ignored; did you mean {near[0]}?")


def _from_toml(model: type[SettingsModel], config: Path | None, directory: Path, *, shared: bool) -> dict[str, object]:
    path = config or directory / "config.toml"
    if not path.is_file():
        if config is not None:
            raise SettingsError(f"--config {path}: no such file")
        return {}
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise SettingsError(f"{path}: {exc.strerror}; make it readable to this user, or move it away") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise SettingsError(f"{path}: {exc}") from exc
    found: dict[str, object] = {}
    for section, table in tables.items():
        entries = table.items() if isinstance(table, dict) else [(section, table)]
        prefix = f"{section}_" if isinstance(table, dict) else ""
        for key, value in entries:
            name = next((name for name in (key.lower(), f"{prefix}{key}".lower()) if name in model.model_fields), None)
            if name is None and shared:
                continue
            if name is None:
                raise SettingsError(f"{path}: [{section}] {key} is no setting; see .env.example for the names")
            if _is_secret(model.model_fields[name]):
                raise SettingsError(f"{path}: {key} is a secret; put it into .env or the environment")
            found[name] = str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value
    return found


def _is_secret(field: FieldInfo) -> bool:
    return field.annotation is Secret


def _allowed(field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        return "one of " + ", ".join(str(value) for value in get_args(field.annotation))
    bounds = []
    for rule in field.metadata:
        for mark, sign in (("ge", ">="), ("gt", ">"), ("le", "<="), ("lt", "<")):
            if (limit := getattr(rule, mark, None)) is not None:
                bounds.append(f"{sign} {limit}")
    kind = {bool: "1/0, true/false, yes/no or on/off", int: "a whole number", float: "a number"}.get(field.annotation)  # type: ignore[arg-type]  # annotation may be any type; get() copes
    return " ".join(filter(None, (kind, " and ".join(bounds))))


def _explain(fields: Mapping[str, FieldInfo], error: Any) -> str:
    name = str(error["loc"][0]) if error["loc"] else ""
    field = fields.get(name)
    if field is None:
        return str(error["msg"]).removeprefix("Value error, ")
    shown = "***" if _is_secret(field) else repr(error.get("input"))
    allowed = _allowed(field)
    if allowed and str(error["type"]).endswith(("_parsing", "_type", "literal_error", "_than_equal", "_than", "finite_number")):
        return f"{name.upper()}={shown} is not allowed: it must be {allowed}"
    if error["type"] == "string_pattern_mismatch":
        return f"{name.upper()}={shown} is not allowed: {field.description}"
    why = str(error["msg"]).removeprefix("Value error, ")
    return f"{name.upper()}={shown}: {why} ({field.description})"


def redacted(settings: SettingsModel) -> dict[str, object]:
    """The effective settings for the log, every secret masked (B-018)."""
    shown: dict[str, object] = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        shown[name.upper()] = ("***" if value else "") if isinstance(value, Secret) else value
    return shown


def example_env(model: type[SettingsModel]) -> str:
    """The text of .env.example: every variable with its meaning and default (B-020)."""
    lines = [
        "# Every setting with its default. Copy to .env and change what you need; the environment wins over this file.",
        *(f"# {name} is taken as {field.upper()}." for name, field in _ALIASES.items() if field in model.model_fields),
        *(f"# {name} is taken as {other.taken_as}." for name, other in model.other_names.items()),
        "",
    ]
    for name, field in model.model_fields.items():
        value = field.default
        if isinstance(value, bool):
            text = str(int(value))
        elif isinstance(value, Secret):
            text = ""
        elif isinstance(value, tuple):
            text = ",".join(value)
        else:
            text = str(value)
        lines += [f"# {field.description}", f"#{name.upper()}={text}"]
    return "\n".join(lines) + "\n"
