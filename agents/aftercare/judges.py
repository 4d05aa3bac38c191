"""Judges: livekit-agents' own, and those with criteria of an agent's own."""

from __future__ import annotations

import asyncio
from typing import Any

from livekit.agents import evals
from livekit.agents.llm import AgentConfigUpdate, ChatContext

from agents.aftercare.ask import SECONDS, Analyst, Unanswered, talk_of
from agents.aftercare_config import JUDGES, JudgeConfig

VALUES = {"pass": 1.0, "maybe": 0.5, "fail": 0.0}
_VERDICT = {
    "type": "object",
    "properties": {
        "verdict": {"type": "string", "enum": list(VALUES)},
        "reasoning": {"type": "string", "maxLength": 2000},
    },
    "required": ["verdict", "reasoning"],
    "additionalProperties": False,
}
_TASK = """You judge a conversation between a caller and a voice agent by one criterion, and submit a verdict:
`pass` when it is met, `fail` when it is not, `maybe` when that can't be said; with your reasons, briefly.
The criterion: """


async def judged(
    judges: list[JudgeConfig], conversation: ChatContext, instructions: str, analyst: Analyst
) -> dict[str, Any]:
    """What each judge says, and a score from 0 to 1 of those that did.

    `failed` names those that said nothing, and why.
    """
    # Some judge by what the agent was told to do; it is not part of what was said.
    context = conversation.copy()
    context.insert(AgentConfigUpdate(instructions=instructions, created_at=0.0))
    verdicts = await asyncio.gather(
        *(_verdict(judge, context, analyst) for judge in judges), return_exceptions=True
    )
    told: list[dict[str, Any]] = []
    failed: dict[str, str] = {}
    for judge, verdict in zip(judges, verdicts, strict=True):
        if isinstance(verdict, evals.JudgmentResult):
            told.append(
                {
                    "name": judge.name,
                    "verdict": verdict.verdict,
                    "score": VALUES[verdict.verdict],
                    "reasoning": verdict.reasoning[:2000],
                }
            )
        elif isinstance(verdict, Unanswered):
            failed[judge.name] = verdict.message
        else:
            raise verdict
    score = sum(each["score"] for each in told) / len(told) if told else None
    return {"score": score, "judges": told, "failed": failed}


async def _verdict(judge: JudgeConfig, context: ChatContext, analyst: Analyst) -> evals.JudgmentResult:
    with analyst.blamed():
        if judge.criteria is None:
            assert judge.name in JUDGES
            evaluator: evals.Evaluator = getattr(evals, f"{judge.name}_judge")()
        else:
            evaluator = OwnJudge(judge.name, judge.criteria, analyst)
        async with asyncio.timeout(SECONDS):
            return await evaluator.evaluate(chat_ctx=context, llm=analyst.llm)


class OwnJudge(evals.Judge):
    """Judges by what an agent's config says."""

    def __init__(self, name: str, criteria: str, analyst: Analyst) -> None:
        super().__init__(name=name)
        self._criteria, self._analyst = criteria, analyst

    async def evaluate(
        self,
        *,
        chat_ctx: ChatContext,
        reference: ChatContext | None = None,  # noqa: ARG002 - livekit-agents' signature
        llm: object = None,  # noqa: ARG002
    ) -> evals.JudgmentResult:
        """The verdict. Raises Unanswered."""
        found = await self._analyst.object(_TASK + self._criteria, talk_of(chat_ctx), _VERDICT)
        return evals.JudgmentResult(found["verdict"], found["reasoning"], self._criteria)
