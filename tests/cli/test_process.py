"""The installed command against the real platform, as a person and as a script use it."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from pathlib import Path

import pytest

from tests.cli.processes import BOUND, NOWHERE, Bionic, end, in_folder, new_slug, prepare, start
from tests.support.platform import Platform, offline_config

pytestmark = pytest.mark.integration


@pytest.fixture
def folder(platform: Platform, tmp_path: Path) -> Path:
    """A folder with a key and two configs."""
    return prepare(platform, tmp_path)


@pytest.fixture
def bionic(platform: Platform, folder: Path) -> Bionic:
    """Runs the command there."""
    return in_folder(platform, folder)


async def test_from_a_file_to_a_running_agent_and_back(bionic: Bionic) -> None:
    slug = new_slug()
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
    slug = new_slug()
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
    slug = new_slug()
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
    slug = new_slug()
    await bionic("create", "Interrupted", "--config", "nowhere.json", "--slug", slug)
    process = await start(platform, folder, "deploy", slug)
    assert process.stdout is not None
    async with asyncio.timeout(BOUND):
        assert (await process.stdout.readline()).startswith(b"Deploying")
    process.send_signal(signal.SIGINT)
    ended = await end(process)
    assert ended.code == 130
    assert "goes on without you" in ended.out
    await platform.reaches(slug, "failed")


async def test_health_needs_no_key(platform: Platform, tmp_path: Path) -> None:
    ended = await end(await start(platform, tmp_path, "health"))
    assert (ended.code, ended.err) == (0, "")
    assert "Everything answers." in ended.out


async def test_a_reader_that_leaves_early_sees_no_traceback(platform: Platform, folder: Path) -> None:
    process = await start(platform, folder, "agents")
    assert process.stdout is not None
    process.stdout._transport.close()  # type: ignore[attr-defined]  # as `| head -0` does
    assert (await end(process)).err == ""
