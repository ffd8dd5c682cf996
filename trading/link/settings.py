"""What both ends of the link are told: key files, heartbeats, the tailnet (B-225, B-231)."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from trading.clock import MS
from trading.link.session import LinkTimes
from trading.settings import SettingsModel

__all__ = ["LinkSettings"]


class LinkSettings(SettingsModel):
    """The part of a process's settings that the link reads."""

    link_dir: str = Field("link", description="directory of identity.pem and peers.toml, made by bootstrap")
    link_beat_ms: int = Field(1000, ge=50, le=60_000, description="heartbeat of the link")
    link_quiet_ms: int = Field(3000, ge=100, le=600_000, description="no new leg to a peer silent for this long")
    link_down_ms: int = Field(10_000, ge=200, le=600_000, description="a peer silent for this long is down")
    link_tailnet: Literal["auto", "on", "off"] = Field(
        "auto", description="ask tailscaled who the peer is: auto = where a tailnet address or a pinned machine is involved"
    )

    def times(self) -> LinkTimes:
        return LinkTimes(beat_ns=self.link_beat_ms * MS, quiet_ns=self.link_quiet_ms * MS, down_ns=self.link_down_ms * MS)

    @property
    def identity_path(self) -> Path:
        return Path(self.link_dir).expanduser() / "identity.pem"

    @property
    def peers_path(self) -> Path:
        return Path(self.link_dir).expanduser() / "peers.toml"
