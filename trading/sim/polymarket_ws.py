"""Market and user streams of the simulated venue (polymarket.md 11 and 12).

Market: a book on subscribe and after trades, price_change for both mirrored tokens, last_trade_price, tick changes, and behind
the custom flag best_bid_ask, new_market, market_resolved. User: one order or trade event per change. Oddities of the real
thing are reproduced from the seed: frames as object or array, seconds mixed with milliseconds, empty strings. No replay.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from trading.sim.core import Session
from trading.sim.exchange import LevelChange
from trading.sim.polymarket_books import best_prices, book_json, dump
from trading.sim.polymarket_data import Json, SimMarket, decimal, own_price, price_text
from trading.sim.polymarket_rows import market_trade_row, notice_row, order_event, trade_row
from trading.sim.polymarket_sports import SportsStream
from trading.sim.polymarket_state import ApiKey, ClobOrder, SimState, Trade
from trading.units import ONE, Price, complement

__all__ = ["PATHS", "SPORTS_PATH", "Streams"]

SPORTS_PATH = "/sports/ws"
PATHS = frozenset({"/ws/market", "/ws/user", SPORTS_PATH})

_EVENT_FIELDS = ("id", "ticker", "slug", "title", "description")


@dataclass(slots=True, eq=False)
class _Reader:
    """One socket: what it named and who it is. markets None means everything of its account."""

    session: Session
    user: bool
    assets: set[str] = field(default_factory=set)
    custom: bool = False
    key: ApiKey | None = None
    markets: set[str] | None = None


class Streams:
    """All sockets. Implements the news seams of orders and trades and listens to every book."""

    def __init__(self, state: SimState, sports: SportsStream) -> None:
        self._state = state
        self._sports = sports
        self._readers: dict[int, _Reader] = {}
        self._ids = count(1)
        self._notices = count(1)
        self.frozen = False

    # --- sockets -----------------------------------------------------------------------------------------------------------

    def open(self, path: str) -> Session:
        session = Session(next(self._ids), frozen=self.frozen)
        if path == SPORTS_PATH:
            self._sports.open(session)
            return session
        self._readers[session.id] = _Reader(session, user=path.endswith("/user"))
        return session

    def close(self, session: Session) -> None:
        self._readers.pop(session.id, None)
        self._sports.close(session)

    def drop(self, code: int) -> int:
        """Cut every socket; returns how many."""
        sessions = [*(reader.session for reader in self._readers.values()), *self._sports.sessions()]
        for session in sessions:
            self.close(session)
            session.close(code)
        return len(sessions)

    def freeze(self, frozen: bool) -> None:
        """Silent staleness: sockets stay open and answer PONG, but no data comes (polymarket.md 11)."""
        self.frozen = frozen
        for session in (*(reader.session for reader in self._readers.values()), *self._sports.sessions()):
            session.frozen = frozen

    def frame(self, session: Session, text: str) -> None:
        """A text frame of a client: PING, the first subscribe, or a later operation."""
        if self._sports.owns(session):
            self._sports.frame(session, text)
            return
        reader = self._readers.get(session.id)
        if reader is None:
            return
        if text.strip().upper() == "PING":
            session.outbox.append("PONG")  # a frozen socket still answers
            session.wake()
            return
        try:
            message = json.loads(text)
        except ValueError:
            session.send("INVALID OPERATION")
            return
        if not isinstance(message, dict):
            session.send("INVALID OPERATION")
        elif reader.user:
            self._user_frame(reader, message)
        else:
            self._market_frame(reader, message)

    def _market_frame(self, reader: _Reader, message: Json) -> None:
        assets = _names(message.get("assets_ids"))
        if message.get("operation") == "unsubscribe":
            reader.assets.difference_update(assets)
            return
        if "custom_feature_enabled" in message:
            reader.custom = bool(message["custom_feature_enabled"])
        new = [asset for asset in dict.fromkeys(assets) if asset not in reader.assets]
        reader.assets.update(new)
        if len(reader.assets) > self._state.settings.snapshot_assets:
            return
        books = [self._book_frame(asset) for asset in new if asset in self._state.by_token]
        if books:
            self._emit(reader, books)

    def _user_frame(self, reader: _Reader, message: Json) -> None:
        named = set(_names(message.get("markets")))
        if message.get("operation") == "unsubscribe":
            reader.markets = (reader.markets or set(self._state.markets)) - named
        elif message.get("operation") == "subscribe":
            if reader.markets is not None:
                reader.markets |= named
        else:
            auth = message.get("auth")
            auth = auth if isinstance(auth, dict) else {}
            key = self._state.keys.get(str(auth.get("apiKey")))
            if key is None or key.secret != auth.get("secret") or key.passphrase != auth.get("passphrase"):
                self._readers.pop(reader.session.id, None)
                reader.session.close(1008)
                return
            reader.key = key
            reader.markets = named or None

    # --- sending -----------------------------------------------------------------------------------------------------------

    def _emit(self, reader: _Reader, events: Sequence[Json]) -> None:
        """Several events go as one array; one goes as an object, or now and then as an array of one."""
        if len(events) == 1 and self._state.rng.random() >= self._state.settings.array_frames:
            reader.session.send(dump(events[0]))
        else:
            reader.session.send(dump(list(events)))

    def _watching(self, market: SimMarket) -> list[_Reader]:
        return [
            reader
            for reader in self._readers.values()
            if not reader.user and (market.tokens[0] in reader.assets or market.tokens[1] in reader.assets)
        ]

    def _stamp(self) -> str:
        return str(self._state.millis())

    def _book_frame(self, token: str) -> Json:
        market = self._state.by_token[token]
        return {"event_type": "book", **book_json(market, market.index(token), self._state.millis())}

    # --- market data -------------------------------------------------------------------------------------------------------

    def level(self, market: SimMarket, change: LevelChange) -> None:
        """A level changed: one price_change with both tokens, best prices after the change."""
        readers = self._watching(market)
        if not readers:
            return
        bid, ask = best_prices(market, 0)
        rows = []
        for outcome, token in enumerate(market.tokens):
            low, high = (bid, ask) if outcome == 0 else (ask, bid)
            rows.append(
                {
                    "asset_id": token,
                    "price": price_text(own_price(outcome, change.price)),
                    "size": decimal(change.total),
                    "side": "BUY" if (change.side == "bid") == (outcome == 0) else "SELL",
                    "hash": hashlib.sha1(f"{token}{self._stamp()}{bid}{ask}".encode(), usedforsecurity=False).hexdigest(),
                    "best_bid": _best(outcome, low, empty="0"),
                    "best_ask": _best(outcome, high, empty="1"),
                }
            )
        frame = {"market": market.id, "price_changes": rows, "timestamp": self._stamp(), "event_type": "price_change"}
        for reader in readers:
            self._emit(reader, [frame])
        if market.told != (bid, ask):
            market.told = (bid, ask)
            self._best_bid_ask(market, readers)

    def _best_bid_ask(self, market: SimMarket, readers: list[_Reader]) -> None:
        for outcome, token in enumerate(market.tokens):
            bid, ask = best_prices(market, outcome)
            frame = {
                "market": market.id,
                "asset_id": token,
                "best_bid": "0" if bid is None else price_text(bid),
                "best_ask": "1" if ask is None else price_text(ask),
                "spread": decimal(((ONE if ask is None else ask) - (bid or 0)) * 100),
                "timestamp": self._stamp(),
                "event_type": "best_bid_ask",
            }
            for reader in readers:
                if reader.custom and token in reader.assets:
                    self._emit(reader, [frame])

    def matched(self, trade: Trade) -> None:
        """After a match: last_trade_price of the taker's token, then fresh books."""
        market, settings = trade.market, self._state.settings
        for reader in self._watching(market):
            if market.tokens[trade.outcome] in reader.assets:
                self._emit(reader, [market_trade_row(trade, self._stamp())])
            books = [self._book_frame(token) for token in market.tokens if token in reader.assets]
            self._emit(reader, books)
            if self._state.rng.random() < settings.duplicate_books:
                self._emit(reader, books)
        fine = trade.price > 9600 or trade.price < 400
        if settings.fine_ticks and fine and market.tick == 100:
            self._state.timers.after(0, lambda: self.change_tick(market, Price(10)))

    def change_tick(self, market: SimMarket, tick: Price) -> None:
        """A new grid is a new epoch: the change (sent twice, as seen) and then a book."""
        old, market.tick = market.tick, tick
        if old == tick:
            return
        for reader in self._watching(market):
            for token in market.tokens:
                if token not in reader.assets:
                    continue
                frame = {
                    "event_type": "tick_size_change",
                    "market": market.id,
                    "asset_id": token,
                    "old_tick_size": price_text(old),
                    "new_tick_size": price_text(tick),
                    "timestamp": self._stamp(),
                }
                self._emit(reader, [frame])
                self._emit(reader, [frame])
                self._emit(reader, [self._book_frame(token)])

    def _to_custom(self, frame: Json) -> None:
        for reader in self._readers.values():
            if reader.custom and not reader.user:
                self._emit(reader, [frame])

    def new_market(self, market: SimMarket) -> None:
        """Pushed to every socket with the custom flag, whatever it subscribed to; absent values are ""."""
        raw, event = market.raw, market.event
        self._to_custom(
            {
                "event_type": "new_market",
                "id": str(raw.get("id") or ""),
                "question": raw.get("question") or "",
                "market": market.id,
                "condition_id": market.id,
                "slug": raw.get("slug") or "",
                "description": raw.get("description") or "",
                "assets_ids": list(market.tokens),
                "clob_token_ids": list(market.tokens),
                "outcomes": list(market.outcomes),
                "event_message": {name: str(event.get(name) or "") for name in _EVENT_FIELDS},
                "tags": [str(tag.get("slug") or "") for tag in event.get("tags") or () if isinstance(tag, dict)],
                "active": bool(raw.get("active", True)),
                "sports_market_type": raw.get("sportsMarketType") or "",
                "line": "" if raw.get("line") is None else str(raw["line"]),
                "game_start_time": raw.get("gameStartTime") or "",
                "order_price_min_tick_size": price_text(market.tick),
                "group_item_title": raw.get("groupItemTitle") or "",
                "taker_base_fee": str(raw.get("takerBaseFee") or ""),
                "fees_enabled": bool(raw.get("feesEnabled")),
                "fee_schedule": market.fee_schedule or "",
                "timestamp": self._stamp(),
            }
        )

    def resolved(self, market: SimMarket) -> None:
        winner = {ONE: 0, 0: 1}.get(-1 if market.payout is None else market.payout)
        self._to_custom(
            {
                "event_type": "market_resolved",
                "id": str(market.raw.get("id") or ""),
                "market": market.id,
                "assets_ids": list(market.tokens),
                "winning_asset_id": "" if winner is None else market.tokens[winner],
                "winning_outcome": "" if winner is None else market.outcomes[winner],
                "tags": [],
                "timestamp": self._stamp(),
            }
        )

    # --- private -----------------------------------------------------------------------------------------------------------

    def _private(self, orders: Sequence[ClobOrder], market: SimMarket) -> list[tuple[_Reader, ApiKey]]:
        return [
            (reader, reader.key)
            for reader in self._readers.values()
            if reader.key is not None
            and (reader.markets is None or market.id in reader.markets)
            and any(reader.key.sees(order) for order in orders)
        ]

    def _mixed_stamp(self) -> str:
        """Seconds or milliseconds, as the venue mixes them."""
        return str(self._state.seconds()) if self._state.rng.random() < self._state.settings.seconds_stamps else self._stamp()

    def order(self, order: ClobOrder, kind: str, status: str) -> None:
        if kind != "PLACEMENT":
            number = next(self._notices)
            cancelled = kind == "CANCELLATION"
            order.wallet.notices[number] = notice_row(order, number, cancelled=cancelled, second=self._state.seconds())
        share = self._state.settings.sparse_events
        bare = share >= 1 or status.startswith("CANCELED_order couldn't")  # as recorded of a FOK kill (section 12)
        for reader, _ in self._private([order], order.market):
            sparse = self._state.rng.random() < share
            self._emit(reader, [order_event(order, kind, status, self._mixed_stamp(), sparse=sparse, bare=bare)])

    def trade(self, trade: Trade) -> None:
        for reader, key in self._private(trade.orders(), trade.market):
            row: dict[str, Any] = trade_row(trade, key.wallet)
            row.update(event_type="trade", type="TRADE", trade_owner=row["owner"], timestamp=self._mixed_stamp())
            self._emit(reader, [row])


def _names(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []


def _best(outcome: int, price: Price | None, *, empty: str) -> str:
    return empty if price is None else price_text(price if outcome == 0 else complement(price))
