"""The steps that are done with a call when it is over: each takes what the call left, and gives a result."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp

from agents.aftercare.cost import Prices, cost_of, used
from agents.aftercare_config import JudgeConfig
from agents.config import AgentConfig
from common.errors import Unavailable
from common.settings import Settings
from db.credentials import LangFuseCredentials, resolve_langfuse
from db.engine import Database
from db.models import CallRow
from db.repositories.aftercare import AftercareRepository
from db.repositories.analyses import DONE, SKIPPED, AnalysisRepository, Outcome
from db.repositories.recordings import LOST, STORED, RecordingRepository
from db.repositories.settings import StoredSettings
from db.repositories.transcripts import TranscriptRepository
from workflows.after_types import Step

if TYPE_CHECKING:
    from livekit.agents.llm import ChatContext

LANGFUSE_SECONDS = 10.0
NOTHING_SAID = "Nothing was said."


class NotYet(Unavailable):
    """What a step needs is on its way."""

    expected = True


class LangFuseRefused(Unavailable):
    """LangFuse did not take a score."""


@dataclass(frozen=True)
class Case:
    """A call that is over, and how its steps are to be done."""

    call: CallRow
    config: AgentConfig | None
    """None where the version is not known."""
    version: int | None
    secrets: dict[str, str]
    stored: StoredSettings


class PartlyFailed(Unavailable):
    """A part of a step failed; the rest is its result."""

    def __init__(self, message: str, result: dict[str, Any]) -> None:
        super().__init__(message)
        self.result = result


def prices_of(stored: StoredSettings) -> Prices | None:
    """The price table of the settings."""
    text = stored.get("prices")
    return Prices.model_validate_json(text) if text else None


def wanted_steps(config: AgentConfig, stored: StoredSettings, settings: Settings) -> list[Step]:
    """What is to be done with a call, by its agent's config and the settings; mostly nothing."""
    analysis = config.analysis
    asked = {
        Step.RECORDING: config.recording.enabled,
        Step.COST: stored.get("prices") is not None,
        Step.SUMMARY: analysis.summary,
        Step.EXTRACT: analysis.extract is not None,
        Step.SCORES: bool(analysis.judges),
        Step.LANGFUSE: bool(analysis.judges) and resolve_langfuse(stored, settings) is not None,
    }
    return [step for step, wanted in asked.items() if wanted]


@dataclass(frozen=True)
class Steps:
    """Does them. Each may be done again, and gives what is so then.

    Raises:
        BionicError: it could not be done now.
    """

    database: Database
    settings: Settings
    http: aiohttp.ClientSession

    async def do(self, step: Step, case: Case) -> Outcome:
        """One step."""
        steps: dict[Step, Callable[[Case], Awaitable[Outcome]]] = {
            Step.TRANSCRIPT: self._transcript,
            Step.RECORDING: self._recording,
            Step.COST: self._cost,
            Step.SUMMARY: self._summary,
            Step.EXTRACT: self._extract,
            Step.SCORES: self._scores,
            Step.LANGFUSE: self._langfuse,
        }
        return await steps[step](case)

    async def _transcript(self, case: Case) -> Outcome:
        async with self.database.begin() as db_session:
            await TranscriptRepository(db_session).keep_drafts(case.call.id)
            turns = await AftercareRepository(db_session).turns(case.call.id)
        return Outcome(DONE, {"turns": turns})

    async def _recording(self, case: Case) -> Outcome:
        async with self.database.begin() as db_session:
            recorders = await AftercareRepository(db_session).recorders(case.call.id)
            rows = {row.attempt: row for row in await RecordingRepository(db_session).of(case.call.id)}
        over = {attempt: row for attempt, row in rows.items() if row.state in {STORED, LOST}}
        if missing := sorted(set(recorders) - set(over)):
            whose = ", ".join(map(str, missing))
            raise NotYet(f"The recording of agent number {whose} is not in its storage: its host has it.")
        if not over:
            return Outcome(SKIPPED, error="The call was not recorded.")
        stored = [row for row in over.values() if row.state == STORED]
        return Outcome(
            DONE,
            {
                "seconds": round(sum(row.seconds or 0 for row in stored), 3),
                "size": sum(row.size or 0 for row in stored),
                "stored": sorted(row.attempt for row in stored),
                "lost": sorted(row.attempt for row in over.values() if row.state == LOST),
            },
        )

    async def _cost(self, case: Case) -> Outcome:
        prices = prices_of(case.stored)
        if prices is None:
            return Outcome(SKIPPED, error="There is no price table in the settings.")
        async with self.database.begin() as db_session:
            told = await AftercareRepository(db_session).used(case.call.id)
        return Outcome(DONE, cost_of(used(told), prices))

    async def _summary(self, case: Case) -> Outcome:
        await asyncio.to_thread(_load)
        from agents.aftercare.ask import analyst, talk_of  # noqa: PLC0415
        from agents.aftercare.words import SUMMARY  # noqa: PLC0415

        conversation = await self._conversation(case)
        if case.config is None or not conversation.items:
            return _nothing(case)
        async with analyst(case.config, case.secrets) as asked:
            summary = await asked.text(SUMMARY, talk_of(conversation))
            return Outcome(DONE, {"summary": summary} | _by(asked.model, asked.usage, case))

    async def _extract(self, case: Case) -> Outcome:
        schema = case.config.analysis.extract if case.config else None
        if schema is None:
            return Outcome(SKIPPED, error="The agent's config has no schema of what to look for.")
        await asyncio.to_thread(_load)
        from agents.aftercare.ask import analyst, talk_of  # noqa: PLC0415
        from agents.aftercare.words import EXTRACT  # noqa: PLC0415

        conversation = await self._conversation(case)
        if case.config is None or not conversation.items:
            return _nothing(case)
        async with analyst(case.config, case.secrets) as asked:
            found = await asked.object(EXTRACT, talk_of(conversation), schema)
            return Outcome(DONE, {"data": found} | _by(asked.model, asked.usage, case))

    async def _scores(self, case: Case) -> Outcome:
        judges: list[JudgeConfig] = case.config.analysis.judges if case.config else []
        if not judges:
            return Outcome(SKIPPED, error="The agent's config names no judges.")
        await asyncio.to_thread(_load)
        from agents.aftercare.ask import analyst  # noqa: PLC0415
        from agents.aftercare.judges import judged  # noqa: PLC0415

        conversation = await self._conversation(case)
        if case.config is None or not conversation.items:
            return _nothing(case)
        async with analyst(case.config, case.secrets) as asked:
            found = await judged(judges, conversation, case.config.instructions, asked)
            result = found | _by(asked.model, asked.usage, case)
        if failed := found["failed"]:
            why = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
            raise PartlyFailed(f"Not every judge has judged. {why}", result)
        return Outcome(DONE, result)

    async def _langfuse(self, case: Case) -> Outcome:
        credentials = resolve_langfuse(case.stored, self.settings)
        if credentials is None or case.call.trace_id is None:
            why = "The call has no trace there." if credentials else "LangFuse is not set."
            return Outcome(SKIPPED, error=why)
        async with self.database.begin() as db_session:
            rows = await AnalysisRepository(db_session).of(case.call.id)
        scores = next((row.result for row in rows if row.step == Step.SCORES and row.result), None)
        if scores is None:
            return Outcome(SKIPPED, error="The call has no scores.")
        for judge in scores["judges"]:
            await self._send(credentials, case.call, judge)
        return Outcome(DONE, {"sent": [judge["name"] for judge in scores["judges"]]})

    async def _send(self, langfuse: LangFuseCredentials, call: CallRow, judge: dict[str, Any]) -> None:
        """Tell LangFuse what a judge said; said again, it takes the place of what was said before."""
        score = {
            "id": str(uuid.uuid5(call.id, judge["name"])),
            "traceId": call.trace_id,
            "name": judge["name"],
            "value": judge["score"],
            "dataType": "NUMERIC",
            "comment": f"{judge['verdict']}: {judge['reasoning']}",
        }
        try:
            async with self.http.post(
                f"{langfuse.host}/api/public/scores",
                json=score,
                auth=aiohttp.BasicAuth(langfuse.public_key, langfuse.secret_key),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=LANGFUSE_SECONDS),
            ) as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise LangFuseRefused(f"LangFuse does not answer: {type(error).__name__}.") from None
        if not 200 <= status < 300:
            raise LangFuseRefused(f"LangFuse answered {status}.")

    async def _conversation(self, case: Case) -> ChatContext:
        from livekit.agents.llm import ChatContext  # noqa: PLC0415

        from agents.record.continuing import load_items  # noqa: PLC0415

        async with self.database.begin() as db_session:
            return ChatContext(await load_items(db_session, case.call.id))


def _load() -> None:
    """Load most of what asks models, off the loop: it takes seconds, and most processes never need it."""
    import livekit.agents.evals  # noqa: F401, PLC0415
    import openai  # noqa: F401, PLC0415

    # livekit's plugins themselves are to be loaded by the main thread alone: that takes a moment.


def _nothing(case: Case) -> Outcome:
    why = NOTHING_SAID if case.config else "The version of its agent is not known."
    return Outcome(SKIPPED, error=why)


def _by(model: str, usage: dict[str, int], case: Case) -> dict[str, Any]:
    """Who said so, by which config, and what it took."""
    return {"model": model, "version": case.version, "usage": usage}
