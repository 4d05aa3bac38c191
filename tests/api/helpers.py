"""Agents, calls and webhooks for tests."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from common.status import Status
from db.credentials import resolve_livekit
from db.models import AgentRow, ReplicaRow
from db.repositories.agents import AgentRepository
from db.repositories.deployments import AgentView, DeploymentRepository, NewTransition
from db.repositories.hosts import HostFigures, HostRepository
from db.repositories.placements import PlacementRepository
from db.repositories.settings import SettingRepository
from tests.api.conftest import LIVEKIT_KEY, LIVEKIT_SECRET, Client, FakeWorkflows, platform_of
from tests.support import livekit_hooks
from workflows.types import DeployRequest

CONFIG: dict[str, Any] = {"instructions": "Be brief.", "greeting": "Hello"}
OWN_LIVEKIT = {
    "url": "wss://own.example",
    "apiKey": "own-key",
    "apiSecret": "own-secret-own-secret-own-secret-own",
}
HOOK = livekit_hooks.HOOK


def unique(prefix: str = "agent") -> str:
    """A name that no other test has."""
    return f"{prefix}-{uuid4().hex[:8]}"


async def make_agent(client: Client, **config: Any) -> dict[str, Any]:
    """A new agent, as the API shows it."""
    response = await client.post("/api/agents", json={"name": unique(), "config": CONFIG | config})
    assert response.status_code == 201, response.text
    agent: dict[str, Any] = response.json()
    return agent


async def deploy(client: Client, agent: dict[str, Any], **body: Any) -> dict[str, Any]:
    """A deployment of the agent, as the API shows it."""
    response = await client.post(f"/api/agents/{agent['id']}/deploy", json=body)
    assert response.status_code == 202, response.text
    deployment: dict[str, Any] = response.json()
    return deployment


def deploys(workflows: FakeWorkflows) -> list[DeployRequest]:
    """The deployments that Temporal was asked for."""
    return [request for what, request in workflows.asked if what == "deploy"]


async def report(client: Client, agent: dict[str, Any], status: Status, *, live: bool) -> None:
    """Do as the agent's workflow does: tell Postgres how its newest deployment is."""
    platform = platform_of(client)
    async with platform.agents.postgres.begin() as db_session:
        row = await db_session.get_one(AgentRow, UUID(agent["id"]))
        assert row.deployment_id
        repository = DeploymentRepository(db_session)
        deployment = await repository.get(row.deployment_id)
        number = deployment.sequence + 1
        moment = NewTransition(number, datetime.now(UTC), status, "platform", None, 1)
        await repository.record(deployment.id, [moment])
        if live:
            box = platform.agents.postgres.box
            agents = AgentRepository(db_session, box)
            config = agents.version_config(await agents.version(row.id, deployment.version))
            stored = await SettingRepository(db_session, box).all()
            credentials = resolve_livekit(config, stored, platform.settings)
            await PlacementRepository(db_session, box).place(deployment.id, credentials)
            await carried(db_session, row.id, deployment.id, deployment.version)
        if status.terminal:
            gone = update(ReplicaRow).where(ReplicaRow.agent_id == row.id)
            await db_session.execute(gone.values(status=Status.STOPPED))
        live_version, live_id = (deployment.version, deployment.id) if live else (None, None)
        view = AgentView(row.sequence + 1, status, live_version, live_id, deployment.id, None)
        await repository.show_agent(row.id, view)


async def carried(
    db_session: AsyncSession, agent_id: UUID, deployment_id: UUID, version: int, host: str = "anywhere"
) -> None:
    """Have a host that is there carry a replica."""
    await HostRepository(db_session).saw(host, "p1", HostFigures("1.2.3", 1, 0, cpu=0.1, memory=0.1))
    replica = ReplicaRow(
        id=f"agent-{agent_id}-v{version}-{host}",
        agent_id=agent_id,
        deployment_id=deployment_id,
        version=version,
        number=1,
        status=Status.RUNNING,
        attempt=1,
        host=host,
    )
    await db_session.merge(replica)


async def make_live(client: Client, **config: Any) -> dict[str, Any]:
    """An agent that is deployed and takes calls."""
    agent = await make_agent(client, **config)
    await deploy(client, agent)
    await report(client, agent, Status.RUNNING, live=True)
    return agent


async def make_call(client: Client, agent: dict[str, Any]) -> dict[str, Any]:
    """A token for a new call."""
    response = await client.post("/api/trpc/livekit.getToken", json={"agentId": agent["id"]})
    assert response.status_code == 200, response.text
    token: dict[str, Any] = response.json()["result"]["data"]
    return token


async def call_of(client: Client, call_id: str) -> dict[str, Any]:
    """A call, as the API shows it."""
    found: dict[str, Any] = (await client.get(f"/api/calls/{call_id}")).json()
    return found


def webhook(event: str, room: str, *, event_id: str | None = None, age: float = 0) -> bytes:
    """The body of a webhook."""
    content = {
        "event": event,
        "id": event_id or f"EV_{uuid4().hex}",
        "createdAt": str(int(time.time() - age)),
        "room": {"name": room, "sid": "RM_x"},
    }
    return json.dumps(content).encode()


def signature(
    body: bytes, *, key: str = LIVEKIT_KEY, secret: str = LIVEKIT_SECRET, ttl: float = 300
) -> dict[str, str]:
    """The headers with which LiveKit sends a webhook."""
    return livekit_hooks.signature(body, key, secret, ttl)
