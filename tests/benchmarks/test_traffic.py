"""What is counted of callers and of histories, and how a killed worker is kept."""

from __future__ import annotations

import asyncio
import math
from typing import Any, cast

import pytest
from livekit import rtc

from benchmarks.bench import Agent, Bench
from benchmarks.callers import Caller
from benchmarks.histories import Histories, of_agents
from benchmarks.processes import grown, mcores
from benchmarks.traffic import Traffic, _call
from tests.support.waiting import eventually

pytestmark = pytest.mark.unit

AGENT = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
PERSON = rtc.ParticipantKind.PARTICIPANT_KIND_STANDARD


class Participant:
    """Somebody in a room."""

    def __init__(self, kind: int) -> None:
        self.kind = kind


class Room:
    """A room in which nothing happens but what a test says."""

    def __init__(self) -> None:
        self.handlers: dict[str, Any] = {}
        self.remote_participants: dict[str, Participant] = {}

    def on(self, event: str, handler: Any) -> None:
        self.handlers[event] = handler

    def say(self, event: str, about: object) -> None:
        self.handlers[event](about)

    async def disconnect(self) -> None:
        self.say("disconnected", "client")


class Rooms:
    """LiveKit's API, which knows no such room."""

    room = property(lambda self: self)

    async def delete_room(self, _: object) -> None:
        return


class Phone:
    """A bench with nothing but LiveKit's API."""

    livekit = Rooms()


def calling() -> tuple[Caller, Room]:
    room = Room()
    return Caller(cast("Bench", Phone()), cast("rtc.Room", room), "room"), room


async def test_a_caller_whom_the_agent_leaves_is_dropped() -> None:
    caller, room = calling()
    room.say("participant_connected", Participant(AGENT))
    assert math.isfinite(await caller.joined(0, 1))
    assert not caller.lost.is_set()
    room.say("participant_disconnected", Participant(AGENT))
    assert caller.lost.is_set()


async def test_another_person_is_no_agent() -> None:
    caller, room = calling()
    room.say("participant_connected", Participant(PERSON))
    assert math.isinf(await caller.joined(0, 0.01))
    room.say("participant_disconnected", Participant(PERSON))
    assert not caller.lost.is_set()


async def test_a_call_that_breaks_is_dropped() -> None:
    caller, room = calling()
    room.say("participant_connected", Participant(AGENT))
    room.say("disconnected", "server")
    assert caller.lost.is_set()


async def test_a_caller_who_hangs_up_is_not_dropped() -> None:
    caller, room = calling()
    room.say("participant_connected", Participant(AGENT))
    await caller.hang_up()
    room.say("participant_disconnected", Participant(AGENT))
    assert not caller.lost.is_set()


async def test_an_agent_who_was_there_first_has_joined() -> None:
    caller, room = calling()
    room.remote_participants["agent"] = Participant(AGENT)
    assert math.isfinite(await caller.joined(0, 0.01))


async def test_traffic_counts_what_became_of_callers() -> None:
    seen = Traffic()

    async def answered(_: float) -> float:
        return 0.3

    async def ignored(_: float) -> float:
        return math.inf

    async def refused(_: float) -> float:
        raise rtc.ConnectError("no room")

    for way in (answered, ignored, refused):
        await _call(seen, way)
    kept, dropped = calling()[0], calling()[0]
    dropped.lost.set()
    seen.live = [kept, dropped]
    assert (seen.dropped, seen.unanswered, len(seen.waits)) == (1, 2, 3)
    assert seen.problems == ["ConnectError: no room"]


def test_histories_grow_by_run() -> None:
    before = Histories({("agent-1", "a"): 10, ("host-h", "x"): 7, ("agent-2", "b"): 5})
    after = Histories({("agent-1", "a"): 14, ("host-h", "x"): 8, ("host-h", "y"): 6, ("agent-2", "b"): 5})
    assert after.grown(before) == {"agent-1": 4, "host-h": 7}


def test_events_belong_to_an_agent_and_its_replicas() -> None:
    events = {"agent-1": 4, "agent-1-v1-r1": 3, "agent-12": 50, "agent-12-v1-r1": 60, "host-h": 7}
    assert of_agents(events, ["1", "12", "3"]) == {"1": 7, "12": 110, "3": 0}


def test_cpu_of_processes_that_ended_is_not_counted_negative() -> None:
    assert grown({1: 5.0, 2: 9.0}, {1: 6.0, 3: 0.5}) == 1.5


async def test_a_busy_process_is_seen_to_be_busy() -> None:
    busy = await asyncio.create_subprocess_exec("sh", "-c", "while :; do :; done")
    try:

        async def seen() -> bool:
            return (await mcores({"busy": busy.pid}, 0.2))["busy"] > 100

        await eventually(seen, "a busy process", seconds=10)
    finally:
        busy.kill()
        await busy.wait()


def test_an_agents_versions_have_names() -> None:
    agent = Agent("id", "order")
    assert agent.names == ("order@v1", "order")
    assert agent.version(3) == "order@v3"
