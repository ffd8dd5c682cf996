"""The whole system in virtual time: both venue cores, the real controller, one or two real traders, and what they stand on.

Which process holds which keys is the layout, chosen by the seed. What they send and hear goes over wires.py and virtual.py;
nothing of theirs is faked beyond their ports.
"""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from processes import LAYOUTS, Accounts, ControllerHere, Process, Promises, TraderHere
from system_bench import Ladder, Listing, make_games, make_universe
from virtual import Disk, Network, VirtualClock, VirtualLoop
from wires import Door, Life, tag_tasks

from controller.app import App
from controller.model import ArbClosed
from trading.clock import MS, SECOND
from trading.errors import TandemError
from trading.ids import ArbId
from trading.market import Outcome
from trading.sim.faults import Faults
from trading.sim.kalshi import KalshiSim
from trading.sim.kalshi_data import KalshiRules
from trading.sim.polymarket import PolymarketSim
from trading.sim.server import Driver

GAMES = 6
"""Enough that events shut by a doubt leave others to trade."""
CHOICE = ("one", "twins", "each", "twins")
"""Layouts a seed draws from: three in four have two traders."""


def layout_of(seed: int) -> str:
    """Which one it draws."""
    return random.Random(f"plan {seed}").choice(CHOICE)


class Plant:
    """Everything. note() writes the trace, whose lines are the same for the same seed."""

    def __init__(
        self, loop: VirtualLoop, accounts: Accounts, directory: Path, seed: int, *, layout: str = "", edges: bool = False
    ) -> None:
        tag_tasks(loop)
        self.loop, self.accounts, self.directory, self.seed = loop, accounts, directory, seed
        self.rng = random.Random(f"plan {seed}")
        drawn = self.rng.choice(CHOICE)
        self.layout = layout or drawn
        self.clock = VirtualClock(loop)
        self.trace: list[tuple[object, ...]] = []
        self.closed: dict[ArbId, ArbClosed] = {}
        self.faults: Counter[str] = Counter()
        self.crashes = 0
        self.unforeseen: list[str] = []
        self.crossed: list[str] = []
        """Orders of an arb for a game that another arb held."""
        self._under_way: dict[str, ArbId] = {}
        self.games: tuple[Listing, ...] = make_games(self.clock.wall_ns(), GAMES)
        self._game_of = {market: game.event for game in self.games for market in (game.first, game.second, game.condition)}
        universe = make_universe(self.games)
        rules = KalshiRules(list_lag_ns=(10 * MS, 30 * MS), private_lag_ns=(MS, 30 * MS))
        self.kalshi = KalshiSim(
            self.clock,
            random.Random(f"kalshi {seed}"),
            universe.kalshi,
            [accounts.credentials.kalshi],
            latency=lambda _: (0, 0),
            rules=rules,
        )
        self.polymarket = PolymarketSim(
            self.clock, random.Random(f"poly {seed}"), universe.polymarket, [accounts.credentials.polymarket], chain_id=137
        )
        settings = self.polymarket.settings
        settings.mined_ns, settings.confirmed_ns, settings.data_lag_ns = 400 * MS, 800 * MS, 20 * MS
        settings.slow_ns = self.rng.randint(5, 60) * SECOND
        self.venue_faults = Faults(self.kalshi, self.polymarket)
        self.driver = Driver((self.kalshi, self.polymarket), self.clock)
        cores = {"kalshi": self.kalshi, "polymarket": self.polymarket}
        self.doors = {name: Door(core, random.Random(f"net {name} {seed}"), self.driver.poke) for name, core in cores.items()}
        self.gone: Callable[[Life], None] = lambda life: None
        """Told of each process that ended."""
        self.disks = {name: Disk() for name in ("controller", *LAYOUTS[self.layout][1])}
        self._promises: dict[str, Promises] = {}
        self.network = Network()
        self.edges = edges
        """Processes use their real sockets' code, on a loop that carries it."""
        self.away: set[str] = set()
        """Traders that find no way to the controller."""
        self.wall_off: dict[str, int] = {}
        self.drifts: dict[str, int] = {}
        self.names = ("controller", *LAYOUTS[self.layout][1])
        self.running: dict[str, Process] = {}
        self.starts = 0
        self.crash_next: dict[str, tuple[str, bool]] = {}
        """By process the step at which its next start will die, and whether with its machine."""
        self.ladders: dict[str, Ladder] = {}
        self.driving = None if edges else loop.create_task(self.driver.run())

    def note(self, *what: object) -> None:
        self.trace.append((round(self.loop.time(), 6), *what))

    def hear(self, event: ArbClosed) -> None:
        """An arb ended, or ended otherwise than was told before."""
        self.note("closed", event.outcome, int(event.matched), int(event.unhedged))
        self.closed[event.arb_id] = event
        for game, arb_id in list(self._under_way.items()):
            if arb_id == event.arb_id:
                del self._under_way[game]

    def opens(self, arb_id: ArbId, market: str) -> None:
        """An order that begins an arb, or the sale of a pair, leaves: no other arb may hold its game (P3)."""
        game = self._game_of[market]
        if self._under_way.setdefault(game, arb_id) != arb_id:
            self.crossed.append(f"{game}: an arb sends at {self.loop.time():.3f} while another one is under way")

    # --- processes ----------------------------------------------------------------------------------------------------

    def promises(self, name: str) -> Promises:
        if name not in self._promises:
            self._promises[name] = Promises(self.disks[name])
        return self._promises[name]

    def start(self, name: str) -> None:
        self.starts += 1
        kind = ControllerHere if name == "controller" else TraderHere
        self.running[name] = kind(self, name, self.starts)

    def start_missing(self) -> None:
        """What died is started again, as its service manager does."""
        for name in self.names:
            one = self.running.get(name)
            if one is not None and one.life.alive and one.task.done():
                error = one.task.exception()
                if not isinstance(error, TandemError):
                    self.unforeseen.append(f"the {name} ended by itself: {error!r}")
                self.note("ended", name, type(error).__name__)
                self._gone(one, power=False)
            if one is None or not one.life.alive:
                self.start(name)

    def crash(self, name: str, why: str, *, power: bool = False) -> None:
        """kill -9 of a process, or the loss of its machine's power."""
        one = self.running.get(name)
        if one is not None and one.life.alive:
            self.note("dies", name, why)
            self.crashes += 1
            self._gone(one, power=power)

    def _gone(self, one: Process, *, power: bool) -> None:
        if isinstance(one, ControllerHere) and one.system is not None and one.system.runtime.counts.faults:
            self.unforeseen.append(f"{one.system.runtime.counts.faults} unforeseen faults in a controller")
        one.store.crash(power=power)
        one.life.end()
        if isinstance(one, TraderHere):
            if one.pipe is not None:
                one.pipe.cut()
        else:
            self.network.shut()
        for door in self.doors.values():
            door.hang_up(one.name)
        self.gone(one.life)

    @property
    def controller(self) -> ControllerHere | None:
        """The controller while it lives."""
        one = self.running.get("controller")
        return one if isinstance(one, ControllerHere) and one.life.alive else None

    @property
    def system(self) -> App | None:
        """Its wiring, once it has read the venues."""
        return self.controller.system if self.controller is not None else None

    @property
    def traders(self) -> list[TraderHere]:
        return [one for one in self.running.values() if isinstance(one, TraderHere)]

    def ready(self) -> bool:
        """Every process there, links up and books ready: the next arb may be traded."""
        system = self.system
        if system is None or system.link.traders is None or not all(one.life.alive for one in self.running.values()):
            return False
        healths = [health for _, health in system.link.traders.health().values()]
        return all(one in ("ready", "degraded") for one in healths) and system.runtime._ready()

    # --- markets ------------------------------------------------------------------------------------------------------

    def __getitem__(self, market: str) -> Ladder:
        if market not in self.ladders:
            self.ladders[market] = Ladder(self.polymarket if market.startswith("0x") else self.kalshi, market)
        return self.ladders[market]

    def rest(self, game: Listing) -> None:
        """No arb stands: Kalshi 40|50 and 45|60, Polymarket 36|40."""
        for side, cents in (("bid", 54), ("ask", 58)):
            self[game.condition].put(side, cents, 0)
        for market, bid, ask in ((game.first, 40, 50), (game.second, 45, 60), (game.condition, 36, 40)):
            self[market].put("bid", bid, 300)
            self[market].put("ask", ask, 300)
        self[game.first].put("bid", 47, 0)
        self.driver.poke()

    def open_arb(self, game: Listing, contracts: int) -> None:
        self[game.first].put("bid", 47, contracts)
        self.driver.poke()

    def open_exit(self, game: Listing, contracts: int) -> None:
        """Polymarket 54|58: YES there and NO on Kalshi, if they are held, can be sold for 1.04 (B-440)."""
        for cents in (40, 36):
            self[game.condition].put("ask" if cents == 40 else "bid", cents, 0)
        self[game.condition].put("bid", 54, contracts)
        self[game.condition].put("ask", 58, 300)
        self.driver.poke()

    def held(self) -> list[Listing]:
        """Games of which a pair is held by the venues' own record."""
        found = self.record()
        return [game for game in self.games if found.get(f"{game.condition} YES") and found.get(f"{game.first} NO")]

    # --- the venues' own record ---------------------------------------------------------------------------------------

    def record(self) -> dict[str, int]:
        found: dict[str, int] = {}
        one = self.kalshi.account_view(self.accounts.credentials.kalshi.user_id)
        found |= {f"kalshi cash {shard}": cash for shard, cash in one.cash.items()}
        found["kalshi fees"] = one.fees_paid
        for ticker, size in one.positions.items():
            found[f"{ticker} {'YES' if size > 0 else 'NO'}"] = abs(size)
        two = self.polymarket.account_view(self.accounts.credentials.polymarket.owner)
        found |= {"polymarket cash 0": two.cash, "polymarket fees": two.fees}
        for market in self.polymarket.markets().values():
            for outcome, token in zip(Outcome, market.tokens, strict=True):
                found[f"{market.id} {outcome.name}"] = two.tokens.get(token, 0)
        return {key: value for key, value in found.items() if value}

    def ours(self) -> dict[str, int]:
        assert self.system is not None
        totals = self.system.ledger.totals()
        found = {f"{venue} cash {shard}": int(cash) for (venue, shard), cash in totals.cash.items()}
        found |= {f"{venue} fees": int(fee) for venue, fee in totals.fees.items()}
        found |= {f"{one.market} {one.outcome.name}": int(size) for one, size in totals.positions.items()}
        return {key: value for key, value in found.items() if value}

    def naked(self) -> Mapping[str, int]:
        """By event what stands on one venue alone by the venues' own record, 1/1,000,000 contract... of the first team."""
        held = self.record()

        def net(market: str) -> int:
            return held.get(f"{market} YES", 0) - held.get(f"{market} NO", 0)

        return {game.event: net(game.first) - net(game.second) + net(game.condition) for game in self.games}
