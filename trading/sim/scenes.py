"""The demo script as a table: seconds, scene, game. script.py plays it.

An arb scene improves one side of each venue's book for a while and takes it back. gain is the net edge per contract in cents
after both fees, cheap the venue where YES is bought. trick says what an arriving order meets. The clean scenes alone make at
least fourteen arbs in five games; every reason for a refusal has a scene of its own.
"""

from dataclasses import dataclass
from typing import Literal

__all__ = ["DEMO", "DEMO_GAMES", "DEMO_SECONDS", "Arb", "GameSetup", "Throw", "Trick"]

Trick = Literal["", "phantom", "hollow", "shifted"]
"""phantom: the first-leg level vanishes on arrival. hollow: Kalshi's level shrinks on arrival and its neighbours go. shifted:
the whole Polymarket book stands elsewhere."""


@dataclass(frozen=True, slots=True)
class GameSetup:
    """How a role's books stand at rest: where YES is the cheaper, so in which direction its scenes go."""

    role: str
    cheap: Literal["polymarket", "kalshi"]


@dataclass(frozen=True, slots=True)
class Arb:
    """One opportunity. For hollow scenes part is the share of the arriving order that Kalshi still fills, gap how far away
    (cents) its next level lies, near how far Polymarket's exit lies; they stay so for tail_s after the scene."""

    at: float
    role: str
    gain: int = 5
    size: int = 60
    for_s: float = 1.9
    trick: Trick = ""
    part: float = 0.0
    gap: int = 0
    near: int = 0
    tail_s: float = 0.0
    why: str = "clean"


@dataclass(frozen=True, slots=True)
class Throw:
    """A fault at a time (faults.py knows the names)."""

    at: float
    venue: Literal["kalshi", "polymarket"]
    fault: str


DEMO_GAMES = (
    GameSetup("clean-1", "polymarket"),
    GameSetup("clean-2", "kalshi"),
    GameSetup("clean-3", "polymarket"),
    GameSetup("clean-4", "kalshi"),
    GameSetup("clean-5", "polymarket"),
    GameSetup("phantom-1", "polymarket"),
    GameSetup("phantom-2", "kalshi"),
    GameSetup("partial", "polymarket"),
    GameSetup("complete", "kalshi"),
    GameSetup("in_play", "polymarket"),
    GameSetup("soon", "kalshi"),
    GameSetup("unfunded", "polymarket"),
    GameSetup("bad_data", "polymarket"),
    GameSetup("thin", "polymarket"),
)

DEMO: tuple[Arb | Throw, ...] = (
    # First round.
    Arb(4.0, "clean-1", gain=5, size=80),
    Arb(4.3, "soon", why="starts within a minute"),
    Arb(4.6, "in_play", gain=9, why="held three seconds in play"),
    Arb(5.2, "clean-2", gain=4, size=60),
    Arb(5.6, "phantom-1", trick="phantom", why="phantom"),
    Arb(6.0, "unfunded", why="no money on its shard"),
    Arb(6.4, "clean-3", gain=5, size=100),
    Arb(7.0, "partial", trick="hollow", part=0.4, gap=16, near=1, tail_s=5.5, size=80, why="second leg fills in part"),
    Arb(7.6, "clean-4", gain=5, size=40),
    Arb(8.0, "thin", size=1, why="below the smallest order"),
    Arb(8.8, "clean-5", gain=5, size=60),
    Arb(9.2, "complete", trick="hollow", gap=3, near=10, tail_s=2.0, gain=4, why="completed at a concession of 3c"),
    Arb(9.6, "phantom-2", trick="phantom", why="phantom"),
    Throw(13.0, "kalshi", "drop_sessions"),
    # Second round, after Kalshi's streams are back.
    Arb(17.0, "clean-1", gain=4, size=60),
    Arb(17.4, "bad_data", trick="shifted", why="edge too good to be true"),
    Arb(18.0, "clean-2", gain=5, size=100),
    Arb(18.6, "phantom-1", trick="phantom", why="phantom"),
    Arb(19.2, "clean-3", gain=4, size=40),
    Arb(19.6, "partial", trick="hollow", part=0.0, gap=16, near=1, tail_s=5.5, size=60, why="second leg fills nothing"),
    Arb(20.4, "clean-4", gain=5, size=80),
    Arb(20.8, "in_play", gain=9, why="held three seconds in play"),
    Arb(21.6, "clean-5", gain=4, size=80),
    Arb(22.2, "complete", trick="hollow", gap=6, near=10, tail_s=2.0, gain=5, why="completed at a loss of about 1c"),
    Throw(26.0, "polymarket", "drop_sessions"),
    # Third round, after Polymarket's streams are back.
    Arb(29.0, "clean-1", gain=5, size=100),
    Arb(29.4, "unfunded", why="no money on its shard"),
    Arb(30.2, "clean-2", gain=5, size=40),
    Arb(30.6, "phantom-1", trick="phantom", why="phantom"),
    Arb(31.4, "clean-3", gain=5, size=60),
    Arb(31.8, "partial", trick="hollow", part=0.5, gap=16, near=1, tail_s=5.5, size=80, why="second leg fills in part"),
    Arb(32.6, "clean-4", gain=4, size=60),
    Arb(33.0, "phantom-2", trick="phantom", why="phantom"),
    Arb(33.8, "clean-5", gain=5, size=40),
    # Paused well before the arb shows, so that a controller which polls the status can know.
    Throw(36.3, "kalshi", "pause"),
    Arb(38.2, "thin", for_s=1.6, why="Kalshi's trading is paused"),
    Throw(39.9, "kalshi", "resume"),
    # Coda: trading goes on; then quiet, long enough for the venues' lagging reads to show everything.
    Arb(40.7, "clean-1", gain=5, size=60, for_s=1.5),
)

DEMO_SECONDS = 46.0
"""The script is done here; books stand at rest from then on."""
