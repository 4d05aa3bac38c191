"""What crashes again and again ends as failed with its reason, and its neighbours notice nothing."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from db.engine import async_url
from tests.support.platform import Platform

pytestmark = [pytest.mark.integration, pytest.mark.alone]


async def _damage(platform: Platform, deployment_id: str) -> None:
    """What is noted of the deployment's server makes no sense any more."""
    engine = create_async_engine(async_url(platform.stack.database_url))
    async with engine.begin() as connection:
        damaged = text("UPDATE deployments SET livekit = CAST(:it AS jsonb) WHERE id = CAST(:id AS uuid)")
        await connection.execute(damaged, {"it": json.dumps({"source": "nowhere"}), "id": deployment_id})
    await engine.dispose()


async def test_a_crash_loop_ends_in_failed_and_retry_cures_it(platform: Platform) -> None:
    neighbour = await platform.deployed("neighbour")
    agent = await platform.deployed("crashing")
    await _damage(platform, agent["deployment"]["id"])
    await platform.stack.restart("runtime")

    failed = await platform.reaches(agent["id"], "failed", seconds=40)
    assert failed["lastError"] == "Crash loop: 5 attempts within 10 minutes. The last one: KeyError: 'url'"
    story = failed["deployment"]["transitions"]
    assert any(each["reason"] == "Crash 4 of 5, tried again: KeyError: 'url'" for each in story)
    assert failed["deployment"]["attempt"] >= 5
    assert (await platform.agent(neighbour["id"]))["status"] == "running"

    await platform.call("POST", f"/api/agents/{agent['id']}/retry", {}, expect=202)
    await platform.reaches(agent["id"], "running")
    for each in (agent, neighbour):
        await platform.stop(each["id"])
