"""A version on trial that callers can't reach, or that is slower, goes by itself and says why."""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import AsyncExitStack

import jwt
import pytest

from activities.trials import ENOUGH_TURNS, LOOK_SECONDS, PATIENCE
from tests.support.caller import Caller, calling
from tests.support.outages import GREETING, is_greeted
from tests.support.platform import ANSWER, ORDER, Json, Platform, offline_config
from tests.support.toxiproxy import Toxiproxy
from tests.support.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.alone]

PERCENT = 50
MANY_TOKENS = 60
"""Half of them are for each version: that there are not two for either is less likely than one in 10^15."""

SOON = PATIENCE.total_seconds() + 2 * LOOK_SECONDS + 3
"""Until a version whose callers find no agent is rolled back: what they wait, a look, and the way back."""

DELAY_SECONDS = 2.0
TALK_SECONDS = 150
"""For ten answers of each version, on a machine that is busy."""


async def _on_trial(platform: Platform, agent: Json, config: Json) -> Json:
    """Deploy `config` as version 2 with a share of the calls; only being worse ends the trial."""
    path = f"/api/agents/{agent['id']}"
    await platform.call("PATCH", path, {"config": config})
    canary = [{"percent": PERCENT, "minutes": 60}]
    deployment: Json = await platform.call("POST", f"{path}/deploy", {"canary": canary}, expect=202)

    async def sharing() -> bool:
        return bool((await platform.agent(agent["id"]))["canary"])

    await eventually(sharing, "a share of the calls")
    return deployment


async def _tokens(platform: Platform, slug: str, each: int) -> dict[str, list[Json]]:
    """Some for each version, as they come."""
    found: dict[str, list[Json]] = {"v1": [], "v2": []}
    for number in range(MANY_TOKENS):
        token = await platform.token(slug, client=f"192.0.2.{number}")
        claims = jwt.decode(token["token"], options={"verify_signature": False})
        name: str = claims["roomConfig"]["agents"][0]["agentName"]
        found[name.rpartition("@")[2]].append(token)
        if all(len(tokens) >= each for tokens in found.values()):
            break
    return {version: tokens[:each] for version, tokens in found.items()}


async def _rolled_back(platform: Platform, agent: Json, deployment: Json, seconds: float) -> str:
    """Why, once it is; the first version has all calls again."""

    async def look() -> Json | None:
        found: Json = await platform.call("GET", f"/api/deployments/{deployment['id']}")
        return found if found["status"] == "failed" else None

    told = await eventually(look, "the version on trial rolled back", seconds=seconds)
    now = await platform.agent(agent["id"])
    assert (now["status"], now["liveVersion"], now["canary"]) == ("running", 1, None)
    return str(told["reason"])


async def test_a_version_whose_callers_find_no_agent_is_rolled_back(
    platform: Platform, toxiproxy: Toxiproxy
) -> None:
    """By the address in its config its host and LiveKit hear nothing of each other: no call is offered."""
    stack = platform.stack
    agent = await platform.deployed("unreachable")
    proxy = await toxiproxy.before("canary", stack.livekit_url.partition("//")[2])
    own = {
        "url": f"ws://{proxy.address}",
        "apiKey": stack.livekit_api_key,
        "apiSecret": stack.livekit_api_secret,
    }
    deployment = await _on_trial(platform, agent, offline_config(livekitConfig=own))
    tokens = await _tokens(platform, agent["slug"], 2)
    await proxy.swallow()
    try:
        async with AsyncExitStack() as calls:
            for token in tokens["v1"]:
                caller = await calls.enter_async_context(calling(stack.livekit_url, token["token"]))
                await caller.hears(GREETING)
            began = time.monotonic()
            for token in tokens["v2"]:
                await calls.enter_async_context(calling(stack.livekit_url, token["token"]))
            reason = await _rolled_back(platform, agent, deployment, seconds=60)
            took = time.monotonic() - began
    finally:
        await proxy.mend()
    assert reason == (
        f"Rolled back from {PERCENT} % of new calls. 2 of 2 calls found no agent (100%); "
        "of the live version 0 of 2 (0%)."
    )
    assert took < SOON
    await is_greeted(platform, agent["slug"])
    await platform.stop(agent["id"])


async def _asks_on(caller: Caller) -> None:
    """One question after the other, for ever."""
    await caller.hears(GREETING)
    while True:
        await caller.asks(ORDER, ANSWER, seconds=30)


async def test_a_version_that_answers_slower_is_rolled_back(platform: Platform) -> None:
    agent = await platform.deployed("slower")
    config = offline_config()
    config["llm"]["options"]["delayMs"] = 1000 * DELAY_SECONDS
    deployment = await _on_trial(platform, agent, config)
    tokens = await _tokens(platform, agent["slug"], 2)
    async with AsyncExitStack() as calls:
        asking: list[asyncio.Task[None]] = []
        for token in [*tokens["v1"], *tokens["v2"]]:
            caller = await calls.enter_async_context(calling(token["url"], token["token"]))
            asking.append(asyncio.create_task(_asks_on(caller)))
        judged = asyncio.create_task(_rolled_back(platform, agent, deployment, seconds=TALK_SECONDS))
        try:
            # All calls go on, those of the version on trial as well: whoever falls silent fails at once.
            await asyncio.wait([judged, *asking], return_when=asyncio.FIRST_COMPLETED)
            for each in asking:
                assert not each.done(), repr(each.exception())
            reason = await judged
        finally:
            judged.cancel()
            for each in asking:
                each.cancel()
            await asyncio.gather(judged, *asking, return_exceptions=True)
    words = (
        rf"Rolled back from {PERCENT} % of new calls\. Its answers take ([\d.]+) s in the median of (\d+); "
    )
    found = re.fullmatch(words + r"those of the live version ([\d.]+) s\.", reason)
    assert found, reason
    slow, turns, quick = map(float, found.groups())
    assert slow > DELAY_SECONDS
    assert quick < slow - DELAY_SECONDS / 2
    assert turns >= ENOUGH_TURNS
    await is_greeted(platform, agent["slug"])
    await platform.stop(agent["id"])
