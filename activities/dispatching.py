"""What LiveKit is told and asked of the agents that are sent to a room."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from livekit import api

from agents.dispatch import Dispatch
from common.livekit_server import if_there


async def send(
    client: api.LiveKitAPI, room: str, agent_name: str, dispatch: Dispatch, agents: Mapping[str, int]
) -> None:
    """Have LiveKit send an agent, unless it was told already, and take those of `agents` out that were sent
    before: they are lost. `agents` are in the room, by identity, with the attempt that sent them.
    """
    known = await client.agent_dispatch.list_dispatch(room)
    before = [each for each in known if not _is(each, dispatch)]
    lost = [each for each, attempt in agents.items() if attempt < dispatch.attempt]
    steps = [_remove(client, room, each) for each in lost]
    if len(before) == len(known):
        steps.append(_create(client, room, agent_name, dispatch))
    await asyncio.gather(*steps)
    # An older dispatch may still find an agent, or one that hangs: LiveKit tells its host to end it.
    await asyncio.gather(*(_withdraw(client, room, each.id) for each in before))


def _is(known: api.AgentDispatch, dispatch: Dispatch) -> bool:
    """Whether LiveKit was told of this dispatch by that one."""
    said = Dispatch.read(known.metadata)
    return said is not None and said.attempt == dispatch.attempt


async def _create(client: api.LiveKitAPI, room: str, agent_name: str, dispatch: Dispatch) -> None:
    request = api.CreateAgentDispatchRequest(agent_name=agent_name, room=room, metadata=dispatch.metadata())
    await client.agent_dispatch.create_dispatch(request)


async def _remove(client: api.LiveKitAPI, room: str, identity: str) -> None:
    """Take somebody out of a room who may have left it already."""
    with if_there():
        await client.room.remove_participant(api.RoomParticipantIdentity(room=room, identity=identity))


async def _withdraw(client: api.LiveKitAPI, room: str, dispatch_id: str) -> None:
    with if_there():
        await client.agent_dispatch.delete_dispatch(dispatch_id, room)
