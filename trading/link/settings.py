"""What both ends of the link are told: key files, heartbeats, the tailnet (B-225, B-231)."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from trading.clock import MS
from trading.errors import SettingsError
from trading.link.session import LinkTimes
from trading.settings import OtherName, SettingsModel

__all__ = ["LinkSettings"]


def _directory_of(path: str) -> Mapping[str, str]:
    if Path(path).name != "identity.pem":
        raise SettingsError(f"ARB_IDENTITY_PATH={path!r}: it must end in /identity.pem, beside its peers.toml; or set LINK_DIR")
    return {"link_dir": str(Path(path).parent)}


class LinkSettings(SettingsModel):
    """The part of a process's settings that the link reads."""

    other_names: ClassVar[Mapping[str, OtherName]] = {"ARB_IDENTITY_PATH": OtherName("LINK_DIR, its directory", _directory_of)}
    """B-061."""

    link_dir: str = Field("link", description="directory of identity.pem and peers.toml, made by bootstrap")
    link_beat_ms: int = Field(1000, ge=50, le=60_000, description="heartbeat of the link")
    link_quiet_ms: int = Field(3000, ge=100, le=600_000, description="no new leg to a peer silent for this long")
    link_down_ms: int = Field(10_000, ge=200, le=600_000, description="a peer silent for this long is down")
    link_tailnet: Literal["auto", "on", "off"] = Field(
        "auto", description="ask tailscaled who the peer is: auto = where a tailnet address or a pinned machine is involved"
    )

    @model_validator(mode="after")
    def _times_rise(self) -> Self:
        if not self.link_beat_ms < self.link_quiet_ms < self.link_down_ms:
            shown = f"LINK_BEAT_MS={self.link_beat_ms}, LINK_QUIET_MS={self.link_quiet_ms}, LINK_DOWN_MS={self.link_down_ms}"
            raise ValueError(f"{shown}: each must be longer than the one before, or a peer is down between two of its beats")
        return self

    def times(self) -> LinkTimes:
        return LinkTimes(beat_ns=self.link_beat_ms * MS, quiet_ns=self.link_quiet_ms * MS, down_ns=self.link_down_ms * MS)

    @property
    def identity_path(self) -> Path:
        return Path(self.link_dir).expanduser() / "identity.pem"

    @property
    def peers_path(self) -> Path:
        return Path(self.link_dir).expanduser() / "peers.toml"
