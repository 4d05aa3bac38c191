"""What is done with calls that are over: steps, and what came of each."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from temporalio import activity

from activities.errors import told_to_temporal
from activities.steps import Case, PartlyFailed, Steps, wanted_steps
from agents.config import AgentConfig, join_secrets
from common.errors import BionicError, NotFound, Unavailable
from common.settings import Settings
from db.engine import Database
from db.models import CallRow
from db.repositories.agents import AgentRepository
from db.repositories.analyses import FAILED, AnalysisRepository, Outcome
from db.repositories.calls import CallRepository
from db.repositories.settings import SettingRepository
from workflows.after_types import AfterInput, Step, StepInput

logger = logging.getLogger(__name__)

UNEXPECTED = "Something went wrong in this step. The control worker's log says more."
NOT_TOLD = "Nobody finished this step in time."


class StepBroke(Unavailable):
    """A step ended by an error that nobody foresaw."""


async def asked_for(database: Database, settings: Settings, call_id: UUID) -> list[str]:
    """The steps that are to be done with a call that is over; none where nobody was in it.

    Raises:
        SQLAlchemyError, OSError: Postgres is away.
    """
    try:
        async with database.begin() as db_session:
            call = await CallRepository(db_session).get(call_id)
            if call.started_at is None:
                return []
            case = await case_of(db_session, database, call)
    except (SQLAlchemyError, OSError):
        raise
    except NotFound:
        return []
    except Exception:
        # A config that can't be read any more, say. The call is over all the same.
        logger.exception("what is to be done with a call can't be told", extra={"call": str(call_id)})
        return []
    return [str(step) for step in wanted_steps(case.config, case.stored, settings)] if case.config else []


async def case_of(
    db_session: AsyncSession, database: Database, call: CallRow, *, latest: bool = False
) -> Case:
    """A call and its agent's config: that of its own version or, where `latest`, of the live one."""
    agents = AgentRepository(db_session, database.box)
    live = (await agents.get(str(call.agent_id))).live_version if latest else None
    number = live or call.version
    config: AgentConfig | None = None
    secrets: dict[str, str] = {}
    if number is not None:
        stored = agents.version_config(await agents.version(call.agent_id, number))
        config, secrets = join_secrets(stored.public, stored.secrets), stored.secrets
    return Case(call, config, number, secrets, await SettingRepository(db_session, database.box).all())


@dataclass(frozen=True)
class AftercareActivities:
    """What the control worker does for workflows of calls that are over."""

    database: Database
    steps: Steps

    @activity.defn
    async def run_step(self, request: StepInput) -> None:
        """Do a step with a call that is over, and keep what came of it; again is fine."""
        call_id = UUID(request.call_id)
        with told_to_temporal():
            try:
                async with self.database.begin() as db_session:
                    number = await AnalysisRepository(db_session).begin(call_id, request.step)
            except IntegrityError:
                return  # the call was deleted
            try:
                async with self.database.begin() as db_session:
                    call = await CallRepository(db_session).get(call_id)
                    case = await case_of(db_session, self.database, call, latest=request.latest)
                outcome = await self.steps.do(request.step, case)
            except BionicError as error:
                result = error.result if isinstance(error, PartlyFailed) else None
                await self._end(call_id, request.step, number, Outcome(FAILED, result, error.message))
                raise
            except (SQLAlchemyError, OSError):
                raise
            except Exception as error:
                logger.exception("step %s of a call broke", request.step, extra={"call": request.call_id})
                await self._end(call_id, request.step, number, Outcome(FAILED, error=UNEXPECTED))
                raise StepBroke(UNEXPECTED) from error
            await self._end(call_id, request.step, number, outcome)

    async def _end(self, call_id: UUID, step: Step, number: int, outcome: Outcome) -> None:
        async with self.database.begin() as db_session:
            await AnalysisRepository(db_session).end(call_id, step, number, outcome)

    @activity.defn
    async def conclude_call(self, request: AfterInput) -> None:
        """The steps of a call are over, as well as they could be done, and others are told."""
        with told_to_temporal():
            async with self.database.begin() as db_session:
                steps = [str(step) for step in request.steps]
                await AnalysisRepository(db_session).conclude(UUID(request.call_id), steps, NOT_TOLD)
