"""Agents: their definitions."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from agents.config import keep_secrets, parse_config, redacted, split_secrets
from agents.providers.check import check_providers
from api.postgres import Postgres
from api.schemas.agents import AgentAnswer, AgentChange, AgentItem, AgentPage, NewAgent, ReplicaAnswer
from api.schemas.deployments import DeploymentAnswer
from api.slugs import slug_of, with_suffix
from common.errors import Conflict, InvalidInput
from common.settings import Settings
from db.models import AgentRow
from db.repositories.agents import AgentRepository, StoredConfig
from db.repositories.deployments import DeploymentRepository
from db.repositories.pages import Cursor
from workflows.wishes import NoWorkflow, Workflows

_SLUG_ATTEMPTS = 5
_SECRETS = ("/apiKey", "/apiSecret")


def stored(config: dict[str, Any], old: StoredConfig | None = None) -> StoredConfig:
    """Unchecked `config` in the form in which it is stored, with the secrets of `old` that it keeps.

    Raises:
        InvalidInput: with a pointer to each field that is wrong. Secrets may be missing still.
    """
    old = old or StoredConfig({}, {})
    whole = keep_secrets(config, old.public, old.secrets)
    public, found = split_secrets(parse_config(whole, complete=False))
    return StoredConfig(public, found)


async def check_config(config: dict[str, Any]) -> None:
    """Check unchecked `config` beyond its shape: words that can't be recognised, voices that don't exist.

    Reads files the first time, so call it outside of transactions. Secrets may be missing still.

    Raises:
        InvalidInput: with a pointer to each field that is wrong.
    """
    parsed = parse_config(keep_secrets(config, {}, {}), complete=False)
    found = await asyncio.to_thread(check_providers, parsed)
    if errors := [error for error in found if not error.pointer.endswith(_SECRETS)]:
        raise InvalidInput("The agent's config is not valid.", errors)


@dataclass(frozen=True)
class AgentService:
    """Makes, shows and changes agents."""

    postgres: Postgres
    workflows: Workflows
    settings: Settings

    async def list(self, cursor: str | None, limit: int) -> AgentPage:
        """A page of agents, newest first."""
        after = Cursor.decode(cursor)
        async with self.postgres.moment() as db_session:
            page = await self._repository(db_session).list(after, limit)
        items = [AgentItem.of(view) for view in page.items]
        return AgentPage(items=items, next_cursor=page.next_cursor)

    async def get(self, ref: str) -> AgentAnswer:
        """One agent by id or slug."""
        async with self.postgres.moment() as db_session:
            agent = await self._repository(db_session).get(ref)
            return await self._answer(db_session, agent)

    async def create(self, new: NewAgent) -> AgentAnswer:
        """A new agent in state draft.

        Raises:
            InvalidInput: the config is wrong.
            Conflict: another agent has the slug that was asked for.
        """
        await check_config(new.config)
        config = stored(new.config)
        for attempt in range(_SLUG_ATTEMPTS):
            slug = new.slug or _candidate(slug_of(new.name), attempt)
            try:
                async with self.postgres.begin() as db_session:
                    agent = await self._repository(db_session).create(new.name, slug, config)
                    return await self._answer(db_session, agent)
            except Conflict:
                if new.slug is not None:
                    raise
        raise Conflict(f"There are many agents like “{new.name}” already. Choose a slug.")

    async def change(self, ref: str, change: AgentChange) -> AgentAnswer:
        """Change an agent's name or draft; what is deployed goes on unchanged.

        Raises:
            InvalidInput: the config is wrong.
        """
        if "config" in change.model_fields_set:
            await check_config(change.config)
        async with self.postgres.begin() as db_session:
            agents = self._repository(db_session)
            agent = await agents.get(ref, lock=True)
            if "name" in change.model_fields_set:
                agent.name = change.name
            if "config" in change.model_fields_set:
                agents.write_draft(agent, stored(change.config, agents.draft(agent)))
            await db_session.flush()
            await db_session.refresh(agent)
            return await self._answer(db_session, agent)

    async def restore(self, ref: str, number: int) -> AgentAnswer:
        """Make a version the draft again, secrets included; what is deployed goes on unchanged.

        Raises:
            NotFound: the agent has no such version.
        """
        async with self.postgres.begin() as db_session:
            agents = self._repository(db_session)
            agent = await agents.get(ref, lock=True)
            version = await agents.version(agent.id, number)
            agents.write_draft(agent, agents.version_config(version))
            await db_session.flush()
            await db_session.refresh(agent)
            return await self._answer(db_session, agent)

    async def delete(self, ref: str) -> None:
        """Delete an agent that is not deployed, with its versions, deployments and calls.

        Its workflow is told before the commit. An agent that stays, for something fails, gets another
        workflow with its next deployment; one that stayed without its agent would have nobody to end it.

        Raises:
            Conflict: it is deployed, or a version of it still holds calls.
            Unavailable: Temporal is away; nothing was deleted.
        """
        async with self.postgres.begin() as db_session:
            agents = self._repository(db_session)
            agent = await agents.get(ref, lock=True)
            if agent.live_version is not None:
                raise Conflict(f"“{agent.slug}” is deployed. Stop it first, then delete it.")
            await agents.delete(agent)
            if agent.deployment_id is not None:
                with suppress(NoWorkflow):  # it was lost, and so is what it ran
                    await self.workflows.retire(str(agent.id))

    def _repository(self, db_session: AsyncSession) -> AgentRepository:
        return AgentRepository(db_session, self.postgres.box)

    async def _answer(self, db_session: AsyncSession, agent: AgentRow) -> AgentAnswer:
        agents = self._repository(db_session)
        view = await agents.overview(agent)
        draft = agents.draft(agent)
        answer: AgentAnswer = AgentAnswer.of(
            view,
            config=redacted(draft.public, draft.secrets),
            registrations=[ReplicaAnswer.of(row) for row in await agents.replicas(agent)],
            deployment=await self._deployment(db_session, agent.deployment_id),
        )
        return answer

    async def _deployment(
        self, db_session: AsyncSession, deployment_id: UUID | None
    ) -> DeploymentAnswer | None:
        if deployment_id is None:
            return None
        deployments = DeploymentRepository(db_session)
        row = await deployments.get(deployment_id)
        return DeploymentAnswer.of(row, await deployments.transitions(row.id), self.settings)


def _candidate(slug: str, attempt: int) -> str:
    """`slug`, then `slug-2`, then one that is sure to be free however many there are."""
    if attempt == 0:
        return slug
    return with_suffix(slug, "2" if attempt == 1 else secrets.token_hex(3))
