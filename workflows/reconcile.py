"""One round of the reconciler: what differs, and differs still a moment later, is put right."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from workflows import policy, signatures
    from workflows.errors import reason_of
    from workflows.reconcile_types import Drift, Look, Mended, Round, RoundInput, Suspect

MOST_SHOWN = 20
"""Lines of details that Temporal's UI shows; the result has them all."""


@workflow.defn
class ReconcileWorkflow:
    """Started by the schedule `reconcile`, again and again. What can't be done is left to the next round."""

    @workflow.run
    async def run(self, request: RoundInput) -> Round:
        """Look, wait where something differs, look again and mend."""
        self._troubles: list[str] = []
        workflow.set_current_details("comparing Temporal, Postgres and LiveKit")
        agents = await self._look(signatures.look_at_agents, "agents: do Temporal and Postgres agree?")
        calls = await self._look(signatures.look_at_calls, "open calls: does LiveKit have their rooms?")
        mended = Mended()
        if agents.suspects or calls.suspects:
            found = f"{len(agents.suspects)} agents and {len(calls.suspects)} calls differ; looking again"
            workflow.set_current_details(found)
            await workflow.sleep(timedelta(seconds=request.patience_seconds), summary="is it on its way?")
            mended = await self._mend(agents.suspects, calls.suspects)
        done = Round(agents.seen, calls.seen, mended.repairs, self._troubles)
        workflow.set_current_details(_details(done))
        return done

    async def _look(self, look: Callable[[], Coroutine[Any, Any, Look]], summary: str) -> Look:
        try:
            found: Look = await workflow.execute_activity(
                look,
                start_to_close_timeout=policy.LOOK_TIMEOUT,
                heartbeat_timeout=policy.RECONCILE_HEARTBEAT_TIMEOUT,
                retry_policy=policy.ONCE,
                summary=summary,
            )
        except ActivityError as error:
            found = Look(0, [], [reason_of(error)])
        self._troubles += found.troubles
        return found

    async def _mend(self, agents: list[Suspect], calls: list[Suspect]) -> Mended:
        repairs = []
        for mend, suspects in ((signatures.mend_agents, agents), (signatures.mend_calls, calls)):
            if not suspects:
                continue
            try:
                mended = await workflow.execute_activity(
                    mend,
                    suspects,
                    start_to_close_timeout=policy.MEND_TIMEOUT,
                    heartbeat_timeout=policy.RECONCILE_HEARTBEAT_TIMEOUT,
                    retry_policy=policy.ONCE,
                    summary=_summary(suspects),
                )
            except ActivityError as error:
                mended = Mended([], [reason_of(error)])
            repairs += mended.repairs
            self._troubles += mended.troubles
        return Mended(repairs)


def _summary(suspects: list[Suspect]) -> str:
    counts = {drift: sum(each.drift == drift for each in suspects) for drift in Drift}
    return "second look: " + ", ".join(f"{drift} ({count})" for drift, count in counts.items() if count)


def _details(done: Round) -> str:
    lines = [f"compared {done.agents} agents and {done.calls} calls: **{len(done.repairs)} repairs**"]
    lines += [f"- {repair.what}" for repair in done.repairs[:MOST_SHOWN]]
    lines += [f"- not done: {trouble}" for trouble in done.troubles[:MOST_SHOWN]]
    return "\n".join(lines)
