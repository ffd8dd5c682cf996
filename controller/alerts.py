"""What a person has to know now, told outside of the log: ALERT_URL and ALERT_COMMAND (B-177, B-243).

Every error line of the log is an alert, and so are the few warnings named here: what the log calls an error cannot be forgotten
by whoever wrote it. hear() takes a line and returns at once; run() sends what was heard, each subject once in five minutes and
at most twenty a minute, the rest counted. Nothing on the way to an order waits for it, and its own failures are warnings.
"""

import asyncio
import contextlib
import json
import logging
import os
import shlex
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

import msgspec
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from trading.clock import SECOND, Clock
from trading.errors import SettingsError, TandemError
from trading.http import Http, PooledHttp
from trading.log import get_logger
from trading.units import MonoNs, WallNs

__all__ = ["Alert", "AlertFailed", "Alerts", "Channel", "CommandChannel", "LogTap", "UrlChannel", "alerting", "make_channels"]

_WARNINGS = frozenset(
    {"halted", "resumed", "trader_gone", "trader_revoked", "positions_found", "recovered", "records_not_written"}
)
"""Events below error that a person is told too."""
_SUBJECTS = ("arb", "leg", "trader", "event_id", "market", "venue", "what", "path", "reason")
"""The first of these fields that a line has tells two alerts of one kind apart."""
_QUIET_NS = 300 * SECOND
_MINUTE_NS = 60 * SECOND
_PER_MINUTE = 20
_WAITING = 200
_TIMEOUT_S = 10.0
_ATTEMPTS = 3
_LAST_S = 5.0
"""For what is still to be told when the process ends."""
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")
"""All that an alert command sees of this process's environment: no key of a venue."""
_HIDDEN = frozenset({"event", "level", "logger", "timestamp", "exception", "_record", "_from_structlog"})

log = get_logger(__name__)


class AlertFailed(TandemError):
    """An alert did not reach its receiver; the text says why, without the address."""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert. fields are those of the log line as text; repeated counts equal ones kept back, unsent those over the limit."""

    schema: int = 1
    at: WallNs
    level: str
    event: str
    fields: Mapping[str, str]
    repeated: int = 0
    unsent: int = 0

    def text(self) -> str:
        """One line for people."""
        when = datetime.fromtimestamp(self.at / SECOND, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        parts = [f"{name}={value}" for name, value in self.fields.items()]
        parts += [f"and {self.repeated} more of it"] if self.repeated else []
        parts += [f"and {self.unsent} other alerts, see the log"] if self.unsent else []
        return f"tandem {when} {self.level} {self.event}: {', '.join(parts)}"


class Channel(Protocol):
    """A way to a person. send raises AlertFailed."""

    name: str

    async def send(self, alert: Alert) -> None: ...


class UrlChannel:
    """POSTs each alert as a JSON object to one address; every answer below 300 is success."""

    name = "ALERT_URL"

    def __init__(self, http: Http, url: str) -> None:
        self._http = http
        self._url = url

    async def send(self, alert: Alert) -> None:
        body = {**msgspec.to_builtins(alert), "text": alert.text()}
        try:
            answer = await self._http.request(
                "POST",
                self._url,
                {"content-type": "application/json"},
                json.dumps(body, ensure_ascii=False).encode(),
                timeout_s=_TIMEOUT_S,
            )
        except TandemError as exc:
            raise AlertFailed(type(exc).__name__) from exc
        if answer.status >= 300:
            raise AlertFailed(f"HTTP {answer.status}")


class CommandChannel:
    """Runs a command for each alert, its one line on standard input; ten seconds, then the command is killed."""

    name = "ALERT_COMMAND"

    def __init__(self, argv: Sequence[str]) -> None:
        self._argv = argv
        self._environ = {name: os.environ[name] for name in _INHERITED if name in os.environ}

    async def send(self, alert: Alert) -> None:
        pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        try:
            process = await asyncio.create_subprocess_exec(
                *self._argv, stdin=pipe, stdout=null, stderr=null, env=self._environ, start_new_session=True
            )
        except OSError as exc:
            raise AlertFailed(f"{self._argv[0]}: {exc.strerror}") from exc
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                await process.communicate(f"{alert.text()}\n".encode())
        except TimeoutError:
            raise AlertFailed(f"{self._argv[0]}: did not end within {_TIMEOUT_S:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise AlertFailed(f"{self._argv[0]}: exit {process.returncode}")


def make_channels(url: str, command: str, http: Http) -> tuple[Channel, ...]:
    """The channels that are set. Raises SettingsError for one that cannot work."""
    channels: list[Channel] = []
    if url:
        if not url.startswith(("http://", "https://")):
            raise SettingsError("ALERT_URL: not an address (allowed: http://… or https://…)")
        channels.append(UrlChannel(http, url))
    if command:
        try:
            argv = shlex.split(command)
        except ValueError as exc:
            raise SettingsError(f"ALERT_COMMAND: {exc} (allowed: a command as a shell would read it)") from None
        channels.append(CommandChannel(argv))
    return tuple(channels)


class LogTap(logging.Handler):
    """Hands error lines and the named warnings to hear(event, level, fields)."""

    def __init__(self, hear: Callable[[str, str, Mapping[str, object]], None]) -> None:
        super().__init__(logging.WARNING)
        self._hear = hear

    def emit(self, record: logging.LogRecord) -> None:
        fields: Mapping[str, object] = record.msg if isinstance(record.msg, dict) else {"event": record.getMessage()}
        event = str(fields.get("event", ""))
        if record.levelno >= logging.ERROR or event in _WARNINGS:
            self._hear(event, record.levelname.lower(), fields)


class Alerts:
    """Keeps what was heard and sends it. hear may be called from any thread, run() belongs to one loop."""

    def __init__(
        self, channels: Sequence[Channel], clock: Clock, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._channels = channels
        self._clock = clock
        self._sleep = sleep
        self._heard: deque[Alert] = deque(maxlen=_WAITING)
        self._told: dict[tuple[str, str], MonoNs] = {}
        self._repeated: dict[tuple[str, str], int] = {}
        self._sent: deque[MonoNs] = deque(maxlen=_PER_MINUTE)
        self._unsent = 0
        self._silent: set[str] = set()
        self._wake: Callable[[], object] = lambda: None

    def hear(self, event: str, level: str, fields: Mapping[str, object]) -> None:
        """Take one line; never waits and never fails."""
        shown = {name: str(value)[:500] for name, value in fields.items() if name not in _HIDDEN}
        self._heard.append(Alert(at=self._clock.wall_ns(), level=level, event=event, fields=shown))
        self._wake()

    async def run(self) -> None:
        """Send until cancelled."""
        loop, heard = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody sends any more
                loop.call_soon_threadsafe(heard.set)

        self._wake = wake
        while True:
            await self.flush()
            await heard.wait()
            heard.clear()

    async def flush(self) -> None:
        """Send what was heard so far."""
        while self._heard:
            alert = self._due(self._heard.popleft())
            if alert is not None:
                for channel in self._channels:
                    await self._send(channel, alert)

    def _due(self, alert: Alert) -> Alert | None:
        now = self._clock.mono_ns()
        key = alert.event, next((alert.fields[name] for name in _SUBJECTS if name in alert.fields), "")
        if key in self._told and now - self._told[key] < _QUIET_NS:
            self._repeated[key] = self._repeated.get(key, 0) + 1
            return None
        if len(self._sent) == _PER_MINUTE and now - self._sent[0] < _MINUTE_NS:
            self._unsent += 1
            return None
        self._told = {one: at for one, at in self._told.items() if now - at < _QUIET_NS} | {key: now}
        self._sent.append(now)
        unsent, self._unsent = self._unsent, 0
        return msgspec.structs.replace(alert, repeated=self._repeated.pop(key, 0), unsent=unsent)

    async def _send(self, channel: Channel, alert: Alert) -> None:
        try:
            async for attempt in AsyncRetrying(
                sleep=self._sleep,
                stop=stop_after_attempt(_ATTEMPTS),
                wait=wait_exponential(max=8),
                retry=retry_if_exception_type(AlertFailed),
                reraise=True,
            ):
                with attempt:
                    await channel.send(alert)
        except Exception as exc:  # an alert that cannot be sent never ends the sending of others
            if channel.name not in self._silent:
                self._silent.add(channel.name)
                log.warning("alert_not_sent", channel=channel.name, error=str(exc), next_step="mend it; the log has every line")
        else:
            self._silent.discard(channel.name)


@contextlib.asynccontextmanager
async def alerting(url: str, command: str, clock: Clock) -> AsyncIterator[None]:
    """While this is open the log's errors are sent; what is left at the end gets five seconds. With neither set: nothing.

    Raises SettingsError for a channel that cannot work.
    """
    http = PooledHttp("ALERT_URL")
    channels = make_channels(url, command, http)
    if not channels:
        yield
        return
    alerts = Alerts(channels, clock)
    tap = LogTap(alerts.hear)
    logging.getLogger().addHandler(tap)
    sending = asyncio.create_task(alerts.run())
    try:
        yield
    finally:
        logging.getLogger().removeHandler(tap)
        sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await sending
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_S):
                await alerts.flush()
        await http.close()
