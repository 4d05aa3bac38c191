"""What is old goes, and what was to be kept stays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from api.services import retention
from api.services.retention import Retention
from common.settings import Settings
from db.models import CallEventRow, CallRow, LiveKitEventRow, TurnRow
from db.repositories import belongings
from db.repositories.calls import CallRepository
from db.repositories.counting import CountingRepository
from db.repositories.joining import JoinedAgent, JoiningRepository
from db.repositories.transcripts import CallEvent, Draft, TranscriptRepository, Turn
from tests.api.conftest import Client, make_settings, platform_of
from tests.api.helpers import call_of, make_call, make_live, unique

pytestmark = pytest.mark.integration

NOW = datetime.now(UTC)


async def make_talk(client: Client, agent: dict[str, Any], age: timedelta, *, over: bool = True) -> UUID:
    """A call with a turn, an event and a draft that was made so long ago; it is counted where it is over."""
    token = await make_call(client, agent)
    call_id = UUID(token["callId"])
    async with platform_of(client).calls.postgres.begin() as db_session:
        await JoiningRepository(db_session).joined(
            JoinedAgent(call_id, UUID(agent["id"]), 1, token["room"], trace_id=f"trace-{call_id.hex}")
        )
        transcripts = TranscriptRepository(db_session)
        await transcripts.add_turns(call_id, 1, [Turn("1", "user", "My name is Ada", NOW)])
        await transcripts.add_events(call_id, 1, [CallEvent(1, "tool", NOW, {"name": "Ada"})])
        await transcripts.put_drafts(call_id, 1, [Draft("user", "I live in", NOW)])
        if over:
            await CallRepository(db_session).end(token["room"], "hung up")
        at = NOW - age
        times = {"created_at": at, "started_at": at} | ({"ended_at": at} if over else {})
        await db_session.execute(update(CallRow).where(CallRow.id == call_id).values(**times))
    async with platform_of(client).calls.postgres.begin() as db_session:
        await CountingRepository(db_session).count_now(CallRow.id == call_id)
    return call_id


async def left(client: Client, call_id: UUID) -> tuple[bool, int, int]:
    """Whether the call is there, and how many turns and events."""
    async with platform_of(client).calls.postgres.begin() as db_session:
        there = await db_session.get(CallRow, call_id)
        counts = [
            (await db_session.execute(select(func.count()).where(table.call_id == call_id))).scalar_one()
            for table in (TurnRow, CallEventRow)
        ]
    return there is not None, counts[0], counts[1]


def _retention(client: Client, settings: Settings, **days: int) -> Retention:
    return Retention(platform_of(client).calls.postgres, make_settings(settings.database_url, **days))


async def test_each_agent_has_its_own_days(client: Client, settings: Settings) -> None:
    keeps = await make_live(client)
    short = await make_live(client, retention={"transcriptDays": 5, "callDays": 20})
    old = timedelta(days=10)
    kept, young = await make_talk(client, keeps, old), await make_talk(client, short, timedelta(days=4))
    emptied, gone = await make_talk(client, short, old), await make_talk(client, short, timedelta(days=21))
    going = await make_talk(client, short, timedelta(days=30), over=False)
    await _retention(client, settings).sweep()
    found = [await left(client, call_id) for call_id in (kept, young, emptied, gone, going)]
    assert found == [(True, 1, 1), (True, 1, 1), (True, 0, 0), (False, 0, 0), (True, 1, 1)]
    assert (await call_of(client, str(emptied)))["turnCount"] == 1
    assert await _retention(client, settings).sweep() == 0


async def test_what_an_agent_does_not_say_is_as_the_settings_say(client: Client, settings: Settings) -> None:
    agent, keeps = await make_live(client), await make_live(client, retention={"callDays": 36_500})
    calls = [await make_talk(client, each, timedelta(days=4000)) for each in (agent, keeps)]
    await _retention(client, settings, bionic_call_days=3000).sweep()
    assert [(await left(client, call_id))[0] for call_id in calls] == [False, True]


async def test_figures_stay(client: Client, settings: Settings) -> None:
    agent = await make_live(client, retention={"callDays": 5})
    await make_talk(client, agent, timedelta(days=6))
    params = {"from": (NOW - timedelta(days=7)).isoformat()}
    before = (await client.get(f"/api/stats/agents/{agent['id']}", params=params)).json()
    await _retention(client, settings).sweep()
    after = (await client.get(f"/api/stats/agents/{agent['id']}", params=params)).json()
    assert after["calls"] == 1
    assert {**after, "to": None} == {**before, "to": None}


async def test_what_is_said_too_late_is_not_kept(client: Client, settings: Settings) -> None:
    agent = await make_live(client, retention={"transcriptDays": 5})
    call_id = await make_talk(client, agent, timedelta(days=6))
    await _retention(client, settings).sweep()
    async with platform_of(client).calls.postgres.begin() as db_session:
        transcripts = TranscriptRepository(db_session)
        await transcripts.add_turns(call_id, 1, [Turn("2", "user", "late", NOW)])
        await transcripts.add_events(call_id, 1, [CallEvent(2, "tool", NOW)])
        await transcripts.put_drafts(call_id, 1, [Draft("user", "late", NOW)])
        await transcripts.keep_drafts(call_id)
    assert await left(client, call_id) == (True, 0, 0)


@dataclass
class Tapes:
    """Stands in for stored recordings."""

    calls: set[UUID]
    name: str = "recordings"
    erased: list[UUID] = field(default_factory=list)
    failure: Exception | None = None

    async def old(
        self, db_session: AsyncSession, agent_id: UUID, before: datetime, limit: int
    ) -> Sequence[UUID]:
        """Those that are there."""
        statement = select(CallRow.id).where(CallRow.agent_id == agent_id, CallRow.created_at < before)
        found = (await db_session.execute(statement.where(CallRow.id.in_(self.calls)))).scalars().all()
        return found[:limit]

    async def erase(self, db_session: AsyncSession, call_ids: Sequence[UUID]) -> int:
        """Note them as erased."""
        if self.failure:
            raise self.failure
        mine = self.calls.intersection(call_ids)
        self.calls -= mine
        self.erased += mine
        return len(mine)


async def test_recordings_go_by_days_of_their_own(
    client: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = await make_live(client, retention={"recordingDays": 2})
    old, young = [await make_talk(client, agent, timedelta(days=days)) for days in (3, 1)]
    tapes = Tapes({old, young})
    monkeypatch.setattr(belongings, "RECORDINGS", (tapes,))
    await _retention(client, settings).sweep()
    assert tapes.erased == [old]
    assert await left(client, old) == (True, 1, 1)


async def test_what_livekit_told_of_rooms_that_are_not_ours_goes(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "_AT_ONCE", 3)
    agent = await make_live(client)
    ours = await make_call(client, agent)
    postgres = platform_of(client).calls.postgres
    strange = retention.StrangeRooms(postgres)

    async def tell(event_id: str, room: str | None, age: timedelta) -> None:
        async with postgres.begin() as db_session:
            await CallRepository(db_session).take_event(event_id, "room_started", room)
            statement = update(LiveKitEventRow).where(LiveKitEventRow.id == event_id)
            await db_session.execute(statement.values(created_at=func.now() - age))

    async def kept(*event_ids: str) -> set[str]:
        async with postgres.begin() as db_session:
            statement = select(LiveKitEventRow.id).where(LiveKitEventRow.id.in_(event_ids))
            return set((await db_session.execute(statement)).scalars())

    old = {f"EV_{unique()}": room for room in [ours["room"], "theirs", None] * 4}
    for number, (event_id, room) in enumerate(old.items()):
        await tell(event_id, room, timedelta(days=9, seconds=-number))
    await tell(young := f"EV_{unique()}", "theirs", timedelta(minutes=55))
    await strange.sweep()
    mine = {event_id for event_id, room in old.items() if room == ours["room"]}
    assert await kept(*old, young) == mine | {young}
    await tell(young, "theirs", timedelta(minutes=65))
    assert await strange.sweep() == 1
    assert await kept(*old, young) == mine
