"""What operators do from a terminal, and scripts for them, against the real platform."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, ScheduleOverlapPolicy

from tests.cli.processes import Bionic, in_folder, new_slug, prepare
from tests.support.hosts import order, own_host
from tests.support.platform import Json, Platform, offline_config
from tests.support.waiting import eventually
from workflows.policy import RECONCILE, agent_workflow_id

pytestmark = pytest.mark.integration


@pytest.fixture
def folder(platform: Platform, tmp_path: Path) -> Path:
    """A folder with a key and two configs."""
    return prepare(platform, tmp_path)


@pytest.fixture
def bionic(platform: Platform, folder: Path) -> Bionic:
    """Runs the command there."""
    return in_folder(platform, folder)


@pytest.fixture
async def host(platform: Platform) -> AsyncIterator[str]:
    """The host of the platform, which takes agents again afterwards."""
    name = await own_host(platform)
    yield name
    await order(platform, name, "uncordon")


async def _document(bionic: Bionic, *arguments: str) -> Any:
    """What a command that succeeds says to scripts."""
    ended = await bionic(*arguments, "--json")
    assert ended.code == 0, ended.err
    return ended.document


async def test_a_version_is_rolled_back_and_history_and_logs_tell_it(bionic: Bionic, folder: Path) -> None:
    slug = new_slug()
    await _document(bionic, "create", "Operated", "--config", "good.json", "--slug", slug)
    first = await _document(bionic, "deploy", slug, "--wait", "--note", "The first one.")
    assert (first["version"], first["status"], first["kind"]) == (1, "running", "deploy")
    (folder / "next.json").write_text(json.dumps(offline_config(greeting="Good evening")))
    await _document(bionic, "config", slug, "--set", "next.json")
    assert (await _document(bionic, "deploy", slug, "--wait"))["version"] == 2
    back = await _document(bionic, "rollback", slug, "--wait", "--note", "It stutters.")
    assert (back["version"], back["status"], back["kind"]) == (1, "running", "rollback")
    assert back["transitions"][0]["reason"] == "It stutters."
    assert (await _document(bionic, "agents", "show", slug))["liveVersion"] == 1

    stopped = await _document(bionic, "stop", slug, "--wait")
    assert (stopped["id"], stopped["status"]) == (back["id"], "stopped")
    history = (await _document(bionic, "history", slug))["items"]
    assert [(each["kind"], each["version"]) for each in history] == [
        ("rollback", 1),
        ("deploy", 2),
        ("deploy", 1),
    ]
    assert history[-1]["transitions"][0]["reason"] == "The first one."

    async def told() -> bool:
        lines = (await _document(bionic, "logs", slug))["items"]
        texts = [line["text"] for line in lines]
        return {"version 2 is running", "version 1 is stopped"} <= set(texts)

    await eventually(told, "the logs to tell of both", seconds=20)


async def test_a_host_is_cordoned_and_not_drained_while_no_other_one_takes_agents(
    bionic: Bionic, host: str
) -> None:
    async def looks(status: str) -> None:
        async def so() -> bool:
            found = (await _document(bionic, "hosts"))["items"]
            return [each["status"] for each in found if each["name"] == host] == [status]

        await eventually(so, f"{host} to be listed as {status}", seconds=20)

    assert (await _document(bionic, "hosts", "cordon", host))["standing"] == "cordoned"
    await looks("cordoned")
    refused = await bionic("hosts", "drain", host, "--json")
    assert refused.code == 1
    error = refused.document["error"]
    assert (error["status"], error["exitCode"]) == (409, 1)
    assert error["detail"] in refused.err
    assert (await _document(bionic, "hosts", "uncordon", host))["standing"] == "open"
    await looks("up")
    assert (await bionic("hosts", "cordon", "no-such-host")).code == 1


async def test_what_the_platform_put_right_is_listed(platform: Platform, bionic: Bionic) -> None:
    agent = await platform.deployed("put-right")
    slug = agent["slug"]
    assert (await _document(bionic, "repairs", "--agent", slug)) == {"items": []}
    temporal = await Client.connect(platform.stack.temporal_address)
    await temporal.get_workflow_handle(agent_workflow_id(agent["id"])).terminate("an accident")
    await temporal.get_schedule_handle(RECONCILE).trigger(overlap=ScheduleOverlapPolicy.BUFFER_ONE)

    async def mended() -> Json | None:
        found: list[Json] = (await _document(bionic, "repairs", "--agent", slug))["items"]
        return found[0] if found else None

    repair = await eventually(mended, "the repair", seconds=60)
    assert (repair["kind"], repair["agentId"]) == ("agent lost", agent["id"])
    assert repair["what"] in (await bionic("repairs", "--agent", slug)).out
    await platform.stop(agent["id"])
