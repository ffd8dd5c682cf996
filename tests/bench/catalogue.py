"""A simulated universe as the pages both venues would list it on, written out before anything is timed.

What discovery then costs is the clients' reading and the matching, not the simulator's paging. Pages lie in files, so that a
process whose memory is measured holds one at a time.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from trading.http import Response
from trading.sim.universe import Universe

__all__ = ["CatalogueHttp", "write_pages"]

_KALSHI_EVENTS = 200
_MILESTONES = 500
_GAMMA_EVENTS = 100
_INDEX = "index.json"


def write_pages(universe: Universe, directory: Path) -> None:
    """Write every page a discovery may ask for."""
    by_series: dict[str, list[Mapping[str, Any]]] = {}
    for event in universe.kalshi.events:
        by_series.setdefault(event["series_ticker"], []).append(event)
    games = [event for event in universe.polymarket.events if any(tag["slug"] == "games" for tag in event["tags"])]
    index: dict[str, str] = {}
    for key, body in (
        *(page for name, rows in by_series.items() for page in _pages(f"events {name}", "events", rows, _KALSHI_EVENTS)),
        *_pages("milestones", "milestones", universe.kalshi.milestones, _MILESTONES),
        ("series 0", msgspec.json.encode({"series": universe.kalshi.series})),
        *_pages("events *", "events", universe.kalshi.events, _KALSHI_EVENTS),
        *_pages("games", "events", games, _GAMMA_EVENTS, cursor="next_cursor"),
        *_pages("all", "events", universe.polymarket.events, _GAMMA_EVENTS, cursor="next_cursor"),
    ):
        index[key] = f"{len(index)}.json"
        (directory / index[key]).write_bytes(body)
    (directory / _INDEX).write_bytes(msgspec.json.encode(index))


def _pages(
    name: str, field: str, rows: Sequence[Mapping[str, Any]], size: int, *, cursor: str = "cursor"
) -> Iterator[tuple[str, bytes]]:
    for number in range(max(1, -(-len(rows) // size))):
        more = (number + 1) * size < len(rows)
        page = {field: rows[number * size : (number + 1) * size], cursor: str(number + 1) if more else ""}
        yield f"{name} {number}", msgspec.json.encode(page)


class CatalogueHttp:
    """The Http of both clients: answers catalogue reads from the pages and knows nothing else (404)."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._index: dict[str, str] = msgspec.json.decode((directory / _INDEX).read_bytes())

    async def request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, *, timeout_s: float
    ) -> Response:
        target = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(target.query).items()}
        page = query.get("cursor") or query.get("after_cursor") or "0"
        name = target.path.rpartition("/trade-api/v2/")[2]
        if name == "events":
            key = f"events {query.get('series_ticker', '*')} {page}"
            if key not in self._index:
                return Response(200, {}, b'{"events":[],"cursor":""}')
        elif target.path.endswith("/events/keyset"):
            key = f"{'games' if query.get('tag_slug') == 'games' else 'all'} {page}"
        else:
            key = f"{name} {page}"
        if method == "POST" and target.path.endswith("/books"):
            return Response(200, {}, b"[]")
        if key not in self._index:
            return Response(404, {}, b'{"error":"not found"}')
        return Response(200, {}, (self._directory / self._index[key]).read_bytes())
