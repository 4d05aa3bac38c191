"""Queries on a real Postgres: what is immutable, what is fenced, what is written once."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from alembic import command
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from common.errors import Conflict, InvalidInput, NotFound
from common.livekit import LiveKitCredentials
from common.settings import Settings
from common.status import CallStatus, Status
from db.credentials import resolve_langfuse, resolve_livekit
from db.engine import Database
from db.migrate import alembic_config
from db.models import AgentRow, ReplicaRow
from db.repositories.agents import AgentRepository, StoredConfig
from db.repositories.calls import CallFilter, CallRepository
from db.repositories.deployments import AgentView, DeploymentRepository, NewTransition, ReplicaState
from db.repositories.joining import Begun, JoinedAgent, JoiningRepository
from db.repositories.pages import Cursor
from db.repositories.placements import PlacementRepository
from db.repositories.recoveries import Loss, RecoveryRepository
from db.repositories.settings import SettingRepository, StoredSettings
from db.repositories.transcripts import TranscriptRepository, Turn

pytestmark = pytest.mark.integration

CONFIG = StoredConfig({"instructions": "Be kind."}, {"/llm/options/apiKey": "secret-of-the-model"})


async def _agent(database: Database) -> AgentRow:
    async with database.begin() as db_session:
        slug = f"a-{uuid.uuid4().hex[:8]}"
        return await AgentRepository(db_session, database.box).create("A", slug, CONFIG)


async def _deployed(database: Database, agent: AgentRow) -> uuid.UUID:
    async with database.begin() as db_session:
        agents = AgentRepository(db_session, database.box)
        locked = await agents.get(str(agent.id), lock=True)
        version = await agents.publish(locked, "tester")
        deployments = DeploymentRepository(db_session)
        row, _ = await deployments.create(locked, uuid.uuid4(), version.number, 1, "tester")
        return row.id


async def test_migrations_make_what_the_models_say(database_url: str) -> None:
    await asyncio.to_thread(command.check, alembic_config(database_url))


async def test_a_version_is_made_once_per_change_and_never_changes(database: Database) -> None:
    agent = await _agent(database)
    async with database.begin() as db_session:
        agents = AgentRepository(db_session, database.box)
        row = await agents.get(agent.slug, lock=True)
        first = await agents.publish(row, "ada", "first")
        assert (await agents.publish(row, "ada")).id == first.id
        agents.write_draft(row, StoredConfig(CONFIG.public, {"/llm/options/apiKey": "another"}))
        second = await agents.publish(row, "ada")
        assert (first.number, second.number) == (1, 2)
        assert agents.version_config(first) == CONFIG
        assert agents.version_config(second).secrets == {"/llm/options/apiKey": "another"}
    with pytest.raises(DBAPIError, match="never changes"):
        async with database.begin() as db_session:
            await db_session.execute(text("UPDATE agent_versions SET note = 'changed'"))


async def test_a_slug_is_taken_once(database: Database) -> None:
    agent = await _agent(database)
    with pytest.raises(Conflict, match="Choose another slug"):
        async with database.begin() as db_session:
            await AgentRepository(db_session, database.box).create("B", agent.slug, CONFIG)


async def test_a_deployed_agent_is_not_deleted(database: Database) -> None:
    agent = await _agent(database)
    await _deployed(database, agent)
    async with database.begin() as db_session:
        agents = AgentRepository(db_session, database.box)
        row = await agents.get(agent.slug)
        with pytest.raises(Conflict, match="Stop it first"):
            await agents.delete(row)
    with pytest.raises(NotFound):
        async with database.begin() as db_session:
            await AgentRepository(db_session, database.box).get("nobody")


async def test_an_agent_whose_old_version_drains_is_not_deleted(database: Database) -> None:
    agent = await _agent(database)
    deployment = await _deployed(database, agent)
    async with database.begin() as db_session:
        row = await AgentRepository(db_session, database.box).get(agent.slug)
        row.status = Status.FAILED
        replica = ReplicaRow(id=f"agent-{agent.id}-v1-r1", agent_id=agent.id, deployment_id=deployment)
        replica.version = replica.number = replica.attempt = 1
        replica.status = Status.DRAINING
        db_session.add(replica)
    async with database.begin() as db_session:
        agents = AgentRepository(db_session, database.box)
        with pytest.raises(Conflict, match="still drains"):
            await agents.delete(await agents.get(agent.slug))


def _step(number: int, status: Status, reason: str | None = None) -> NewTransition:
    return NewTransition(number, datetime.now(UTC), status, "tester", reason, 1)


async def test_transitions_are_written_once_and_late_ones_change_nothing(database: Database) -> None:
    agent = await _agent(database)
    deployment = await _deployed(database, agent)
    steps = [_step(2, Status.STARTING), _step(3, Status.RUNNING)]
    for batch in (steps, steps, [_step(2, Status.FAILED, "late")]):
        async with database.begin() as db_session:
            await DeploymentRepository(db_session).record(deployment, batch)
    async with database.begin() as db_session:
        deployments = DeploymentRepository(db_session)
        story = [t.status for t in await deployments.transitions(deployment)]
        row = await deployments.get(deployment)
    assert story == ["validating", "starting", "running"]
    assert (row.status, row.reason) == ("running", None)


async def test_a_late_view_of_an_agent_changes_nothing(database: Database) -> None:
    agent = await _agent(database)
    deployment = await _deployed(database, agent)
    for sequence, status, live in [(2, Status.RUNNING, 1), (1, Status.STARTING, None)]:
        async with database.begin() as db_session:
            view = AgentView(sequence, status, live, deployment, deployment, None)
            await DeploymentRepository(db_session).show_agent(agent.id, view)
    async with database.begin() as db_session:
        agents = AgentRepository(db_session, database.box)
        shown = await agents.overview(await agents.get(agent.slug))
    assert (shown.agent.status, shown.agent.live_version) == ("running", 1)
    assert (shown.desired, shown.ready) == (1, 0)


async def test_what_is_older_can_not_overwrite_what_is_newer(database: Database) -> None:
    agent = await _agent(database)
    deployment = await _deployed(database, agent)

    def replica(number: int, sequence: int, status: Status) -> ReplicaState:
        return ReplicaState(
            id=f"agent-{agent.id}-v1-r{number}",
            sequence=sequence,
            deployment_id=deployment,
            version=1,
            number=number,
            status=status,
            attempt=1,
            host="h",
            worker_id="AW_1",
            reason=None,
        )

    async def written(*states: ReplicaState) -> list[str]:
        async with database.begin() as db_session:
            await DeploymentRepository(db_session).show_replicas(agent.id, list(states))
            rows = select(ReplicaRow.status).where(ReplicaRow.agent_id == agent.id)
            return list((await db_session.execute(rows.order_by(ReplicaRow.number))).scalars())

    assert await written() == []
    assert await written(replica(1, 3, Status.RUNNING)) == ["running"]
    both = (replica(1, 2, Status.STARTING), replica(2, 4, Status.RUNNING))
    assert await written(*both) == ["running", "running"]
    assert await written(replica(1, 5, Status.DRAINING)) == ["draining", "running"]


async def test_a_turn_is_written_once_and_a_call_ends_once(database: Database) -> None:
    agent = await _agent(database)
    room = f"call-{uuid.uuid4()}"
    async with database.begin() as db_session:
        calls, joining = CallRepository(db_session), JoiningRepository(db_session)
        transcripts = TranscriptRepository(db_session)
        call_id = (await joining.joined(JoinedAgent(uuid.uuid4(), agent.id, 1, room))).call_id
        again = JoinedAgent(uuid.uuid4(), agent.id, 1, room, trace_id="trace")
        assert await joining.joined(again) == Begun(call_id)
        turn = Turn("item_1", "user", "hello", datetime.now(UTC), e2e_latency=0.5)
        await transcripts.add_turns(call_id, 1, [turn])
        await transcripts.add_turns(call_id, 1, [turn, Turn("item_2", "agent", "hi", datetime.now(UTC))])
        assert [t.text for t in await transcripts.turns(call_id)] == ["hello", "hi"]
        assert await calls.end(room, "left")
        assert not await calls.end(room, "again")
        call = await calls.get(call_id)
        await db_session.refresh(call)
    assert (call.status, call.end_reason, call.trace_id) == ("ended", "left", "trace")


async def test_of_two_agents_that_one_dispatch_sent_the_first_speaks(database: Database) -> None:
    agent = await _agent(database)
    call_id = uuid.uuid4()
    first = JoinedAgent(call_id, agent.id, 1, f"call-{call_id}", job_id="AJ_first")
    twin, third = replace(first, job_id="AJ_twin"), replace(first, attempt=2, job_id="AJ_third")
    async with database.begin() as db_session:
        recoveries, joining = RecoveryRepository(db_session), JoiningRepository(db_session)
        stale = [(await joining.joined(each)).stale for each in (first, twin, first)]
        assert stale == [False, True, False]
        call = await recoveries.in_room(first.room)
        assert call is not None
        held = [call.is_held_by_another(each.attempt, each.job_id) for each in (first, twin, third)]
        assert held == [False, True, False], "that the twin is lost is no loss"
        await joining.gone(twin)
        assert (await joining.joined(twin)).stale
        await joining.gone(first)
        stale = [(await joining.joined(each)).stale for each in (twin, first)]
        assert stale == [False, True], "the first has left"
        assert await recoveries.take_over(call_id, Loss(1, "It is gone."), datetime.now(UTC))
        stale = [(await joining.joined(each)).stale for each in (first, third, twin, third)]
        assert stale == [True, False, True, False]
        await CallRepository(db_session).end(first.room, "left")
        assert not (await joining.joined(replace(third, job_id="AJ_fourth"))).stale, "it is over"


async def test_pages_have_every_call_once(database: Database) -> None:
    agent = await _agent(database)
    for _ in range(5):
        async with database.begin() as db_session:
            joined = JoinedAgent(uuid.uuid4(), agent.id, 1, f"call-{uuid.uuid4()}")
            await JoiningRepository(db_session).joined(joined)
    seen, cursor = [], None
    while True:
        async with database.begin() as db_session:
            wanted = CallFilter(agent_id=agent.id, status=CallStatus.ACTIVE)
            page = await CallRepository(db_session).list(wanted, Cursor.decode(cursor), 2)
        seen += [call.id for call, _ in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 5


@pytest.mark.parametrize("bad", ["", "x", "e30=", "WyIyIiwgIjMiXQ=="])
def test_a_strange_cursor_is_refused(bad: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        Cursor.decode(bad)
    assert refused.value.errors[0].pointer == "/cursor"


async def test_settings_are_sealed_and_cleared(database: Database) -> None:
    async with database.begin() as db_session:
        settings = SettingRepository(db_session, database.box)
        await settings.put("livekit_url", "ws://one")
        await settings.put("livekit_api_secret", "secret")
        await settings.put("livekit_api_secret", "other")
        stored = await settings.all()
        assert stored.get("livekit_api_secret") == "other"
        await settings.put("livekit_url", None)
        await settings.put("livekit_api_secret", None)
        assert (await settings.all()).values == {}


async def test_a_placement_stays_when_settings_change(database: Database) -> None:
    agent = await _agent(database)
    deployment = await _deployed(database, agent)
    there = LiveKitCredentials("ws://there", "key", "secret-there", "settings")
    async with database.begin() as db_session:
        placements = PlacementRepository(db_session, database.box)
        with pytest.raises(NotFound, match="never validated"):
            await placements.of(deployment, Settings())
        await placements.place(deployment, there)
        assert await placements.of(deployment, Settings()) == there


def test_credentials_come_from_the_agent_then_the_settings_then_the_environment() -> None:
    environment = Settings(livekit_url="ws://env", livekit_internal_url="ws://inside")
    stored = StoredSettings({"livekit_url": "ws://db", "livekit_api_key": "k", "livekit_api_secret": "s"})
    own = StoredConfig(
        {"livekitConfig": {"url": "ws://own", "apiKey": "ok"}}, {"/livekitConfig/apiSecret": "os"}
    )
    found = [
        resolve_livekit(own, stored, environment),
        resolve_livekit(CONFIG, stored, environment),
        resolve_livekit(None, StoredSettings({}), environment),
    ]
    assert [(c.url, c.source) for c in found] == [
        ("ws://own", "agent"),
        ("ws://db", "settings"),
        ("ws://env", "environment"),
    ]
    assert [c.service_url for c in found] == ["ws://own", "ws://db", "ws://inside"]
    assert found[2].http_url == "http://inside"


def test_langfuse_needs_all_three_parts_from_one_source() -> None:
    environment = Settings(langfuse_host="http://env/", langfuse_public_key="p", langfuse_secret_key="s")
    half = StoredSettings({"langfuse_host": "http://db"})
    found = resolve_langfuse(half, environment)
    assert found is not None
    assert found.host == "http://env"
    assert resolve_langfuse(half, Settings()) is None
