"""Which API is asked, and with which key."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.access import Access, find_access
from cli.errors import KeyRefused
from tests.cli.conftest import KEY, Bionic, FakeApi, Json, ok, problem

pytestmark = pytest.mark.unit

EMPTY: Json = {"items": [], "nextCursor": None}


def _keep_key(folder: Path, key: str = "bk_of_the_folder\n") -> None:
    (folder / ".bionic").mkdir()
    (folder / ".bionic" / "api-key").write_text(key)


def test_options_may_be_said_before_and_after_the_name(api: FakeApi, bionic: Bionic) -> None:
    api.on("GET /api/agents", ok(EMPTY))
    for arguments in (
        ("--api", "http://one.example", "--key", "bk_1", "--json", "agents"),
        ("agents", "--api", "http://one.example/", "--key", "bk_1", "--json"),
        (
            "--api",
            "http://two.example",
            "--key",
            "bk_2",
            "agents",
            "--api",
            "http://one.example",
            "--key",
            "bk_1",
            "--json",
        ),
    ):
        assert bionic(*arguments).document == {"items": []}
    assert {str(request.url.copy_with(query=None)) for request in api.asked} == {
        "http://one.example/api/agents"
    }
    assert {request.headers["Authorization"] for request in api.asked} == {"Bearer bk_1"}


def test_options_of_a_group_reach_its_commands(api: FakeApi, bionic: Bionic) -> None:
    api.on("POST /api/hosts/h1/drain", ok({"name": "h1"}))
    assert bionic("hosts", "--json", "drain", "h1").document == {"name": "h1"}
    assert len(api.asked) == 1


def test_the_environment_is_used_unless_something_is_said(
    api: FakeApi, bionic: Bionic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIONIC_API_URL", "http://env.example/base")
    api.on("GET /base/api/agents", ok(EMPTY))
    api.on("GET /api/agents", ok(EMPTY))
    assert bionic("agents").code == 0
    assert bionic("agents", "--api", "http://said.example").code == 0
    assert [request.url.host for request in api.asked] == ["env.example", "said.example"]
    assert {request.headers["Authorization"] for request in api.asked} == {f"Bearer {KEY}"}


def test_the_key_of_the_stack_is_found_from_below(
    api: FakeApi, bionic: Bionic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BIONIC_API_KEY")
    _keep_key(tmp_path)
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    api.on("GET /api/agents", ok(EMPTY), problem(401, "The API key is not valid. Send `Authorization: …`."))
    assert bionic("agents").code == 0
    assert api.asked[0].headers["Authorization"] == "Bearer bk_of_the_folder"
    refused = bionic("agents")
    assert refused.code == 3
    assert refused.err == f"The API key is not valid. The key is the one in {tmp_path}/.bionic/api-key.\n"


def test_without_a_key_nothing_is_sent(api: FakeApi, bionic: Bionic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BIONIC_API_KEY", "")
    ended = bionic("agents")
    assert ended.code == 3
    assert ended.err.startswith("No API key. Set BIONIC_API_KEY, give --key, or run this in the folder")
    assert not api.asked


@pytest.mark.parametrize("key", ["two words", "bk_é", "bk_\x00"])
def test_what_can_be_no_key(bionic: Bionic, key: str) -> None:
    ended = bionic("agents", "--key", key)
    assert ended.code == 3
    assert "that is no key" in ended.err
    assert key not in ended.err


def test_an_empty_key_file_is_named(tmp_path: Path) -> None:
    _keep_key(tmp_path, "\n")
    with pytest.raises(KeyRefused, match=r"\.bionic/api-key, and that is no key"):
        find_access(None, None, tmp_path)


def test_a_key_is_never_shown() -> None:
    assert "bk_" not in repr(Access("http://x", "bk_secret", ""))


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://127.0.0.1:8080", True),
        ("http://localhost", True),
        ("http://[::1]:8080", True),
        ("https://voice.example", False),
        ("http://10.0.0.7", False),
    ],
)
def test_no_proxy_leads_to_this_machine(url: str, local: bool) -> None:
    assert Access(url, None, "").local is local
