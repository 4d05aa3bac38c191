"""What the API says of a database that it does not get at."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine

from api.postgres import Postgres
from common.errors import Unavailable
from db.engine import Database

pytestmark = pytest.mark.integration


async def test_a_pool_in_use_is_told_apart_from_a_postgres_that_is_away(database: Database) -> None:
    engine = create_async_engine(database.engine.url, pool_size=1, max_overflow=0, pool_timeout=0.05)
    postgres = Postgres(Database(engine, database.box, async_sessionmaker(engine)))
    try:
        async with postgres.begin() as holding:
            await holding.execute(text("SELECT 1"))
            with pytest.raises(Unavailable, match="connections to Postgres were in use"):
                async with postgres.begin() as waiting:
                    await waiting.execute(text("SELECT 1"))
        async with postgres.begin() as next_one:
            assert (await next_one.execute(text("SELECT 1"))).scalar_one() == 1
    finally:
        await engine.dispose()
