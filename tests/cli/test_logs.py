"""Logs: the last hour, or on and on."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from cli import logs
from tests.cli.conftest import Bionic, FakeApi, Json, ok, problem

pytestmark = pytest.mark.unit

PATH = "GET /api/agents/shop/logs"


def line(second: int, text: str, **more: object) -> Json:
    """A line that was written `second` seconds after noon."""
    at = f"2026-11-24T12:00:{second:02d}Z"
    return {"at": at, "level": "info", "source": "runtime", "callId": None, "text": text, **more}


def page(*items: Json, cursor: str | None = None) -> httpx.Response:
    return ok({"items": list(items), "nextCursor": cursor})


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_PAUSE", 0.0)


def test_lines_of_all_pages_oldest_first(api: FakeApi, bionic: Bionic) -> None:
    call = line(7, "said \x1b[31mhello\x1b[0m", level="warning", callId="0123456789abcdef")
    api.on(PATH, page(call, cursor="older"), page(line(1, "registered")))
    assert bionic("logs", "shop").out.splitlines() == [
        "2026-11-24 12:00:01  info     runtime  registered",
        "2026-11-24 12:00:07  warning  runtime 01234567  said hello",
    ]
    assert api.asked[1].url.params["cursor"] == "older"


def test_a_traceback_keeps_its_lines(api: FakeApi, bionic: Bionic) -> None:
    api.on(PATH, page(line(1, "a tool failed\nTraceback:\n  File\x1b[2J\nValueError", level="error")))
    assert bionic("logs", "shop").out.splitlines() == [
        "2026-11-24 12:00:01  error    runtime  a tool failed",
        "    Traceback:",
        "      File",
        "    ValueError",
    ]


def test_since_and_level_are_asked_for(api: FakeApi, bionic: Bionic) -> None:
    api.on(PATH, page())
    before = datetime.now(UTC)
    ended = bionic("logs", "shop", "--since", "1h30m", "--level", "warning")
    asked = api.asked[0].url.params
    since = datetime.fromisoformat(asked["since"])
    assert timedelta(0) <= since - (before - timedelta(minutes=90)) < timedelta(seconds=30)
    assert asked["level"] == "warning"
    assert ended.out == "Nothing in the last 1:30:00 h. --since looks further back.\n"


def test_an_hour_unless_said_otherwise(api: FakeApi, bionic: Bionic) -> None:
    api.on(PATH, page(line(1, "registered")))
    assert bionic("logs", "shop", "--json").document == {"items": [line(1, "registered")]}
    since = datetime.fromisoformat(api.asked[0].url.params["since"])
    assert datetime.now(UTC) - since < timedelta(hours=1, seconds=30)


def test_following_shows_each_line_once(api: FakeApi, bionic: Bionic) -> None:
    def interrupt(_: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    one, two, late = line(1, "one"), line(9, "two"), line(8, "late")
    gone = httpx.ConnectError("[Errno 111] Connection refused")
    api.on(PATH, page(one), page(one, two), gone, gone, page(two, late), page(late, two), interrupt)
    ended = bionic("logs", "shop", "--follow", "--json")
    assert ended.code == 130
    assert [json.loads(each) for each in ended.out.splitlines()] == [one, two, late]
    assert ended.err.count("Asking again.") == 1


def test_following_ends_when_the_agent_is_gone(api: FakeApi, bionic: Bionic) -> None:
    api.on(PATH, page(line(1, "one")), problem(404, "There is no agent “shop”."))
    ended = bionic("logs", "shop", "-f")
    assert ended.code == 1
    assert "one" in ended.out
