"""Versions: drafts made immutable, shown and compared."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncSession

from agents.config import redacted
from api.diffs import differences
from api.postgres import Postgres
from api.schemas.deployments import MAX_VERSION
from api.schemas.versions import (
    DRAFT,
    ChangeAnswer,
    DiffAnswer,
    VersionAnswer,
    VersionItem,
    VersionPage,
    VersionRef,
)
from api.services.deployments import require_complete
from common.errors import FieldError, InvalidInput
from db.models import AgentRow, AgentVersionRow
from db.repositories.agents import AgentRepository, StoredConfig
from db.repositories.pages import Cursor
from db.repositories.versions import VersionRepository


def parse_ref(text: str, field: str) -> VersionRef:
    """What `text`, the value of the parameter `field`, refers to.

    Raises:
        InvalidInput: neither a number nor the draft.
    """
    if text == DRAFT:
        return DRAFT
    if text.isascii() and text.isdigit() and len(text) < 11 and 1 <= int(text) <= MAX_VERSION:
        return int(text)
    error = FieldError(f"/{field}", f"must be the number of a version, or `{DRAFT}`")
    raise InvalidInput("The request is not valid.", [error])


@dataclass(frozen=True)
class VersionService:
    """Publishes, shows and compares versions."""

    postgres: Postgres

    async def publish(self, ref: str, note: str | None, author: str) -> tuple[VersionAnswer, bool]:
        """The draft as a version, and whether it is a new one: a draft that changed nothing makes none.

        Raises:
            InvalidInput: the config is not fit to run.
        """
        async with self.postgres.begin() as db_session:
            agents = self._agents(db_session)
            agent = await agents.get(ref, lock=True)
            require_complete(agents.draft(agent))
            before = await VersionRepository(db_session).newest(agent.id)
            version = await agents.publish(agent, author, note)
            return await self._answer(db_session, agent, version), version.number != before

    async def list(self, ref: str, cursor: str | None, limit: int) -> VersionPage:
        """A page of an agent's versions, newest first."""
        after = Cursor.decode(cursor)
        async with self.postgres.moment() as db_session:
            agent = await self._agents(db_session).get(ref)
            page = await VersionRepository(db_session).list(agent.id, after, limit)
        items = [VersionItem.of(view, agent.live_version) for view in page.items]
        return VersionPage(items=items, next_cursor=page.next_cursor)

    async def get(self, ref: str, number: int) -> VersionAnswer:
        """One version with its config."""
        async with self.postgres.moment() as db_session:
            agents = self._agents(db_session)
            agent = await agents.get(ref)
            return await self._answer(db_session, agent, await agents.version(agent.id, number))

    async def diff(self, ref: str, from_: VersionRef, to: VersionRef) -> DiffAnswer:
        """What differs between two versions, or a version and the draft."""
        async with self.postgres.moment() as db_session:
            agents = self._agents(db_session)
            agent = await agents.get(ref)
            before = await _config(agents, agent, from_)
            after = await _config(agents, agent, to)
        changes = [ChangeAnswer.of(found) for found in differences(before, after)]
        return DiffAnswer(from_=from_, to=to, changes=changes)

    def _agents(self, db_session: AsyncSession) -> AgentRepository:
        return AgentRepository(db_session, self.postgres.box)

    async def _answer(
        self, db_session: AsyncSession, agent: AgentRow, version: AgentVersionRow
    ) -> VersionAnswer:
        config = self._agents(db_session).version_config(version)
        view = await VersionRepository(db_session).overview(version)
        answer: VersionAnswer = VersionAnswer.of(
            view, agent.live_version, config=redacted(config.public, config.secrets)
        )
        return answer


async def _config(agents: AgentRepository, agent: AgentRow, ref: VersionRef) -> StoredConfig:
    if ref == DRAFT:
        return agents.draft(agent)
    return agents.version_config(await agents.version(agent.id, ref))
