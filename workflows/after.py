"""After a call: steps that are done one by one, each as often as it takes, and none in the way of another."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from workflows import policy, signatures
    from workflows.after_types import AfterInput, AfterResult, Step, StepInput
    from workflows.errors import reason_of

FOLLOWS = {Step.LANGFUSE: Step.SCORES}
"""Steps that need what another one makes."""


@workflow.defn
class AftercareWorkflow:
    """What is done with one call when it is over. What came of each step is a row in Postgres."""

    @workflow.run
    async def run(self, request: AfterInput) -> AfterResult:
        """Return when every step is done, or has failed for good."""
        self._states: dict[Step, str] = dict.fromkeys(request.steps, "to do")
        if request.settle_seconds:
            settle = timedelta(seconds=request.settle_seconds)
            await workflow.sleep(settle, summary="its agent may still be writing")
        # The transcript comes first: the others read it.
        if Step.TRANSCRIPT in request.steps:
            await self._do(request, Step.TRANSCRIPT)
        leading = [step for step in request.steps if step not in FOLLOWS and step is not Step.TRANSCRIPT]
        await asyncio.gather(*(self._chain(request, step) for step in leading))
        alone = [step for step in request.steps if step in FOLLOWS and FOLLOWS[step] not in request.steps]
        await asyncio.gather(*(self._do(request, step) for step in alone))
        await workflow.execute_activity(
            signatures.conclude_call,
            request,
            task_queue=policy.AFTER_QUEUE,
            start_to_close_timeout=policy.RECORD_TIMEOUT,
            retry_policy=policy.RECORD_RETRY,
        )
        return AfterResult([step for step, state in self._states.items() if state.startswith("failed")])

    async def _chain(self, request: AfterInput, step: Step) -> None:
        """A step, and what needs what it makes."""
        await self._do(request, step)
        for follower, leader in FOLLOWS.items():
            if leader is step and follower in request.steps:
                await self._do(request, follower)

    async def _do(self, request: AfterInput, step: Step) -> None:
        recording = step is Step.RECORDING
        try:
            await workflow.execute_activity(
                signatures.run_step,
                StepInput(request.call_id, step, request.latest),
                task_queue=policy.AFTER_QUEUE,
                start_to_close_timeout=policy.STEP_TIMEOUT,
                retry_policy=policy.RECORDING_RETRY if recording else policy.STEP_RETRY,
                summary=step.value,
            )
            self._states[step] = "done"
        except ActivityError as error:
            self._states[step] = f"failed: {reason_of(error)}"
            workflow.logger.warning("the step %s of a call failed: %s", step.value, reason_of(error))
        self._describe()

    def _describe(self) -> None:
        lines = [f"- {step.value}: {state}" for step, state in self._states.items()]
        workflow.set_current_details("\n".join(lines))
