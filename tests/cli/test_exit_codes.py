"""How commands end when they do not end well: a code for scripts, a clear line for people, no traceback."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from cli import __main__ as entry
from cli import agents
from tests.cli.conftest import Bionic, FakeApi, ok, problem

pytestmark = pytest.mark.unit


def test_a_field_a_line(api: FakeApi, bionic: Bionic, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{}")
    fields = (("/config/stt/options/modle", "unknown option"), ("/config/instructions", "is required"))
    api.on("POST /api/agents", problem(400, "The agent's config is not valid.", *fields))
    ended = bionic("create", "Shop", "--config", "bad.json")
    assert ended.code == 1
    assert ended.err.splitlines() == [
        "The agent's config is not valid.",
        "  /config/stt/options/modle  unknown option",
        "  /config/instructions  is required",
    ]
    error = bionic("create", "Shop", "--config", "bad.json", "--json").document["error"]
    assert error["detail"] == "The agent's config is not valid."
    assert error["errors"] == [{"pointer": pointer, "detail": detail} for pointer, detail in fields]
    assert (error["status"], error["exitCode"]) == (400, 1)


def test_unknown_agents(api: FakeApi, bionic: Bionic) -> None:
    api.on("GET /api/agents/nobody", problem(404, "There is no agent “nobody”."))
    ended = bionic("agents", "show", "nobody")
    assert (ended.code, ended.out, ended.err) == (1, "", "There is no agent “nobody”.\n")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (httpx.ConnectError("[Errno 111] Connection refused"), "Nobody answers at http://127.0.0.1:8080"),
        (httpx.ReadTimeout("timed out"), "does not answer in time."),
        (httpx.RemoteProtocolError("Server disconnected."), "broke (server disconnected)"),
        (httpx.Response(502, text="<html>Bad Gateway"), "answered “HTTP 502 Bad Gateway”"),
        (httpx.Response(302, headers={"Location": "/login"}), "answered “HTTP 302 Found”"),
        (httpx.Response(200, text="<html>Hello"), "not as the API of Bionic Agents does"),
        (ok([1, 2]), "not as the API of Bionic Agents does"),
    ],
)
def test_who_is_not_the_api_is_away(
    api: FakeApi, bionic: Bionic, answer: httpx.Response | Exception, said: str
) -> None:
    api.on("GET /api/agents", answer)
    ended = bionic("agents")
    assert (ended.code, ended.out) == (3, "")
    assert said in ended.err
    assert bionic("agents", "--json").document["error"]["exitCode"] == 3


def test_an_order_without_an_answer_may_have_been_heard(api: FakeApi, bionic: Bionic) -> None:
    api.on("POST /api/agents/shop/deploy", httpx.ReadTimeout("timed out"))
    ended = bionic("deploy", "shop")
    assert ended.code == 3
    assert "It may have done what was asked: look before you ask again." in ended.err


def test_a_part_that_is_away_is_a_failure_that_the_api_tells(api: FakeApi, bionic: Bionic) -> None:
    api.on("POST /api/agents/shop/deploy", problem(503, "Temporal does not answer."))
    ended = bionic("deploy", "shop")
    assert (ended.code, ended.err) == (1, "Temporal does not answer.\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("deploy",), "Missing argument 'SLUG'."),
        (("deploy", "shop", "--replicas", "0"), "--replicas"),
        (("stop", ""), "it is empty"),
        (("logs", "shop", "--since", "yesterday"), "It looks like 90s, 15m, 1h30m or 2d."),
        (("logs", "shop", "--level", "loud"), "--level"),
        (("create", "Shop"), "--config"),
        (("create", "Shop", "--config", "nowhere.json"), "nowhere.json can't be read"),
        (("--api", "shop.example", "agents"), "is no address of an API"),
        (("--api", "ftp://shop.example", "agents"), "is no address of an API"),
        (("--api", "http://user:secret@shop.example", "agents"), "is no address of an API"),
        (("agnets",), "agnets"),
    ],
)
def test_wrong_command_lines(api: FakeApi, bionic: Bionic, arguments: tuple[str, ...], said: str) -> None:
    ended = bionic(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert "--help`." in ended.err
    assert not api.asked


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"a":', "is not JSON: Expecting value (line 1, column 6)"),
        (b"[]", "must hold a JSON object"),
        (b"\xff", "UTF-8"),
    ],
)
def test_files_that_are_no_config(bionic: Bionic, tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "bad.json").write_bytes(content)
    ended = bionic("create", "Shop", "--config", "bad.json")
    assert ended.code == 2
    assert said in ended.err


def test_nothing_asked_for_shows_what_there_is(bionic: Bionic) -> None:
    ended = bionic()
    assert ended.code == 2
    assert "rollback" in ended.out


def test_exit_codes_are_documented_where_people_look(bionic: Bionic) -> None:
    ended = bionic("--help")
    assert ended.code == 0
    assert "Exit codes: 0 it is done; 1 it failed;" in ended.out


def test_a_bug_of_ours_is_one_line_too(api: FakeApi, bionic: Bionic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents, "_summary", lambda found: found[99])
    api.on("GET /api/agents", ok({"items": [{"slug": "shop"}]}))
    ended = bionic("agents")
    assert ended.code == 1
    assert "This is a bug in bionic, not yours: IndexError: list index out of range." in ended.err
    assert "Traceback" not in ended.err


def test_main_ends_the_process_with_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["bionic", "--version"])
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code == 0
