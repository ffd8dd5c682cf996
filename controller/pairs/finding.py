"""Find pairs that wait for a person: a discovery of both venues, then the likeness of the titles as an order to read in.

Likeness decides nothing; it only says which proposals to look at first (B-104, B-293).
"""

from rapidfuzz.fuzz import token_set_ratio

from controller.app import build
from controller.discovery.cache import Alike
from controller.model import Pair
from controller.pairs.desk import Desk
from controller.ports import production_ports
from controller.progress import ProgressReport
from controller.settings import ControllerSettings
from controller.show import brief
from trading.log import get_logger

__all__ = ["alike", "find_proposed"]

log = get_logger(__name__)


async def find_proposed(settings: ControllerSettings) -> tuple[list[tuple[int, Pair]], list[Alike], list[str]]:
    """(likeness 0..100, pair) of every pair in state proposed, the look-alikes: markets that no claim joins and that only read
    alike, and what of the venues could not be read: of that, what the cache still knows is listed."""
    ports = production_ports()
    try:
        system = build(settings, ports)
        with ProgressReport("discovery") as progress:
            found = await system.adoption.discover(progress=progress, force=settings.force_discovery)
    finally:
        if ports.close is not None:
            await ports.close()
    titles = {market.id: market.question for market in found.markets.values()}
    desk = Desk.of(settings)
    proposed = desk.listed(state="proposed")
    scored = [(alike(titles.get(pair.first, ""), titles.get(pair.second, "")), pair) for pair in proposed]
    pairs = sorted(scored, key=lambda row: (-row[0], row[1].id))
    return pairs, desk.alike(), brief(found.failures)


def alike(one: str, other: str) -> int:
    """How alike two titles are, 0..100, whatever the order of their words."""
    return round(token_set_ratio(one[:200].lower(), other[:200].lower()))
