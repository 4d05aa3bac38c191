"""Steps that are done again for many calls, some at a time."""

from __future__ import annotations

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError, ChildWorkflowError, FailureError

with workflow.unsafe.imports_passed_through():
    from workflows import policy, signatures
    from workflows.after import AftercareWorkflow
    from workflows.after_types import AfterInput, Page, PageInput, ReprocessEnd, ReprocessInput
    from workflows.errors import reason_of


@workflow.defn
class ReprocessWorkflow:
    """Goes through the calls of one wish, page by page; each page is a run of its own."""

    @workflow.run
    async def run(self, request: ReprocessInput) -> None:
        """Return when all are done."""
        workflow.set_current_details(
            f"{request.done} calls done, {request.failed} of them with a failed step"
        )
        try:
            page = await self._page(request)
        except ActivityError as error:
            await self._end(request, reason_of(error))
            return
        if not page.calls:
            await self._end(request, None)
            return
        turn = asyncio.Semaphore(policy.REPROCESS_AT_ONCE)

        async def one(call_id: str) -> bool:
            async with turn:
                return await self._again(request, call_id)

        well = await asyncio.gather(*(one(call_id) for call_id in page.calls))
        workflow.continue_as_new(
            ReprocessInput(
                request.reprocess_id,
                request.steps,
                page.calls[-1],
                request.done + len(well),
                request.failed + well.count(False),
            )
        )

    async def _page(self, request: ReprocessInput) -> Page:
        return await workflow.execute_activity(
            signatures.next_calls,
            PageInput(request.reprocess_id, request.after, request.done, request.failed),
            task_queue=policy.AFTER_QUEUE,
            start_to_close_timeout=policy.PAGE_TIMEOUT,
            retry_policy=policy.RECORD_RETRY,
        )

    async def _again(self, request: ReprocessInput, call_id: str) -> bool:
        """Whether every step of a call went well."""
        try:
            done = await workflow.execute_child_workflow(
                AftercareWorkflow.run,
                AfterInput(call_id, request.steps, latest=True),
                id=policy.after_workflow_id(call_id, request.reprocess_id),
            )
        except (ChildWorkflowError, FailureError) as error:
            workflow.logger.warning("call %s could not be done again: %s", call_id, error)
            return False
        return not done.failed

    async def _end(self, request: ReprocessInput, error: str | None) -> None:
        await workflow.execute_activity(
            signatures.end_reprocess,
            ReprocessEnd(request.reprocess_id, request.done, request.failed, error),
            task_queue=policy.AFTER_QUEUE,
            start_to_close_timeout=policy.RECORD_TIMEOUT,
            retry_policy=policy.RECORD_RETRY,
        )
