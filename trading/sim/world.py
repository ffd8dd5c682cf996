"""Both simulated venues, their customers and, when asked, the script, wired together on one clock: the composition root of the
sim.

The server and virtual-time runs build the same World; it does no I/O. actors lists what must be advanced in time, in order.
"""

import random
from collections.abc import Mapping
from typing import Any

from trading.clock import Clock
from trading.sim.credentials import Credentials
from trading.sim.exchange import Order
from trading.sim.faults import Faults
from trading.sim.flow import CALM, QUIET, Flow, FlowSettings, kalshi_latency, polymarket_latency, steady_latency
from trading.sim.kalshi import KalshiSim
from trading.sim.polymarket import PolymarketSim
from trading.sim.script import Script, scripted_markets
from trading.sim.universe import Universe

__all__ = ["SCRIPTS", "World"]

SCRIPTS = ("demo",)


class World:
    """The venues as one thing. script is None without one; flow_settings None picks what fits: CALM beside a script.

    Raises ValueError for an unknown script or a universe without the games it needs.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        universe: Universe,
        credentials: Credentials,
        seed: int,
        speed: float = 1.0,
        script: str | None = None,
        quiet: bool = False,
        flow_settings: FlowSettings | None = None,
        chain_id: int = 137,
    ) -> None:
        if script is not None and script not in SCRIPTS:
            raise ValueError(f"script {script!r} is none of {', '.join(SCRIPTS)}")
        if speed <= 0:
            raise ValueError(f"speed {speed:g} must be above 0")
        self.universe = universe
        self.credentials = credentials
        self.kalshi = KalshiSim(
            clock, random.Random(f"kalshi {seed}"), universe.kalshi, [credentials.kalshi], latency=kalshi_latency
        )
        self.polymarket = PolymarketSim(
            clock,
            random.Random(f"polymarket {seed}"),
            universe.polymarket,
            [credentials.polymarket],
            chain_id=chain_id,
            latency=steady_latency if script else polymarket_latency,
        )
        self.faults = Faults(self.kalshi, self.polymarket)
        self.flow = Flow(
            clock=clock,
            seed=seed,
            kalshi=self.kalshi,
            polymarket=self.polymarket,
            links=universe.links,
            settings=flow_settings or (QUIET if quiet else CALM if script else FlowSettings()),
            skip=scripted_markets(universe.links) if script else (),
            ticks=universe.ticks(),
            holds_s=universe.holds_s(),
            speed=speed,
        )
        terms = universe.fee_terms() if script else {}
        self.script = (
            Script(
                clock=clock,
                kalshi=self.kalshi,
                polymarket=self.polymarket,
                links=universe.links,
                terms=lambda _venue, market: terms[market],
                throw=self.faults.throw,
                speed=speed,
            )
            if script
            else None
        )
        self.kalshi.arrival = lambda market, order: self._arrived(self.kalshi, market, order)
        self.polymarket.arrival = lambda market, order: self._arrived(self.polymarket, market, order)
        self._script_name = script

    @property
    def actors(self) -> tuple[Flow | Script, ...]:
        """What acts beside the two cores."""
        return (self.flow,) if self.script is None else (self.flow, self.script)

    def begin(self) -> None:
        """Fill the books."""
        self.flow.start()
        if self.script is not None:
            self.script.begin()

    def start_script(self) -> None:
        if self.script is not None:
            self.script.start()

    def _arrived(self, core: KalshiSim | PolymarketSim, market: str, order: Order) -> None:
        if self.script is not None and market in self.script.markets:
            self.script.arrival(core, market, order)
        else:
            self.flow.arrival(core, market, order)

    # --- control.Control ----------------------------------------------------------------------------------------------

    def command(self, body: Mapping[str, Any]) -> object:
        """{"venue", "fault", "count"?} throws a fault, {"script": "start"} starts the script. Raises ValueError."""
        if body.get("script") == "start":
            if self.script is None:
                raise ValueError("no script was chosen at the start")
            self.script.start()
            return {"script_started": True}
        venue, fault, count = body.get("venue"), body.get("fault"), body.get("count", 1)
        market = body.get("market", "")
        if not (isinstance(venue, str) and isinstance(fault, str) and isinstance(count, int) and isinstance(market, str)):
            raise ValueError('expected {"venue": ..., "fault": ..., "count"?: n, "market"?: ticker} or {"script": "start"}')
        self.faults.throw(venue, fault, count, market)
        return {"venue": venue, "fault": fault, "count": count}

    def modes(self) -> Mapping[str, str]:
        """What each venue takes now, in its own words."""
        return {"kalshi": self.kalshi.mode, "polymarket": self.polymarket.mode}

    def account(self) -> object:
        """Both venues' own record of the account."""
        return {
            "kalshi": self.kalshi.account_view(self.credentials.kalshi.user_id),
            "polymarket": self.polymarket.account_view(self.credentials.polymarket.owner),
        }

    def stats(self) -> Mapping[str, object]:
        script: Mapping[str, object] = {"script_started": False, "script_done": False, "scenes": []}
        if self.script is not None:
            script = self.script.statistics()
        return {
            "script": self._script_name,
            **script,
            "flow": self.flow.statistics(),
            "faults": [{"venue": venue, "fault": fault} for venue, fault in self.faults.thrown],
        }
