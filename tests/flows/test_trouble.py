"""What people get wrong, and what goes wrong by itself."""

from __future__ import annotations

import time

import pytest

from tests.support.caller import calling
from tests.support.platform import Json, Platform, offline_config
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration


async def test_a_wrong_livekit_secret_fails_within_seconds_and_retry_works(platform: Platform) -> None:
    stack = platform.stack
    right = {
        "livekitUrl": stack.livekit_url,
        "livekitApiKey": stack.livekit_api_key,
        "livekitApiSecret": stack.livekit_api_secret,
    }
    await platform.call("PUT", "/api/settings", {**right, "livekitApiSecret": "wrong-" * 8})
    try:
        agent = await platform.create("wrong-secret")
        began = time.monotonic()
        await platform.call("POST", f"/api/agents/{agent['id']}/deploy", {}, expect=202)
        failed = await platform.reaches(agent["id"], "failed", seconds=10)
        assert time.monotonic() - began < 10
        assert "refused the API key" in failed["lastError"]
        assert "Settings → LiveKit" in failed["lastError"]
        assert failed["liveVersion"] is None

        await platform.call("PUT", "/api/settings", right)
        retried = await platform.call("POST", f"/api/agents/{agent['id']}/retry", {}, expect=202)
        assert retried["attempt"] == 2
        running = await platform.reaches(agent["id"], "running")
        assert running["lastError"] is None
        assert [t["status"] for t in running["deployment"]["transitions"]] == [
            "validating", "failed", "validating", "starting", "running",
        ]  # fmt: skip
        await platform.stop(agent["id"])
    finally:
        nothing = dict.fromkeys(right)
        await platform.call("PUT", "/api/settings", nothing)


async def test_an_unreachable_livekit_fails_within_seconds(platform: Platform) -> None:
    nowhere = {
        "url": "ws://127.0.0.1:9",
        "apiKey": "key",
        "apiSecret": "secret-of-thirty-two-characters-and-more",
    }
    agent = await platform.create("nowhere", livekitConfig=nowhere)
    began = time.monotonic()
    await platform.call("POST", f"/api/agents/{agent['id']}/deploy", {}, expect=202)
    failed = await platform.reaches(agent["id"], "failed", seconds=15)
    assert time.monotonic() - began < 15
    assert "ws://127.0.0.1:9" in failed["lastError"]
    assert "livekitConfig" in failed["lastError"]


async def test_a_bad_version_leaves_the_old_one_serving(platform: Platform) -> None:
    agent = await platform.deployed("keeps-serving")
    nowhere = {
        "url": "ws://127.0.0.1:9",
        "apiKey": "key",
        "apiSecret": "secret-of-thirty-two-characters-and-more",
    }
    await platform.call(
        "PATCH", f"/api/agents/{agent['id']}", {"config": offline_config(livekitConfig=nowhere)}
    )
    await platform.call("POST", f"/api/agents/{agent['id']}/deploy", {}, expect=202)

    async def told() -> Json | None:
        now = await platform.agent(agent["id"])
        return now if now["lastError"] else None

    now = await eventually(told, "the failure of version 2")
    assert (now["status"], now["liveVersion"]) == ("running", 1)
    token = await platform.token(agent["slug"])
    async with calling(token["url"], token["token"]) as caller:
        await caller.hears("Hello, how can I help?")
    await platform.stop(agent["id"])


@pytest.mark.parametrize(
    ("config", "pointer"),
    [
        ({"stt": {"provider": "offline", "options": {"modle": "x"}}}, "/config/stt/options/modle"),
        ({"llm": {"provider": "parrot", "options": {}}}, "/config/llm/provider"),
        ({"instructions": ""}, "/config/instructions"),
        (
            {"livekitConfig": {"url": "nonsense", "apiKey": "k", "apiSecret": "s"}},
            "/config/livekitConfig/url",
        ),
    ],
)
async def test_an_invalid_config_names_each_field_and_starts_nothing(
    platform: Platform, config: Json, pointer: str
) -> None:
    body = {
        "name": "invalid",
        "slug": f"invalid-{pointer.count('/')}-{len(pointer)}",
        "config": {**offline_config(), **config},
    }
    problem = await platform.call("POST", "/api/agents", body, expect=400)
    assert pointer in [error["pointer"] for error in problem["errors"]]
    assert (await platform.http.get(f"/api/agents/{body['slug']}")).status_code == 404


async def test_a_draft_without_its_secret_is_kept_but_not_deployed(platform: Platform) -> None:
    agent = await platform.create("no-secret", tts={"provider": "openai", "options": {}})
    problem = await platform.call("POST", f"/api/agents/{agent['id']}/deploy", {}, expect=400)
    assert [error["pointer"] for error in problem["errors"]] == ["/config/tts/options/apiKey"]
    after = await platform.agent(agent["id"])
    assert (after["status"], after["deployment"]) == ("draft", None)
