"""What the workflow of a call has done for it. Each may fail, and none ends it: a caller waits."""

from __future__ import annotations

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from common.causes import Cause
    from workflows import policy, signatures
    from workflows.after import AftercareWorkflow
    from workflows.after_types import AfterInput, Step
    from workflows.call_types import CallInput, CallSight, GiveUp, NotSent, SendAgent, Sent
    from workflows.errors import is_of_livekit, reason_of


class Blind(Exception):
    """Why a look at a call showed nothing. `lasting`: it may be so for ever, as Postgres' absence is not."""

    def __init__(self, reason: str, *, lasting: bool) -> None:
        super().__init__(reason)
        self.reason, self.lasting = reason, lasting


async def look(call: CallInput) -> CallSight:
    """How the call is.

    Raises:
        Blind: Postgres or LiveKit would not say.
    """
    try:
        return await workflow.execute_local_activity(
            signatures.look_at_call,
            call.call_id,
            start_to_close_timeout=policy.LOOK_AT_CALL_TIMEOUT,
            retry_policy=policy.ONCE,
        )
    except (ActivityError, ApplicationError) as error:
        raise Blind(reason_of(error), lasting=is_of_livekit(error)) from None


async def send(request: SendAgent) -> Sent | NotSent:
    """Send another agent; or why that could not be done."""
    try:
        return await workflow.execute_activity(
            signatures.send_agent,
            request,
            start_to_close_timeout=policy.SEND_AGENT_TIMEOUT,
            schedule_to_close_timeout=policy.SEND_AGENT_WITHIN,
            retry_policy=policy.SEND_AGENT_RETRY,
            summary=f"another agent: {request.lost.reason}",
        )
    except ActivityError as error:
        cause = Cause.LIVEKIT if is_of_livekit(error) else None
        return NotSent(f"No agent could be sent. {reason_of(error)}", cause)


async def give_up(request: GiveUp) -> None:
    """Tell those concerned. Where that fails, a call that was to end is found open, and goes on."""
    try:
        await workflow.execute_activity(
            signatures.give_up_call,
            request,
            start_to_close_timeout=policy.SEND_AGENT_TIMEOUT,
            schedule_to_close_timeout=policy.GIVE_UP_WITHIN,
            retry_policy=policy.RECORD_RETRY,
            summary=f"no agent: {request.reason}",
        )
    except ActivityError as error:
        workflow.logger.error("nobody could be told that no agent comes: %s", reason_of(error))


async def finish(call: CallInput) -> list[str]:
    """Put the record in order; the steps that are to be done with it."""
    try:
        return await workflow.execute_local_activity(
            signatures.finish_call,
            call.call_id,
            start_to_close_timeout=policy.RECORD_TIMEOUT,
            retry_policy=policy.RECORD_RETRY,
        )
    except (ActivityError, ApplicationError) as error:
        workflow.logger.error("the record of a call is not in order: %s", reason_of(error))
        return []


async def look_after(call: CallInput, steps: list[Step]) -> None:
    """Have the rest done by a workflow of its own: the call's begins anew if the caller comes back."""
    await workflow.start_child_workflow(
        AftercareWorkflow.run,
        AfterInput(call.call_id, steps, settle_seconds=policy.SETTLE.total_seconds()),
        id=policy.after_workflow_id(call.call_id, workflow.info().run_id),
        parent_close_policy=workflow.ParentClosePolicy.ABANDON,
        static_summary=f"after a call with {call.slug}",
    )
