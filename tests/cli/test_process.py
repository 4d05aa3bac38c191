"""The installed command against the real platform, as a person and as a script use it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stack.keys import API_KEY_FILE
from tests.support.platform import Platform, offline_config

pytestmark = pytest.mark.integration

NOWHERE = {
    "url": "ws://127.0.0.1:9",
    "apiKey": "key",
    "apiSecret": "secret-of-thirty-two-characters-and-more",
}
_BOUND = 60.0


@dataclass(frozen=True)
class Ended:
    """How the process ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


async def _start(platform: Platform, folder: Path, *arguments: str) -> asyncio.subprocess.Process:
    others = {name: value for name, value in os.environ.items() if not name.startswith("BIONIC_")}
    return await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("bionic"),
        *arguments,
        cwd=folder,
        env=others | {"BIONIC_API_URL": platform.stack.api_url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def _end(process: asyncio.subprocess.Process) -> Ended:
    async with asyncio.timeout(_BOUND):
        out, err = await process.communicate()
    assert process.returncode is not None
    assert b"Traceback" not in err
    return Ended(process.returncode, out.decode(), err.decode())


Bionic = Callable[..., Awaitable[Ended]]


@pytest.fixture
def folder(platform: Platform, tmp_path: Path) -> Path:
    """A folder with a key and two configs: one that works, and one whose LiveKit is not there."""
    (tmp_path / ".bionic").mkdir()
    (tmp_path / ".bionic" / API_KEY_FILE).write_text(platform.stack.api_key + "\n")
    (tmp_path / "good.json").write_text(json.dumps(offline_config()))
    (tmp_path / "nowhere.json").write_text(json.dumps(offline_config(livekitConfig=NOWHERE)))
    return tmp_path


@pytest.fixture
def bionic(platform: Platform, folder: Path) -> Bionic:
    """Runs the command there."""

    async def command(*arguments: str) -> Ended:
        return await _end(await _start(platform, folder, *arguments))

    return command


def _slug() -> str:
    return f"cli-{uuid.uuid4().hex[:8]}"


async def test_from_a_file_to_a_running_agent_and_back(bionic: Bionic) -> None:
    slug = _slug()
    created = await bionic("create", "Command line", "--config", "good.json", "--slug", slug)
    assert created.out == f"{slug} is a draft.\n  Bring it up: bionic deploy {slug}\n"

    deployed = await bionic("deploy", slug, "--replicas", "2")
    assert deployed.code == 0, deployed.err
    assert f"Deploying {slug}: version 1, 2 replicas" in deployed.out
    assert "takes calls" in deployed.out
    assert f"{slug} version 1 is running after" in deployed.out

    listed = (await bionic("agents", "--json")).document["items"]
    (agent,) = (each for each in listed if each["slug"] == slug)
    assert (agent["status"], agent["liveVersion"]) == ("running", 1)
    assert agent["replicas"] == {"desired": 2, "ready": 2}
    table = (await bionic("agents")).out
    assert re.search(rf"{slug} +Command line +running", table), table

    stopped = await bionic("stop", slug, "--json")
    assert stopped.code == 0, stopped.err
    assert stopped.document["status"] == "stopped"
    story = [each["status"] for each in stopped.document["transitions"]]
    assert story == ["validating", "starting", "running", "draining", "stopped"]
    assert "stopped" in stopped.err

    history = await bionic("history", slug)
    assert "version 1  stopped  2 replicas" in history.out
    shown = await bionic("deployments", "show", stopped.document["id"], "--json")
    assert shown.document == stopped.document


async def test_a_deployment_that_fails_says_why_and_ends_with_1(bionic: Bionic) -> None:
    slug = _slug()
    assert (await bionic("create", "Nowhere", "--config", "nowhere.json", "--slug", slug)).code == 0

    failed = await bionic("deploy", slug)
    assert failed.code == 1
    assert f"{slug} version 1 failed: LiveKit at ws://127.0.0.1:9" in failed.err
    assert "livekitConfig" in failed.err
    assert "Temporal: http://" in failed.out

    again = await bionic("retry", slug, "--json")
    assert again.code == 1
    assert again.document["status"] == "failed"
    assert again.document["attempt"] == 2
    assert again.err.count("validating") == 1

    assert (await bionic("config", slug, "--set", "good.json")).code == 0
    deployed = await bionic("deploy", slug, "--json")
    assert (deployed.code, deployed.document["version"]) == (0, 2)
    assert (await bionic("stop", slug, "--now")).code == 0


async def test_secrets_sent_back_as_shown_are_kept(bionic: Bionic, folder: Path) -> None:
    slug = _slug()
    await bionic("create", "Secretive", "--config", "nowhere.json", "--slug", slug)
    shown = await bionic("config", slug)
    assert NOWHERE["apiSecret"] not in shown.out
    (folder / "shown.json").write_text(shown.out)
    assert (await bionic("config", slug, "--set", "shown.json")).code == 0
    assert (await bionic("config", slug)).document == shown.document


async def test_wrong_fields_wrong_keys_and_wrong_places(bionic: Bionic, folder: Path) -> None:
    (folder / "bad.json").write_text(json.dumps(offline_config(instructions="", tts={"provider": "parrot"})))
    refused = await bionic("create", "Bad", "--config", "bad.json")
    assert refused.code == 1
    assert {"/config/instructions", "/config/tts/provider"} <= {
        each.split()[0] for each in refused.err.splitlines()[1:]
    }
    assert (await bionic("agents", "show", "nobody-has-this")).code == 1
    assert (await bionic("agents", "--key", "bk_wrong")).code == 3
    assert (await bionic("agents", "--api", "http://127.0.0.1:9")).code == 3
    assert (await bionic("deploy")).code == 2


async def test_ctrl_c_leaves_the_deployment_alone(platform: Platform, bionic: Bionic, folder: Path) -> None:
    slug = _slug()
    await bionic("create", "Interrupted", "--config", "nowhere.json", "--slug", slug)
    process = await _start(platform, folder, "deploy", slug)
    assert process.stdout is not None
    async with asyncio.timeout(_BOUND):
        assert (await process.stdout.readline()).startswith(b"Deploying")
    process.send_signal(signal.SIGINT)
    ended = await _end(process)
    assert ended.code == 130
    assert "goes on without you" in ended.out
    await platform.reaches(slug, "failed")


async def test_health_needs_no_key(platform: Platform, tmp_path: Path) -> None:
    ended = await _end(await _start(platform, tmp_path, "health"))
    assert (ended.code, ended.err) == (0, "")
    assert "Everything answers." in ended.out


async def test_a_reader_that_leaves_early_sees_no_traceback(platform: Platform, folder: Path) -> None:
    process = await _start(platform, folder, "agents")
    assert process.stdout is not None
    process.stdout._transport.close()  # type: ignore[attr-defined]  # as `| head -0` does
    assert (await _end(process)).err == ""
