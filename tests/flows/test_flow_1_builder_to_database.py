"""Flow 1: the builder stores agents and global settings in `liveagents`, secrets sealed."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from db.engine import async_url
from tests.support.platform import Platform

pytestmark = pytest.mark.integration

SECRET = "canary-of-flow-one-0123456789abcdef"
LIVEKIT = {"url": "ws://127.0.0.1:1", "apiKey": "own-key", "apiSecret": SECRET}


async def test_agents_and_settings_are_stored_and_secrets_sealed(platform: Platform) -> None:
    agent = await platform.create("flow1", livekitConfig=LIVEKIT)
    await platform.call(
        "PUT",
        "/api/settings",
        {
            "langfuseHost": "http://127.0.0.1:1",
            "langfusePublicKey": "pk-flow1",
            "langfuseSecretKey": SECRET,
        },
    )
    try:
        settings = await platform.call("GET", "/api/settings")
        assert settings["langfusePublicKey"] == "pk-flow1"
        assert settings["langfuseSecretKey"] == {"set": True, "hint": "…cdef"}
        shown = await platform.agent(agent["slug"])
        assert shown["config"]["livekitConfig"]["apiSecret"] == {"set": True, "hint": "…cdef"}
        assert SECRET not in str(settings) + str(shown)

        engine = create_async_engine(async_url(platform.stack.database_url))
        async with engine.connect() as connection:
            row = (
                await connection.execute(
                    text("SELECT draft::text, draft_secrets FROM agents WHERE slug = :slug"),
                    {"slug": agent["slug"]},
                )
            ).one()
            stored = (
                await connection.execute(
                    text("SELECT value, sealed FROM settings WHERE key = 'langfuse_secret_key'")
                )
            ).one()
            tables = set((await connection.execute(text("SELECT tablename FROM pg_tables"))).scalars())
            name = (await connection.execute(text("SELECT current_database()"))).scalar_one()
        await engine.dispose()
        assert name == "liveagents"
        assert {"agents", "agent_versions", "deployments", "replicas", "calls", "turns"} <= tables
        assert "own-key" in row[0]
        assert SECRET not in row[0]
        assert SECRET.encode() not in row[1]
        assert stored[0] is None
        assert SECRET.encode() not in stored[1]
    finally:
        await platform.call(
            "PUT",
            "/api/settings",
            {"langfuseHost": None, "langfusePublicKey": None, "langfuseSecretKey": None},
        )
