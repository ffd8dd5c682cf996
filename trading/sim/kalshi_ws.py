"""The simulated Kalshi's stream: commands, subscriptions and their sequence numbers (kalshi.md 9).

    session ── channel ── one sid, merged over repeated subscribes ── seq over every frame that carries sid and seq, acks too

An ack leaves before the snapshots it announces. Private frames carry no seq. What a frame says is written in kalshi_frames.py.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from trading.clock import MS, Clock
from trading.sim.bucket import Bucket
from trading.sim.core import Session
from trading.sim.kalshi_channels import CHANNELS, ERRORS, FILTERED, INDEX_CHANNELS, SEQUENCED, Refused, check_shard_params
from trading.sim.kalshi_data import KalshiRules
from trading.sim.kalshi_frames import snapshot_msg, ticker_msg
from trading.sim.kalshi_markets import MarketTable, SimMarket

__all__ = ["StreamHub", "Subscription"]

Row = dict[str, Any]


@dataclass(slots=True, eq=False)
class Subscription:
    """One channel of one session. tickers None = every market. lose and repeat are armed faults of the next data frame."""

    sid: int
    channel: str
    session: Session
    user_id: str
    tickers: dict[str, None] | None
    yes_price: bool = False
    quiet_ack: bool = False
    seq: int = 0
    lose: int = 0
    repeat: int = 0
    refuse: list[int] = field(default_factory=list)
    """Fault: error codes of its next commands."""
    commands: Bucket | None = None
    indices: dict[str, None] = field(default_factory=dict)

    def wants(self, ticker: str) -> bool:
        return self.tickers is None or ticker in self.tickers

    def next_seq(self) -> int:
        self.seq += 1
        return self.seq


@dataclass(slots=True, eq=False)
class _Client:
    session: Session
    user_id: str
    sids: int = 0
    by_channel: dict[str, Subscription] = field(default_factory=dict)

    def by_sid(self, sid: object) -> Subscription:
        for sub in self.by_channel.values():
            if sub.sid == sid:
                return sub
        raise Refused(7)


class StreamHub:
    """All sessions. Data goes out by publish, replies by on_frame."""

    def __init__(self, clock: Clock, table: MarketTable, rules: KalshiRules) -> None:
        self._clock = clock
        self._table = table
        self._rules = rules
        self._clients: dict[int, _Client] = {}
        self._subs: dict[str, list[Subscription]] = {channel: [] for channel in CHANNELS}
        self._numbers = 0
        self._frozen = False
        self._muted = False
        self._commands: Mapping[str, Callable[[_Client, int, Row], None]] = {
            "subscribe": self._subscribe,
            "unsubscribe": self._unsubscribe,
            "update_subscription": self._update,
        }

    # ── sessions and faults ──────────────────────────────────────────────────────────────────────────────────────────

    def open(self, user_id: str) -> Session:
        self._numbers += 1
        session = Session(self._numbers, frozen=self._frozen, pings=not self._muted)
        self._clients[session.id] = _Client(session, user_id)
        return session

    def close(self, session: Session) -> None:
        client = self._clients.pop(session.id, None)
        if client is not None:
            for sub in client.by_channel.values():
                self._subs[sub.channel].remove(sub)

    def drop(self, code: int) -> int:
        """Cut every session; returns how many."""
        clients = list(self._clients.values())
        for client in clients:
            client.session.close(code)
            self.close(client.session)
        return len(clients)

    def freeze(self, frozen: bool) -> None:
        """Data stops or goes on; what fell into the gap is lost, its sequence numbers spent."""
        self._frozen = frozen
        for client in self._clients.values():
            client.session.frozen = frozen

    def sequenced(self) -> list[Subscription]:
        return [sub for channel in sorted(SEQUENCED) for sub in self._subs[channel]]

    def all(self) -> list[Subscription]:
        """Every subscription of every session, by session and sid."""
        return [sub for client in self._clients.values() for sub in client.by_channel.values()]

    def fail(self, sub: Subscription, code: int) -> None:
        """End a subscription with a terminal error: 10 or 25 (kalshi.md 9.4)."""
        self._error(sub.session, 0, code, sub)
        self._end(self._clients[sub.session.id], sub)

    def mute_pings(self, muted: bool) -> None:
        """Stop or resume the protocol pings of every session, later ones too."""
        self._muted = muted
        for client in self._clients.values():
            client.session.pings = not muted

    def subscribers(self, channel: str) -> list[Subscription]:
        """A copy of a channel's subscriptions: an overflow may end one while frames go out."""
        return list(self._subs[channel])

    # ── frames out ───────────────────────────────────────────────────────────────────────────────────────────────────

    def publish(self, sub: Subscription, kind: str, msg: Mapping[str, Any]) -> None:
        """Send one data frame of a subscription, with the next seq where its channel has one."""
        if len(sub.session.outbox) >= self._rules.max_outbox:
            self.fail(sub, 25)  # the reader is too slow
            return
        frame: Row = {"type": kind, "sid": sub.sid}
        if sub.channel in SEQUENCED:
            frame["seq"] = sub.next_seq()
            if sub.lose > 0:
                sub.lose -= 1
                return
        frame["msg"] = msg
        self._send(sub.session, frame)
        if sub.repeat > 0:
            sub.repeat -= 1
            self._send(sub.session, frame)

    def _send(self, session: Session, frame: Row) -> None:
        frame["sending_ts_ms"] = self._clock.wall_ns() // MS
        session.send(msgspec.json.encode(frame).decode())

    def _end(self, client: _Client, sub: Subscription) -> None:
        del client.by_channel[sub.channel]
        self._subs[sub.channel].remove(sub)

    def _snapshot(self, sub: Subscription, market: SimMarket, command: int = 0) -> None:
        frame: Row = {"type": "orderbook_snapshot"}
        if command:
            frame["id"] = command
        frame |= {"sid": sub.sid, "seq": sub.next_seq(), "msg": snapshot_msg(market, yes_price=sub.yes_price)}
        self._send(sub.session, frame)

    def _reply(self, session: Session, kind: str, command: int, **rest: Any) -> None:
        frame: Row = {"type": kind}
        if command:
            frame["id"] = command
        self._send(session, frame | rest)

    def _error(
        self, session: Session, command: int, code: int, sub: Subscription | None = None, tickers: list[str] | None = None
    ) -> None:
        scope: Row = {}
        if sub is not None:
            scope["sid"] = sub.sid
            if sub.channel in SEQUENCED:
                scope["seq"] = sub.next_seq()
        msg: Row = {"code": code, "msg": ERRORS[code]}
        if tickers:
            msg["market_tickers"] = tickers
        self._reply(session, "error", command, **scope, msg=msg)

    def _ack(self, sub: Subscription, command: int) -> None:
        """An ok frame with the full list of the subscription; it spends a seq (kalshi.md 9.2)."""
        rest: Row = {"sid": sub.sid}
        if sub.channel in SEQUENCED:
            rest["seq"] = sub.next_seq()
        if not sub.quiet_ack:
            rest["msg"] = {"market_tickers": list(sub.tickers or ())}
        self._reply(sub.session, "ok", command, **rest)

    # ── commands in ──────────────────────────────────────────────────────────────────────────────────────────────────

    def on_frame(self, session: Session, text: str) -> None:
        client = self._clients.get(session.id)
        if client is None:
            return
        try:
            command = msgspec.json.decode(text, type=dict[str, Any])
        except msgspec.DecodeError:
            self._error(session, 0, 1)
            return
        given = command.get("id", 0)
        number = given if isinstance(given, int) and not isinstance(given, bool) and given >= 0 else 0
        name = command.get("cmd")
        try:
            if name == "list_subscriptions":
                rows = [{"channel": sub.channel, "sid": sub.sid} for sub in client.by_channel.values()]
                self._reply(session, "ok", number, msg=rows)
                return
            work = self._commands.get(name) if isinstance(name, str) else None
            if work is None:
                raise Refused(5)
            params = command.get("params")
            if not isinstance(params, dict):
                raise Refused(2)
            work(client, number, params)
        except Refused as exc:
            self._error(session, number, exc.code, self._scoped(client, exc.sid), exc.tickers)

    def _subscribe(self, client: _Client, command: int, params: Row) -> None:
        channels = params.get("channels")
        if not isinstance(channels, list) or not channels:
            raise Refused(3)
        if any(not isinstance(channel, str) or channel not in CHANNELS for channel in channels):
            raise Refused(8)
        tickers = self._tickers(params)
        if "orderbook_delta" in channels and not tickers:
            raise Refused(14)
        if "communications" in channels:
            check_shard_params(params)
        for channel in channels:
            self._join(client, command, channel, tickers if channel in FILTERED else [], params)

    def _join(self, client: _Client, command: int, channel: str, tickers: list[str], params: Row) -> None:
        """A new sid answered by subscribed, or a merge into the channel's sid answered by ok; snapshots follow."""
        sub = client.by_channel.get(channel)
        if sub is None:
            if len(tickers) > self._rules.max_markets_per_sid:
                raise Refused(26)
            client.sids += 1
            wanted = dict.fromkeys(tickers) if tickers else None
            sub = Subscription(client.sids, channel, client.session, client.user_id, wanted)
            sub.yes_price, sub.quiet_ack = bool(params.get("use_yes_price")), bool(params.get("skip_ticker_ack"))
            client.by_channel[channel] = sub
            self._subs[channel].append(sub)
            self._reply(client.session, "subscribed", command, msg={"channel": channel, "sid": sub.sid})
            added = tickers
        else:
            self._pace(sub)
            added = self._add(sub, tickers)
            self._ack(sub, command)
        if channel in INDEX_CHANNELS:
            seeds = params.get(INDEX_CHANNELS[channel][1])
            sub.indices.update(
                dict.fromkeys(name for name in seeds if isinstance(name, str)) if isinstance(seeds, list) else {}
            )
        self._show(sub, added, initial=bool(params.get("send_initial_snapshot")))

    def _add(self, sub: Subscription, tickers: list[str]) -> list[str]:
        """Widen a subscription; returns what is new. No tickers at all means every market."""
        if not tickers or sub.tickers is None:
            sub.tickers = None
            return []
        added = [ticker for ticker in tickers if ticker not in sub.tickers]
        if len(sub.tickers) + len(added) > self._rules.max_markets_per_sid:
            raise Refused(26)
        sub.tickers.update(dict.fromkeys(added))
        return added

    def _show(self, sub: Subscription, tickers: list[str], *, initial: bool) -> None:
        for ticker in tickers:
            market = self._table.markets[ticker]
            if sub.channel == "orderbook_delta":
                self._snapshot(sub, market)
            elif sub.channel == "ticker" and initial:
                self.publish(sub, "ticker", ticker_msg(market, self._clock.wall_ns()))

    def _unsubscribe(self, client: _Client, command: int, params: Row) -> None:
        sids = params.get("sids")
        if not isinstance(sids, list) or not sids:
            raise Refused(4)
        for sub in [client.by_sid(sid) for sid in sids]:
            if sub.sid in [kept.sid for kept in client.by_channel.values()]:
                self._end(client, sub)
                self._reply(client.session, "unsubscribed", command, sid=sub.sid, seq=sub.next_seq())

    def _update(self, client: _Client, command: int, params: Row) -> None:
        sids = params.get("sids", [params["sid"]] if "sid" in params else [])
        if not isinstance(sids, list) or len(sids) != 1 or ("sid" in params and "sids" in params):
            raise Refused(12)
        sub = client.by_sid(sids[0])
        self._pace(sub)
        action = params.get("action")
        if not action:
            raise Refused(15)
        if sub.channel in INDEX_CHANNELS:
            self._update_indices(sub, command, str(action), params)
            return
        if action not in ("add_markets", "delete_markets", "get_snapshot") or sub.channel not in FILTERED:
            raise Refused(13)
        if action == "get_snapshot":
            if sub.channel != "orderbook_delta":
                raise Refused(13)
            if not isinstance(params.get("market_tickers"), list):  # plural only (kalshi.md 9.2)
                raise Refused(14)
        tickers = self._tickers(params)
        if not tickers:
            raise Refused(14)
        if action == "get_snapshot":
            strange = [ticker for ticker in tickers if not sub.wants(ticker)]
            if strange:
                raise Refused(11, tickers=strange)
            for ticker in tickers:
                self._snapshot(sub, self._table.markets[ticker], command)
        elif action == "add_markets":
            added = self._add(sub, tickers)
            self._ack(sub, command)
            self._show(sub, added, initial=bool(params.get("send_initial_snapshot")))
        else:
            for ticker in tickers:
                if sub.tickers is not None:
                    sub.tickers.pop(ticker, None)
            self._ack(sub, command)

    def _update_indices(self, sub: Subscription, command: int, action: str, params: Row) -> None:
        """Join or leave indices; nothing streams there, lists are empty."""
        noun, field_name, missing, list_frame = INDEX_CHANNELS[sub.channel]
        if action == ("indexlist" if noun == "indices" else "underlying_list"):
            self._reply(sub.session, list_frame, command, sid=sub.sid, seq=sub.next_seq(), msg={field_name: []})
            return
        if action not in (f"subscribe_{noun}", f"unsubscribe_{noun}"):
            raise Refused(13)
        names = params.get(field_name)
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise Refused(missing)
        if action.startswith("un"):
            for name in names:
                sub.indices.pop(name, None)
        else:
            sub.indices.update(dict.fromkeys(names))
        self._reply(sub.session, "ok", command, sid=sub.sid, seq=sub.next_seq(), msg={field_name: list(sub.indices)})

    @staticmethod
    def _scoped(client: _Client, sid: int) -> Subscription | None:
        return next((sub for sub in client.by_channel.values() if sub.sid == sid), None)

    def _pace(self, sub: Subscription) -> None:
        """One command of a subscription: an armed refusal, or error 27 when they come too fast (kalshi.md 9.1)."""
        if sub.refuse:
            raise Refused(sub.refuse.pop(0), sid=sub.sid)
        now, rate = self._clock.mono_ns(), self._rules.ws_commands_per_s
        if sub.commands is None:
            sub.commands = Bucket(rate, rate, now)
        sub.commands.rate = sub.commands.capacity = rate
        sub.commands.refill(now)
        if not sub.commands.fits(1):
            raise Refused(27, sid=sub.sid)
        sub.commands.take(1)

    def _tickers(self, params: Row) -> list[str]:
        """The markets a command names, by ticker or id. Raises Refused 11 on a bad form or an unknown market."""
        forms = [name for name in ("market_ticker", "market_tickers", "market_id", "market_ids") if name in params]
        if not forms:
            return []
        if len(forms) > 1:
            raise Refused(11)
        value = params[forms[0]]
        names = value if isinstance(value, list) else [value]
        if not names or not all(isinstance(name, str) for name in names):
            raise Refused(11)
        if forms[0].startswith("market_id"):
            names = [market.ticker if (market := self._table.by_id.get(name)) else name for name in names]
        unknown = [name for name in names if name not in self._table.markets]
        if unknown:
            raise Refused(11, tickers=unknown)
        return list(dict.fromkeys(names))
