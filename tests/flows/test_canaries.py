"""A version on trial: its share of the calls is real, and when its calls crash it goes by itself."""

from __future__ import annotations

import asyncio

import jwt
import psutil
import pytest

from tests.support.by_name import calling_by_name
from tests.support.caller import calling
from tests.support.jobs import call_processes
from tests.support.outages import GREETING
from tests.support.platform import Json, Platform, offline_config
from tests.support.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.alone]

TOKENS, PERCENT = 200, 20
LEAST, MOST = 18, 62
"""Of 200 tokens at 20 %: four standard deviations either way, one run in ten thousand."""

BY_NAME = 6
"""By lots, all of them would come to the live version once in 64 times."""


def _version(token: Json) -> str:
    claims = jwt.decode(token["token"], options={"verify_signature": False})
    name: str = claims["roomConfig"]["agents"][0]["agentName"]
    return name.rpartition("@")[2]


async def _one_call(platform: Platform) -> list[psutil.Process] | None:
    """The one call's process; of an earlier call another agent may be there, on its way out."""
    processes = await asyncio.to_thread(call_processes, platform.stack)
    return processes if len(processes) == 1 else None


async def test_a_share_of_the_calls_and_the_way_back(platform: Platform) -> None:
    agent = await platform.deployed("canary")
    path = f"/api/agents/{agent['id']}"
    await platform.call("PATCH", path, {"config": offline_config(greeting="The second version.")})
    steps = [{"percent": PERCENT, "minutes": 60}, {"percent": 50, "minutes": 60}]
    deployment = await platform.call("POST", f"{path}/deploy", {"canary": steps}, expect=202)
    assert deployment["canary"] == steps

    async def sharing() -> Json | None:
        now = await platform.agent(agent["id"])
        return now if now["canary"] else None

    now = await eventually(sharing, "a share of the calls")
    assert (now["status"], now["liveVersion"]) == ("running", 1)
    assert now["canary"] == {"version": 2, "percent": PERCENT, "deploymentId": deployment["id"]}

    tokens = [await platform.token(agent["slug"], client=f"192.0.2.{n}") for n in range(TOKENS)]
    trial = [token for token in tokens if _version(token) == "v2"]
    assert LEAST <= len(trial) <= MOST
    assert {_version(token) for token in tokens} == {"v1", "v2"}

    for token in trial[:2]:
        async with calling(token["url"], token["token"]) as caller:
            await caller.hears("The second version.")
            (process,) = await eventually(lambda: _one_call(platform), "this call alone")
            process.kill()

            async def lost(call: str = token["callId"]) -> Json | None:
                found: Json = await platform.call("GET", f"/api/calls/{call}")
                return next((each for each in found["events"] if each["event"] == "lost"), None)

            event = await eventually(lost, "the loss of the agent told")
            said = {"reason": "The agent's process crashed.", "attempt": 1, "crashed": True}
            assert event["data"] == said | {"cause": "crashed"}
            await caller.hears("Sorry, I was gone for a moment.")

    async def rolled_back() -> Json | None:
        found: Json = await platform.call("GET", f"/api/deployments/{deployment['id']}")
        return found if found["status"] == "failed" else None

    told = await eventually(rolled_back, "the version on trial rolled back")
    assert told["reason"].startswith("Rolled back from 20 % of new calls. 2 of 2 calls crashed (100%)")
    after = await platform.agent(agent["id"])
    assert (after["status"], after["liveVersion"], after["canary"]) == ("running", 1, None)
    assert {_version(await platform.token(agent["slug"])) for _ in range(20)} == {"v1"}
    await platform.stop(agent["id"])


async def test_who_calls_by_the_plain_name_has_the_live_version_and_a_rollback_ends_the_trial(
    platform: Platform,
) -> None:
    agent = await platform.deployed("canary-back")
    path = f"/api/agents/{agent['id']}"
    await platform.call("PATCH", path, {"config": offline_config(greeting="The second version.")})
    steps = [{"percent": 50, "minutes": 60}]
    trial = await platform.call("POST", f"{path}/deploy", {"canary": steps}, expect=202)

    async def sharing() -> bool:
        return bool((await platform.agent(agent["id"]))["canary"])

    await eventually(sharing, "a share of the calls")
    for _ in range(BY_NAME):
        async with calling_by_name(platform, agent["slug"]) as caller:
            await caller.hears(GREETING)
    back = await platform.call("POST", f"{path}/rollback", {}, expect=202)
    assert (back["version"], back["kind"]) == (1, "rollback")

    async def over() -> Json | None:
        found: Json = await platform.call("GET", f"/api/deployments/{trial['id']}")
        return found if found["status"] == "stopped" else None

    await eventually(over, "the trial superseded")
    now = await platform.reaches(agent["id"], "running")
    assert (now["liveVersion"], now["canary"]) == (1, None)
    await platform.stop(agent["id"])


@pytest.mark.parametrize(
    ("canary", "pointer"),
    [
        ([], "/canary"),
        ([{"percent": 0, "minutes": 5}], "/canary/0/percent"),
        ([{"percent": 100, "minutes": 5}], "/canary/0/percent"),
        ([{"percent": 5, "minutes": 0}], "/canary/0/minutes"),
        ([{"percent": 5}], "/canary/0/minutes"),
        ([{"percent": 50, "minutes": 5}, {"percent": 50, "minutes": 5}], "/canary"),
        ([{"percent": 5, "minutes": 5, "hours": 1}], "/canary/0/hours"),
        ("half", "/canary"),
    ],
)
async def test_steps_that_make_no_sense_are_refused(platform: Platform, canary: object, pointer: str) -> None:
    problem = await platform.call("POST", "/api/agents/nobody/deploy", {"canary": canary}, expect=400)
    assert pointer in [error["pointer"] for error in problem["errors"]]
