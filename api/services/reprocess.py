"""Steps that are done again for many calls."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from uuid import UUID

from api.postgres import Postgres
from api.schemas.reprocess import ReprocessAnswer, ReprocessRequest
from api.services.calls import instant
from common.errors import NotFound
from db.models import ReprocessRow
from db.repositories.agents import AgentRepository
from db.repositories.reprocesses import ReprocessRepository, Wanted
from workflows.after_types import Step
from workflows.reprocess_wishes import Reprocessing

_ENDED = "Its workflow was ended in Temporal."

_log = logging.getLogger("bionic.api")


@dataclass(frozen=True)
class ReprocessService:
    """Takes wishes, and tells how far they are."""

    postgres: Postgres
    workflows: Reprocessing

    async def begin(self, request: ReprocessRequest, actor: str) -> ReprocessAnswer:
        """Do steps again. The same wish while it is being fulfilled is one, and said again it is heard again.

        Raises:
            NotFound: there is no such agent.
            InvalidInput: a time is not valid.
            Unavailable: Temporal is away; the wish is written, and begins when Temporal is back.
        """
        async with self.postgres.begin() as db_session:
            fits, agent_id = request.filter, None
            if fits and fits.agent:
                agent_id = (await AgentRepository(db_session, self.postgres.box).get(fits.agent)).id
            wanted = Wanted(
                request.calls,
                agent_id,
                fits.status if fits else None,
                instant(fits.from_ if fits else None, "/filter/from"),
                instant(fits.to if fits else None, "/filter/to"),
            )
            row = await ReprocessRepository(db_session).begin(wanted, request.steps, actor)
        await self.workflows.begin(str(row.id), [Step(each) for each in row.steps])
        return ReprocessAnswer.of(row)

    async def sweep(self) -> int:
        """Have begun what was wished while Temporal was away, and end what has no workflow any more; how
        many there were.

        Raises:
            Unavailable: Temporal is away.
        """
        async with self.postgres.begin() as db_session:
            rows = await ReprocessRepository(db_session).going_on()
        gone = [row for row in rows if not await self._goes_on(row)]
        for row in gone:
            async with self.postgres.begin() as db_session:
                await ReprocessRepository(db_session).give_up(row.id, _ENDED)
            _log.warning("reprocessing %s has no workflow any more: it is ended", row.id)
        return len(gone)

    async def _goes_on(self, row: ReprocessRow) -> bool:
        return await self.workflows.goes_on(str(row.id), [Step(each) for each in row.steps])

    async def get(self, reprocess_id: str) -> ReprocessAnswer:
        """How far a wish is.

        Raises:
            NotFound: there is none.
        """
        try:
            found = UUID(reprocess_id)
        except ValueError:
            raise NotFound(f"There is no reprocessing “{reprocess_id}”.") from None
        async with self.postgres.moment() as db_session:
            return ReprocessAnswer.of(await ReprocessRepository(db_session).get(found))
