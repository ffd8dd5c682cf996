"""How long 20,000 x 50,000 distinct markets take to match, in which memory, and that twice as many take no more than twice.

Each Kalshi row has one partner, so that the number of matches shows that nothing was skipped. Memory is the peak of the whole
process, rows included; CPU seconds carry the ratio, because other work on the machine must not.
"""

import gc
import resource
import sys
import time

from controller.discovery.claims import match_claims
from controller.discovery.matching import match
from controller.discovery.names import load
from tests.bench.measure import Measure, say
from tests.bench.universe import kalshi_rows, polymarket_rows

__all__ = ["measure"]

MOST_S = 30.0
MOST_MB = 1_500.0
MOST_RATIO = 2.3
_MB = 1e6 if sys.platform == "darwin" else 1e3
"""ru_maxrss counts bytes there and kibibytes elsewhere."""


def _timed(first: int, second: int) -> tuple[float, float]:
    """Wall and CPU seconds. Raises AssertionError when a pair was missed or a row was made twice."""
    kalshi, polymarket = list(kalshi_rows(first)), list(polymarket_rows(second))
    assert len({market["ticker"] for _, market, _ in kalshi}) == first
    assert len({(event.get("slug"), market["question"]) for event, market in polymarket}) == second
    names = load()
    winners = [row for row in kalshi if names.league_of_series(row[0]["series_ticker"]) is not None]
    gc.collect()
    began, cpu = time.perf_counter(), time.thread_time()
    found = (*match(winners, polymarket, names=names).pairs, *match_claims(kalshi, polymarket, names=names).pairs)
    wall, used = time.perf_counter() - began, time.thread_time() - cpu
    assert len(found) == first, f"{len(found)} matches of {first}"
    return wall, used


def measure(*, quick: bool) -> list[Measure]:
    """Seconds and peak megabytes of the full size, and the ratio of CPU seconds of the full to the half size."""
    first, second = (400, 1_000) if quick else (20_000, 50_000)
    say(f"matching {first} x {second} rows")
    _, half = min(_timed(first // 2, second // 2) for _ in range(2))
    wall, full = min(_timed(first, second) for _ in range(2))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MB
    more = {"kalshi": first, "polymarket": second}
    return [
        Measure(id="matching_s", value=wall, target=MOST_S, more={**more, "cpu_s": round(full, 3)}),
        Measure(id="matching_peak_mb", value=peak, target=MOST_MB, more=more),
        Measure(id="matching_linearity", value=full / half, target=MOST_RATIO, more=more),
    ]
