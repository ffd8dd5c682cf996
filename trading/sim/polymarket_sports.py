"""Scores of the games in the catalogue, on a stream of their own (polymarket.md 11).

The server talks first and nobody subscribes: text "ping" every 5 s, which wants a text "pong" within 10 s, and one message per
change of a game. Whoever connects is told the games under way.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from trading.clock import SECOND
from trading.sim.core import Session
from trading.sim.polymarket_books import dump
from trading.sim.polymarket_data import Json
from trading.sim.polymarket_state import SimState

__all__ = ["SportsStream"]

_PING_NS = 5 * SECOND
_PONG_NS = 10 * SECOND
_GONE = 1008


@dataclass(slots=True, eq=False)
class _Reader:
    session: Session
    pong_at: int


class SportsStream:
    """Sockets of the sports host, and the state of each game as told last. events is the living catalogue."""

    def __init__(self, state: SimState, events: Sequence[Json]) -> None:
        self._state = state
        self._events = events
        self._readers: dict[int, _Reader] = {}
        self._games: dict[str, Json] = {}

    def open(self, session: Session) -> None:
        self._readers[session.id] = _Reader(session, self._state.clock.mono_ns())
        for game in self._games.values():
            if game["live"]:
                session.send(dump(game))
        self._ping(session.id)

    def owns(self, session: Session) -> bool:
        return session.id in self._readers

    def close(self, session: Session) -> None:
        self._readers.pop(session.id, None)

    def sessions(self) -> list[Session]:
        return [reader.session for reader in self._readers.values()]

    def frame(self, session: Session, text: str) -> None:
        """A client's frame: only "pong" means something."""
        if text == "pong":
            self._readers[session.id].pong_at = self._state.clock.mono_ns()

    def _ping(self, number: int) -> None:
        reader = self._readers.get(number)
        if reader is None:
            return
        if self._state.clock.mono_ns() - reader.pong_at > _PONG_NS:
            del self._readers[number]
            reader.session.close(_GONE)
            return
        reader.session.outbox.append("ping")  # a frozen socket goes on pinging
        reader.session.wake()
        self._state.timers.after(_PING_NS, lambda: self._ping(number))

    def set_game(self, slug: str, **changed: Any) -> None:
        """Change a game (status, live, ended, score, period, elapsed, turn) and tell everybody. Raises KeyError.

        Gamma's event shows the same from now on.
        """
        event = next((event for event in self._events if event.get("slug") == slug), None)
        if event is None:
            raise KeyError(f"no event {slug!r}")
        game = {**(self._games.get(slug) or _scheduled(event)), **changed}
        if game["ended"] and not game["finished_timestamp"]:
            game["finished_timestamp"] = str(self._state.millis())
        self._games[slug] = game
        shown = {"status": "gameStatus", "live": "live", "ended": "ended", "score": "score", "period": "period"}
        event.update({field: game[name] for name, field in shown.items()}, elapsed=game["elapsed"])
        tell: list[Callable[[str], None]] = [reader.session.send for reader in self._readers.values()]
        for send in tell:
            send(dump(game))


def _scheduled(event: Json) -> Json:
    teams = [team for team in event.get("teams") or () if isinstance(team, dict)]
    by_side = {str(team.get("ordering")): str(team.get("abbreviation") or "") for team in teams}
    slug = str(event.get("slug") or "")
    return {
        "gameId": int(event.get("gameId") or 0),
        "leagueAbbreviation": slug.split("-")[0],
        "slug": slug,
        "homeTeam": event.get("homeTeamName") or by_side.get("home", ""),
        "awayTeam": event.get("awayTeamName") or by_side.get("away", ""),
        "status": "Scheduled",
        "live": False,
        "ended": False,
        "score": "",
        "period": "",
        "elapsed": "",
        "finished_timestamp": "",
        "turn": "",
    }
