"""What breaks: every kind of fault by name, thrown into a plant for one step and taken back at its end.

A kind is counted when it strikes, so that a run can show which never did.
"""

from collections.abc import Callable

from plant import Plant
from wires import HTTP_FAULTS

from trading.clock import SECOND

CRASH_STEPS = ("J0", "J1", "J2", "J3", "J4", "J5", "J6", "J7", "J8")
VENUE_FAULTS = {
    "kalshi": {
        "429": "", "503": "", "500_before_accept": "", "drop_before_accept": "", "drop_after_accept": "", "500_after_accept": "",
        "pause": "resume", "gap": "", "repeat": "", "reset": "", "drop_sessions": "", "freeze": "thaw", "read_503": "",
        "frames_late": "frames_prompt", "list_lag": "list_prompt",
    },
    "polymarket": {
        "429": "", "425": "", "drop_before_accept": "", "drop_after_accept": "", "500_after_accept": "", "500_before_accept": "",
        "ghost": "", "retry": "", "slow": "", "post_only": "normal", "cancel_only": "normal", "disabled": "normal",
        "restart": "", "drop_sessions": "", "freeze": "thaw", "duplicate_books": "single_books", "read_503": "",
    },
}  # fmt: skip
"""By venue, what is thrown and what ends it; "" = it ends by itself."""
NET = ("slow", "jitter", "partition", "half_open", "burst_429", "burst_5xx")
LINK = ("cut", "away", "no_way_in", "no_way_out", "half_open", "lag")
DISK = ("full", "fsync", "slow")
ENDS = ("any", "port", "power", "again")
KINDS = ("http", "http", "http", "venue", "venue", "net", "net", "link", "disk", "clock", "crash", "crash", "crash")


def kinds() -> set[str]:
    """Every kind of fault there is, as it is counted."""
    venues = tuple(VENUE_FAULTS)
    ends = {f"crash {side} {how}" for side in ("controller", "trader") for how in ENDS}
    return (
        {f"{venue} http {fault}" for venue in venues for fault in HTTP_FAULTS}
        | {f"{venue} {fault}" for venue, faults in VENUE_FAULTS.items() for fault in faults}
        | {f"{venue} net {how}" for venue in venues for how in NET}
        | {f"link {how}" for how in LINK}
        | {f"crash trader {step}" for step in CRASH_STEPS}
        | ends
        | {f"disk {side} {how}" for side in ("controller", "trader") for how in DISK}
        | {f"clock {side} jump" for side in ("controller", "trader")}
        | {"clock skew"}
    )


class Breaks:
    """Throws what the seed chooses; mend() ends what does not end by itself."""

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self.rng = plant.rng
        self._undo: list[Callable[[], None]] = []
        self._turn = 0
        if any(abs(drift) > 50 for drift in plant.drifts.values()):
            plant.faults["clock skew"] += 1

    def throw(self) -> None:
        """One fault of any kind."""
        kind = self.rng.choice(KINDS)
        if kind == "http":
            venue, fault = self.rng.choice(("kalshi", "polymarket")), self.rng.choice(HTTP_FAULTS)
            self.plant.doors[venue].armed.append(fault)
            self.plant.note("armed", venue, fault)  # counted when an order meets it
            return
        name = getattr(self, f"_{kind}")()
        self.plant.faults[name] += 1
        self.plant.note("broken", name)
        self.plant.driver.poke()

    def last(self) -> None:
        """A ghost trade stops the taker for good (GHOST_RATE_MAX): it may come when enough was traded."""
        if self.rng.random() < 0.2:
            self.plant.venue_faults.throw("polymarket", "ghost", self.rng.randint(1, 2))
            self.plant.faults["polymarket ghost"] += 1

    def mend(self) -> None:
        """Take everything back, and start what died."""
        for undo in self._undo:
            undo()
        self._undo.clear()
        for door in self.plant.doors.values():
            door.armed.clear()
            door.burst = 0
        for one in self.plant.traders:
            one.crash_at = ""
        for process in self.plant.running.values():
            process.life.die_in = 0
        self.plant.start_missing()

    def end(self) -> None:
        """Nothing breaks from now on."""
        self.plant.venue_faults.clear()
        self.mend()

    def _side(self) -> tuple[str, str]:
        """(controller or trader, the process's name)."""
        side = self.rng.choice(("controller", "trader"))
        return side, "controller" if side == "controller" else self.rng.choice(self.plant.names[1:])

    def _venue(self) -> str:
        self._turn += 1  # in turn over the seeds, so that none is left out by chance
        pairs = [(venue, fault) for venue, faults in VENUE_FAULTS.items() for fault in faults if fault != "ghost"]
        venue, fault = pairs[(self.plant.seed + 7 * self._turn) % len(pairs)]
        self.plant.venue_faults.throw(venue, fault, self.rng.randint(1, 2))
        back = VENUE_FAULTS[venue][fault]
        if back:
            self._undo.append(lambda: self.plant.venue_faults.throw(venue, back))
        return f"{venue} {fault}"

    def _net(self) -> str:
        plant, rng = self.plant, self.rng
        door, how, who = plant.doors[rng.choice(("kalshi", "polymarket"))], rng.choice(NET), rng.choice(plant.names)
        if how == "slow":
            door.slow_s = rng.uniform(0.05, 1.0)
            self._undo.append(lambda: setattr(door, "slow_s", 0.0))
        elif how == "jitter":
            door.jitter_s = rng.uniform(0.1, 1.5)
            self._undo.append(lambda: setattr(door, "jitter_s", 0.0))
        elif how == "partition":
            plant.loop.call_later(rng.uniform(0, 0.3), door.reach, who, False)
            self._undo.append(lambda: door.reach(who, True))
        elif how == "half_open":
            door.half_open(who)
        else:
            door.burst, door.burst_of = rng.randint(2, 20), how.removeprefix("burst_")
        return f"{door.name} net {how}"

    def _link(self) -> str:
        plant, rng = self.plant, self.rng
        how, one = rng.choice(LINK), rng.choice(plant.traders)
        after, pipe = rng.uniform(0, 0.3), one.pipe
        if how in ("cut", "away") or pipe is None:
            plant.loop.call_later(after, lambda: pipe and pipe.cut())
            if how == "away":
                plant.away.add(one.name)
                self._undo.append(lambda: plant.away.discard(one.name))
        elif how == "lag":
            pipe.delay_s = rng.uniform(0.05, 1.5)
            self._undo.append(lambda: setattr(pipe, "delay_s", 0.002))
        else:
            sides = {"no_way_out": (0,), "no_way_in": (1,), "half_open": (0, 1)}[how]
            for side in sides:
                plant.loop.call_later(after, pipe.stalled.__setitem__, side, True)
            if how != "half_open":  # that one nobody mends: both ends must notice
                self._undo.append(pipe.cut)  # a frame lost is a session lost: TCP has no holes
        return f"link {how}"

    def _disk(self) -> str:
        plant, how = self.plant, self.rng.choice(DISK)
        side, name = self._side()
        disk = plant.disks[name]
        if how == "slow":
            disk.commit_s = 0.6
            self._undo.append(lambda: setattr(disk, "commit_s", 0.0003))
        else:
            disk.fault = how

            def again() -> None:
                disk.fault = ""
                plant.crash(name, "its journal failed")

            self._undo.append(again)
        return f"disk {side} {how}"

    def _clock(self) -> str:
        plant = self.plant
        side, name = self._side()
        plant.wall_off[name] = plant.running[name].clock.wall_off = self.rng.choice((-1, 1)) * 3_600 * SECOND

        def right() -> None:
            plant.wall_off[name] = plant.running[name].clock.wall_off = 0

        self._undo.append(right)
        return f"clock {side} jump"

    def _crash(self) -> str:
        plant, rng = self.plant, self.rng
        side, name = self._side()
        how = rng.choice(ENDS if side == "controller" else (*ENDS, *CRASH_STEPS))
        one = plant.running[name]
        if how in CRASH_STEPS:
            next(trader for trader in plant.traders if trader.name == name).crash_at = how
        elif how == "port":  # at the n-th thing it asks of the world
            one.life.die_in = rng.randint(1, 40)
        elif how == "power":
            plant.loop.call_later(rng.uniform(0, 0.8), lambda: plant.crash(name, "power", power=True))
        else:
            plant.loop.call_later(rng.uniform(0, 0.8), plant.crash, name, how)
            if how == "again":  # and once more while it takes up what it left
                plant.loop.call_later(0.9, self._once_more, name)
        return f"crash {side} {how}"

    def _once_more(self, name: str) -> None:
        self.plant.start_missing()
        self.plant.running[name].life.die_in = self.rng.randint(1, 60)
