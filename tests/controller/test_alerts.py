"""Alerts: an error of the log reaches a person once, a flood does not, and a broken receiver harms nothing."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest
import structlog

from controller.alarms import TripWatch
from controller.alerts import Alert, AlertFailed, Alerts, CommandChannel, UrlChannel, alerting, make_channels
from controller.risk.breaker import Breaker
from controller.risk.limits import RiskSettings
from trading.clock import SECOND, ManualClock
from trading.errors import SettingsError, Unreachable
from trading.http import Response
from trading.log import get_logger, setup_logging
from trading.units import Money, MonoNs


class _Channel:
    name = "ALERT_TEST"

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.got: list[Alert] = []

    async def send(self, alert: Alert) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.got.append(alert)


async def _no_pause(_: float) -> None:
    await asyncio.sleep(0)


def _alerts(channel: _Channel, clock: ManualClock) -> Alerts:
    return Alerts([channel], clock, _no_pause)


async def test_one_subject_is_told_once_in_five_minutes_and_counted() -> None:
    """The same arb's alarm again is counted, another arb's is told, and later the count comes along."""
    channel, clock = _Channel(), ManualClock()
    alerts = _alerts(channel, clock)
    for arb in ("a", "a", "b", "a"):
        alerts.hear("arb_alarm", "error", {"event": "arb_alarm", "arb": arb})
    await alerts.flush()
    clock.advance(301 * SECOND)
    alerts.hear("arb_alarm", "error", {"event": "arb_alarm", "arb": "a"})
    await alerts.flush()

    assert [(one.fields["arb"], one.repeated) for one in channel.got] == [("a", 0), ("b", 0), ("a", 2)]


async def test_a_flood_is_twenty_a_minute_and_says_how_many_were_not_sent() -> None:
    channel, clock = _Channel(), ManualClock()
    alerts = _alerts(channel, clock)
    for number in range(50):
        alerts.hear("unforeseen", "error", {"what": str(number)})
    await alerts.flush()
    assert len(channel.got) == 20
    clock.advance(61 * SECOND)
    alerts.hear("halted", "warning", {"reason": "operator"})
    await alerts.flush()

    assert (len(channel.got), channel.got[-1].unsent) == (21, 30)
    assert "30 other alerts" in channel.got[-1].text()


async def test_a_receiver_that_fails_twice_gets_the_alert_all_the_same() -> None:
    channel = _Channel(AlertFailed("HTTP 503"), AlertFailed("HTTP 503"))
    alerts = _alerts(channel, ManualClock())
    alerts.hear("journal_failed", "error", {"error": "disk full"})
    await alerts.flush()

    assert [one.event for one in channel.got] == ["journal_failed"]


async def test_a_dead_receiver_is_named_once_and_the_next_alert_is_tried() -> None:
    """Three attempts an alert; the log says it once until one gets through, and nothing is raised."""
    channel = _Channel(*[AlertFailed("HTTP 500")] * 6)
    alerts = _alerts(channel, ManualClock())
    with structlog.testing.capture_logs() as lines:
        for arb in ("a", "b", "c"):
            alerts.hear("arb_alarm", "error", {"arb": arb})
        await alerts.flush()

    assert [one.fields["arb"] for one in channel.got] == ["c"]
    assert [line["event"] for line in lines] == ["alert_not_sent"]


async def test_every_error_line_of_the_log_reaches_the_command_and_plain_warnings_do_not(tmp_path: Path) -> None:
    """What the log calls an error is an alert; the command sees none of this process's keys."""
    told = tmp_path / "told"
    script = tmp_path / "tell.py"
    script.write_text(
        f"import os, sys\nopen({str(told)!r}, 'a').write(sys.stdin.read() + str('POLY_PRIVATE_KEY' in os.environ) + '\\n')\n"
    )
    setup_logging("INFO", console=False)
    log = get_logger("test")
    os.environ["POLY_PRIVATE_KEY"] = "0xsecret"
    try:
        async with alerting("", f"{sys.executable} {script}", ManualClock()):
            log.warning("read_failed", what="books")
            log.warning("halted", reason="operator")
            log.error("arb_alarm", arb=b"\x01\x02", alarm="exposed")
    finally:
        del os.environ["POLY_PRIVATE_KEY"]

    lines = told.read_text().splitlines()
    assert "warning halted: reason=operator" in lines[0]
    assert "error arb_alarm: arb=0102, alarm=exposed" in lines[2]
    assert lines[1] == lines[3] == "False"


class _Http:
    def __init__(self, answer: Response | Exception) -> None:
        self.answer = answer
        self.bodies: list[dict[str, object]] = []

    async def request(self, method: str, url: str, headers: object, body: bytes | None, *, timeout_s: float) -> Response:
        self.bodies.append(json.loads(body or b""))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


_ALERT = Alert(at=ManualClock().wall_ns(), level="error", event="arb_alarm", fields={"arb": "01"})


async def test_the_address_gets_one_object_with_a_line_for_people() -> None:
    http = _Http(Response(status=204, headers={}, body=b""))
    await UrlChannel(http, "http://127.0.0.1:9/hook").send(_ALERT)

    (body,) = http.bodies
    assert (body["schema"], body["event"], body["fields"]) == (1, "arb_alarm", {"arb": "01"})
    assert str(body["text"]).startswith("tandem 2026-")


@pytest.mark.parametrize("answer", [Response(status=404, headers={}, body=b""), Unreachable("ALERT_URL", "refused")])
async def test_an_address_that_refuses_is_a_failure_without_the_address(answer: Response | Exception) -> None:
    """An address may carry a token: it stands in no error."""
    with pytest.raises(AlertFailed) as caught:
        await UrlChannel(_Http(answer), "http://127.0.0.1:9/token").send(_ALERT)

    assert "token" not in str(caught.value)


@pytest.mark.parametrize(("command", "says"), [("false", "exit 1"), ("no-such-program-here", "No such file")])
async def test_a_command_that_fails_says_how(command: str, says: str) -> None:
    with pytest.raises(AlertFailed, match=says):
        await CommandChannel([command]).send(_ALERT)


@pytest.mark.parametrize(("url", "command", "names"), [("ftp://x", "", "ALERT_URL"), ("", "say 'hello", "ALERT_COMMAND")])
def test_a_channel_that_cannot_work_stops_the_start(url: str, command: str, names: str) -> None:
    with pytest.raises(SettingsError, match=names):
        make_channels(url, command, _Http(Unreachable("x", "y")))


def test_a_tripped_breaker_is_said_once_and_its_end_too() -> None:
    """B-197, B-199: the loss of the day is an error line with the next step; the operator's resume ends it."""
    clock = ManualClock()
    breaker = Breaker(RiskSettings(cb_max_daily_loss=Money(1_000_000)))
    watch = TripWatch(breaker, clock)
    with structlog.testing.capture_logs() as lines:
        watch.look()
        breaker.record_pnl(Money(-2_000_000))
        watch.look()
        watch.look()
        breaker.resume()
        watch.look()

    assert [line["event"] for line in lines] == ["breaker_tripped", "breaker_closed"]
    assert (lines[0]["reason"], str(lines[0]["day_pnl_dollars"])) == ("daily_loss", "-2")
    assert breaker.reason(MonoNs(clock.mono_ns())) is None
