"""A database of an earlier version becomes one of today, with what is in it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from alembic import command
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from db.engine import async_url
from db.migrate import alembic_config, upgrade

pytestmark = pytest.mark.integration


@asynccontextmanager
async def _older(database_url: str, revision: str) -> AsyncIterator[str]:
    """The URL of a database of that time."""
    name = f"older_{revision}"
    engine = create_async_engine(async_url(database_url), isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(f"CREATE DATABASE {name}"))
    older = make_url(database_url).set(database=name).render_as_string(hide_password=False)
    await asyncio.to_thread(command.upgrade, alembic_config(older), revision)
    try:
        yield older
    finally:
        async with engine.connect() as connection:
            await connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        await engine.dispose()


@asynccontextmanager
async def _open(database_url: str) -> AsyncIterator[AsyncConnection]:
    engine = create_async_engine(async_url(database_url))
    async with engine.begin() as connection:
        yield connection
    await engine.dispose()


async def _add(connection: AsyncConnection, table: str, **values: Any) -> None:
    columns, names = ", ".join(values), ", ".join(f":{name}" for name in values)
    await connection.execute(text(f"INSERT INTO {table} ({columns}) VALUES ({names})"), values)


async def _add_agent(connection: AsyncConnection) -> uuid.UUID:
    agent = uuid.uuid4()
    await connection.execute(
        text("INSERT INTO agents (id, slug, name, draft) VALUES (:id, 'old', 'Old', '{}')"), {"id": agent}
    )
    return agent


async def test_deployments_from_before_are_no_rollbacks(database_url: str) -> None:
    async with _older(database_url, "0001") as older:
        async with _open(older) as connection:
            deployment = {"version": 1, "replicas": 1, "status": "running", "actor": "tester"}
            agent = await _add_agent(connection)
            await _add(connection, "deployments", id=uuid.uuid4(), agent_id=agent, **deployment)
        await asyncio.to_thread(upgrade, older)
        async with _open(older) as connection:
            kinds = (await connection.execute(text("SELECT kind FROM deployments"))).scalars().all()
        assert kinds == ["deploy"]
        await asyncio.to_thread(command.downgrade, alembic_config(older), "0001")
        await asyncio.to_thread(upgrade, older)


async def test_turns_from_before_are_of_the_agent_that_was_there(database_url: str) -> None:
    said = {"first-1": 1, "cut-1-agent": 2, "second-1": 5, "cut-2-user": 6, "third-1": 9}
    async with _older(database_url, "0016") as older:
        async with _open(older) as connection:
            agent, call, other = await _add_agent(connection), uuid.uuid4(), uuid.uuid4()
            for each, attempts in ((call, 3), (other, 1)):
                await _add(
                    connection,
                    "calls",
                    id=each,
                    agent_id=agent,
                    room=str(each),
                    status="ended",
                    attempt=attempts,
                )
            for attempt, minute in ((2, 3), (3, 7)):
                await connection.execute(
                    text(
                        "INSERT INTO call_events (call_id, attempt, number, kind, data, at) "
                        "VALUES (:call, :attempt, 0, 'lost', '{}', now() + :minute * interval '1 min')"
                    ),
                    {"call": call, "attempt": attempt, "minute": minute},
                )
            for each in (call, other):
                for item_id, minute in said.items():
                    await connection.execute(
                        text(
                            "INSERT INTO turns (call_id, item_id, role, text, interrupted, at) "
                            "VALUES (:call, :item, 'user', '', false, now() + :minute * interval '1 min')"
                        ),
                        {"call": each, "item": item_id, "minute": minute},
                    )
        await asyncio.to_thread(upgrade, older)
        async with _open(older) as connection:
            found = await connection.execute(
                text("SELECT call_id = :call, item_id, attempt FROM turns"), {"call": call}
            )
            attempts_of = {(mine, item_id): attempt for mine, item_id, attempt in found}
    assert [attempts_of[True, item_id] for item_id in said] == [1, 1, 2, 2, 3]
    assert {attempts_of[False, item_id] for item_id in said} == {1}
