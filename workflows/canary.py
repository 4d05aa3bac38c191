"""A new version on trial: a growing share of the calls is its, while it does no worse than the live one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from common.status import Status
    from workflows import policy, signatures
    from workflows.canary_types import CanaryStep, Share, TrialInput, TrialResult
    from workflows.chronicle import Chronicle
    from workflows.errors import reason_of
    from workflows.rollout import failure_of
    from workflows.types import AgentInput, AgentState, Deployment, Replica


class Canary:
    """Takes deployments through their steps. Lives on the agent's state."""

    def __init__(
        self, agent: AgentInput, state: AgentState, chronicle: Chronicle, wished: Callable[[], bool]
    ) -> None:
        self._agent = agent
        self._state = state
        self._chronicle = chronicle
        self._wished = wished
        self.outcome: str | None = None
        """What the last trial has shown, in words; None when there was none."""

    async def try_out(self, deployment: Deployment, replicas: list[Replica], actor: str) -> str | None:
        """Take the steps, one after the other; returns why the version is not fit.

        Returns None when it passed or needs no trial, and when the trial was broken off: something else is
        wanted, or no other version takes calls any more.
        """
        live, request = self._state.live, deployment.request
        if request.canary and (live is None or live.request.version == request.version):
            self.outcome = "Without a trial: no other version took calls."
            return None
        began, breach, self.outcome = workflow.now(), None, None
        for number, step in enumerate(request.canary, 1):
            if live is None or self._broken_off():
                break
            self._tell(deployment, actor, step, f"step {number} of {len(request.canary)}")
            length = timedelta(minutes=step.minutes)
            until = workflow.now() + length
            versions = (request.version, live.request.version)
            trial = TrialInput(self._agent.agent_id, *versions, began, until, until + length)
            breach = await self._step(trial, step, replicas)
            if breach:
                breach = f"Rolled back from {step.percent:g} % of new calls. {breach}"
                break
        self._state.canary = None
        return breach

    def _broken_off(self) -> bool:
        return self._wished() or self._state.live is None

    def _tell(self, deployment: Deployment, actor: str, step: CanaryStep, where: str) -> None:
        request = deployment.request
        self._state.canary = Share(request.deployment_id, request.version, step.percent)
        share = f"Canary: {step.percent:g} % of new calls for {step.minutes:g} min, {where}."
        reason = f"{self.outcome} {share}" if self.outcome else share
        self._chronicle.tell(deployment, Status.STARTING, actor, reason)
        self._chronicle.flush()

    async def _step(self, trial: TrialInput, step: CanaryStep, replicas: list[Replica]) -> str | None:
        judge = workflow.start_activity(
            signatures.judge_canary,
            trial,
            start_to_close_timeout=2 * timedelta(minutes=step.minutes) + policy.TRIAL_GRACE,
            heartbeat_timeout=policy.TRIAL_HEARTBEAT_TIMEOUT,
            retry_policy=policy.RECORD_RETRY,
            summary=f"version {trial.version} at {step.percent:g} %: no worse than {trial.live_version}?",
        )
        await workflow.wait_condition(
            lambda: judge.done() or self._broken_off() or failure_of(replicas) is not None
        )
        if judge.done():
            return await self._verdict(judge)
        judge.cancel()
        with suppress(ActivityError):
            await judge
        return None if self._broken_off() else failure_of(replicas)

    async def _verdict(self, judge: workflow.ActivityHandle[TrialResult]) -> str | None:
        """What was found. A version that could not be judged is not fit either."""
        try:
            found = await judge
        except ActivityError as error:
            return f"It could not be judged: {reason_of(error)}"
        if found.breach is None:
            self.outcome = outcome_of(found.calls)
        return found.breach


def outcome_of(calls: int) -> str:
    """What a version has shown that was on trial for `calls` calls and was not found worse."""
    if calls == 0:
        return "Not judged: nobody called it."
    return f"No worse in {calls} call{'s' if calls != 1 else ''}."
