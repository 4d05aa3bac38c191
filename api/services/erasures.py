"""Erases callers on demand, and keeps the receipts."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from uuid import UUID

from api.postgres import Postgres
from api.schemas.erasures import CallerChoice, ErasureAnswer
from common.errors import NotFound
from db.repositories.agents import AgentRepository
from db.repositories.erasures import Caller, ErasureRepository

_log = logging.getLogger("bionic.api")


@dataclass(frozen=True)
class ErasureService:
    """Each call is erased in a transaction of its own: wholly, or not at all."""

    postgres: Postgres

    async def erase(self, choice: CallerChoice, actor: str) -> ErasureAnswer:
        """Erase a caller's calls. Where it breaks off, the receipt tells how far it came: ask again.

        Raises:
            NotFound: there is no such agent.
        """
        async with self.postgres.begin() as db_session:
            agent_id = None
            if choice.agent:
                agent_id = (await AgentRepository(db_session, self.postgres.box).get(choice.agent)).id
            caller = Caller(choice.identity, choice.call_ids or (), choice.attributes, agent_id)
            row, call_ids = await ErasureRepository(db_session).begin(caller, actor)
        for call_id in call_ids:
            async with self.postgres.begin() as db_session:
                await ErasureRepository(db_session).erase(row.id, call_id)
        async with self.postgres.begin() as db_session:
            await ErasureRepository(db_session).finish(row.id)
        _log.info("erasure %s looked at %d calls", row.id, len(call_ids))
        return await self.get(str(row.id))

    async def get(self, erasure_id: str) -> ErasureAnswer:
        """A receipt.

        Raises:
            NotFound: there is none.
        """
        try:
            wanted = UUID(erasure_id)
        except ValueError:
            raise NotFound(f"There is no erasure “{erasure_id}”.") from None
        async with self.postgres.moment() as db_session:
            return ErasureAnswer.of(*await ErasureRepository(db_session).get(wanted))
