"""What the reconciler put right."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from api.postgres import Postgres
from api.schemas.repairs import RepairItem, RepairPage
from common.errors import NotFound
from db.repositories.agents import AgentRepository
from db.repositories.pages import Cursor
from db.repositories.repairs import RepairRepository


@dataclass(frozen=True)
class RepairService:
    """Lists repairs."""

    postgres: Postgres

    async def list(self, agent: str | None, cursor: str | None, limit: int) -> RepairPage:
        """A page of repairs, newest first; of an agent that is deleted, by its id.

        Raises:
            NotFound: there is no agent of that slug.
        """
        after = Cursor.decode(cursor)
        async with self.postgres.begin() as db_session:
            agent_id = None
            if agent:
                found = await AgentRepository(db_session, self.postgres.box).find(agent)
                agent_id = found.id if found else _id(agent)
            page = await RepairRepository(db_session).list(agent_id, after, limit)
        return RepairPage(items=[RepairItem.of(row) for row in page.items], next_cursor=page.next_cursor)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound(f"There is no agent “{text}”.") from None
