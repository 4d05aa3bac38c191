"""When a version on trial is worse than the live one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import update
from temporalio.testing import ActivityEnvironment

from activities.trials import TrialActivities, breach
from common.status import CallStatus
from db.engine import Database
from db.models import CallRow
from db.repositories.agents import AgentRepository, StoredConfig
from db.repositories.calls import CallRepository
from db.repositories.transcripts import TranscriptRepository, Turn
from db.repositories.trials import TrialFigures
from workflows.canary_types import TrialInput

GOOD = TrialFigures(calls=100, turns=300, latency=1.0)


@pytest.mark.unit
@pytest.mark.parametrize(
    ("trial", "live", "words"),
    [
        (GOOD, GOOD, None),
        (TrialFigures(), TrialFigures(), None),
        (TrialFigures(calls=1, crashed=1), GOOD, None),
        (TrialFigures(calls=4, crashed=2), GOOD, "2 of 4 calls crashed (50%); of the live version 0 of 100"),
        (TrialFigures(calls=9, unanswered=3), GOOD, "3 of 9 calls found no agent (33%)"),
        (TrialFigures(calls=100, crashed=4), GOOD, None),
        (TrialFigures(calls=10, crashed=5), TrialFigures(calls=100, crashed=50), None),
        (TrialFigures(calls=9, turns=9, latency=9.0), GOOD, None),
        (TrialFigures(calls=9, turns=20, latency=1.4), GOOD, None),
        (TrialFigures(calls=9, turns=20, latency=1.6), GOOD, "Its answers take 1.60 s in the median of 20"),
    ],
)  # fmt: skip
def test_what_is_a_breach(trial: TrialFigures, live: TrialFigures, words: str | None) -> None:
    found = breach(trial, live)
    assert (found is None) if words is None else (found is not None and words in found)


async def _call(database: Database, agent_id: object, version: int, **values: object) -> None:
    """A call whose caller came an hour ago, and what else became of it."""
    room = f"call-{uuid4()}"
    came = {"caller_joined_at": datetime.now(UTC) - timedelta(minutes=50)}
    async with database.begin() as db_session:
        calls, call_id = CallRepository(db_session), uuid4()
        await calls.create(call_id, agent_id, version, room=room, identity="c", attributes={})  # type: ignore[arg-type]
        if latency := values.pop("latency", None):
            turns = [
                Turn(f"t{n}", "agent", "Yes.", datetime.now(UTC), e2e_latency=latency)  # type: ignore[arg-type]
                for n in range(5)
            ]
            await TranscriptRepository(db_session).add_turns(call_id, 1, turns)
        await db_session.execute(update(CallRow).where(CallRow.id == call_id).values(came | values))


@pytest.mark.integration
async def test_the_verdict_is_read_from_postgres(database: Database) -> None:
    async with database.begin() as db_session:
        config = StoredConfig({"instructions": "Be kind."}, {})
        agent = await AgentRepository(db_session, database.box).create("A", f"a-{uuid4().hex[:8]}", config)
    started = {"started_at": datetime.now(UTC) - timedelta(minutes=50)}
    for _ in range(3):
        await _call(database, agent.id, 1, **started, latency=0.5)
        await _call(database, agent.id, 2, **started, latency=0.55)
    await _call(database, agent.id, 2, caller_joined_at=None)  # nobody came: it counts for nothing
    await _call(database, agent.id, 2, caller_joined_at=datetime.now(UTC))  # an agent is on its way
    now = datetime.now(UTC)
    trial = TrialInput(str(agent.id), 2, 1, now - timedelta(hours=1), now)
    judge = TrialActivities(database).judge_canary
    assert (await ActivityEnvironment().run(judge, trial)).breach is None

    await _call(database, agent.id, 2)
    await _call(database, agent.id, 2, **started, status=CallStatus.FAILED)
    assert (await ActivityEnvironment().run(judge, trial)).breach is None, "one of each may be an accident"
    await _call(database, agent.id, 2)
    longer = TrialInput(str(agent.id), 2, 1, trial.since, now + timedelta(hours=1))
    found = await ActivityEnvironment().run(judge, longer)
    assert found.breach == "2 of 7 calls found no agent (29%); of the live version 0 of 3 (0%)."
