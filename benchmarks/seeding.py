"""Calls as if people had talked for a month, made by Postgres itself.

The platform's own code counts every tenth of them; of the others the rows say that they are counted. Counts
are lower by that, and no fewer: what takes time to read is how many hours, days, versions and buckets there
are, not how much is in them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import asyncpg
from sqlalchemy import func, select

from benchmarks.scale import Tell
from common.keys import make_master_key
from db.engine import Database
from db.models import CallRow
from db.repositories.counting import LOCK, CountingRepository

DAYS = 30
AT_ONCE = 2
"""Connections: one for each core of a small machine."""

_BATCH = 20_000
"""Calls that are written at once."""

_COUNTED = 2000
"""Calls that are counted at once."""

_SECONDS = 600.0

_SETTINGS = (
    "SET synchronous_commit = off",
    "SET session_replication_role = replica",  # no checks of foreign keys
    "SET maintenance_work_mem = '512MB'",
    "SET work_mem = '128MB'",
)

_BEFORE = (
    "ALTER TABLE turns DROP CONSTRAINT uq_turns_call_id_item_id",
    "ALTER TABLE turns DROP CONSTRAINT pk_turns",
    # What is read later is the same; it is written without a log, and its own vacuum is ours to do.
    "ALTER TABLE turns SET UNLOGGED",
    "ALTER TABLE turns SET (autovacuum_enabled = off)",
)

_AFTER = (
    "ALTER TABLE turns ADD CONSTRAINT pk_turns PRIMARY KEY (id)",
    "ALTER TABLE turns ADD CONSTRAINT uq_turns_call_id_item_id UNIQUE (call_id, item_id)",
)

# A few agents have most of the calls. One call in ten is abandoned, one in a hundred failed.
_CALLS = """
INSERT INTO calls (id, agent_id, version, room, status, identity, attributes, attempt, crashes,
                   created_at, caller_joined_at, started_at, ended_at, end_reason, turn_count)
SELECT id, ($1::uuid[])[1 + floor(power(random(), 2) * array_length($1::uuid[], 1))::int], 1 + number % 3,
       'call-' || id, status, 'caller-' || number, '{"customer": "42"}', 1 + (number % 50 = 0)::int, 0,
       at, at + interval '1 s', CASE WHEN status <> 'abandoned' THEN at + interval '1 s' * (1 + random()) END,
       at + interval '1 s' * (30 + 300 * random()), 'hung up', CASE WHEN random() > 0.1 THEN $6::int END
FROM (SELECT gen_random_uuid() AS id, number,
             CASE WHEN number % 10 = 1 THEN 'abandoned' WHEN number % 100 = 2 THEN 'failed' ELSE 'ended' END
                 AS status,
             now() - interval '1 hour' - $2::interval * (1 - number / $3::float8) AS at
      FROM generate_series($4::bigint, $5::bigint) AS number) AS made
RETURNING id
"""

_TURNS = """
INSERT INTO turns (call_id, item_id, role, text, at, interrupted, transcription_delay, end_of_turn_delay,
                   llm_node_ttft, tts_node_ttfb, e2e_latency)
SELECT call_id, 'item_' || number, CASE number % 2 WHEN 1 THEN 'agent' ELSE 'user' END,
       'Where is my order, please? I have been waiting for it since the day before yesterday.', now(), false,
       CASE number % 2 WHEN 0 THEN 0.05 + 0.2 * random() END, CASE number % 2 WHEN 0 THEN 0.3 + random() END,
       CASE number % 2 WHEN 1 THEN 0.2 + random() END, CASE number % 2 WHEN 1 THEN 0.1 + 0.3 * random() END,
       CASE number % 2 WHEN 1 THEN 0.6 + 2 * random() END
FROM unnest($1::uuid[]) AS call_id, generate_series(1, $2::bigint) AS number
"""


async def seed(database_url: str, agents: Sequence[str], calls: int, turns: int, tell: Tell) -> None:
    """Have this many calls of these agents in the database, each with as many turns."""
    lock = await asyncpg.connect(database_url)
    try:
        # Nobody counts calls whose turns are not there yet.
        await lock.execute("SELECT pg_advisory_lock($1)", LOCK)
        await _run(lock, "ALTER SYSTEM SET max_wal_size = '8GB'", "SELECT pg_reload_conf()", *_BEFORE)
        tell(f"{calls} calls with {turns} turns each are written")
        share = -(-calls // AT_ONCE)
        ranges = [(first, min(first + share - 1, calls)) for first in range(1, calls + 1, share)]
        await asyncio.gather(*(_write(database_url, agents, calls, turns, *each) for each in ranges))
        tell("their indexes are made")
        await _run(lock, *_SETTINGS, *_AFTER, "VACUUM ANALYZE turns")
        await lock.execute("SELECT pg_advisory_unlock($1)", LOCK)
        tell("they are counted")
        await _run(lock, "VACUUM ANALYZE calls")
        await _count(database_url)
        await _run(lock, "VACUUM ANALYZE calls", "VACUUM ANALYZE call_counts", "VACUUM ANALYZE call_measures")
        await lock.execute("CHECKPOINT", timeout=_SECONDS)
    finally:
        await lock.close()


async def _run(connection: asyncpg.Connection[asyncpg.Record], *statements: str) -> None:
    for statement in statements:
        await connection.execute(statement, timeout=_SECONDS)


async def _write(
    database_url: str, agents: Sequence[str], calls: int, turns: int, first: int, last: int
) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        await _run(connection, *_SETTINGS)
        for begin in range(first, last + 1, _BATCH):
            end = min(begin + _BATCH - 1, last)
            days = timedelta(days=DAYS)
            rows = await connection.fetch(
                _CALLS, list(agents), days, calls, begin, end, turns, timeout=_SECONDS
            )
            ids = [row["id"] for row in rows]
            await connection.execute(_TURNS, ids, turns, timeout=_SECONDS)
    finally:
        await connection.close()


async def _count(database_url: str) -> None:
    database = Database.connect(database_url, make_master_key())
    try:
        while await _uncounted(database):
            async with database.begin() as db_session:
                await CountingRepository(db_session).count(_COUNTED)
    finally:
        await database.close()


async def _uncounted(database: Database) -> int:
    async with database.begin() as db_session:
        statement = select(func.count()).where(CallRow.turn_count.is_(None))
        return (await db_session.execute(statement)).scalar_one()
