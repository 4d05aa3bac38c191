"""What an agent's workflow tells: Postgres what changed, Temporal's UI how things are."""

from __future__ import annotations

from dataclasses import replace

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from common.status import Status
    from workflows import policy, signatures
    from workflows.reconcile_types import Account
    from workflows.record_types import AgentSummary, RecordInput, ReplicaView, Transition
    from workflows.types import (
        AgentInput,
        AgentState,
        Deployment,
        Replica,
    )


class Chronicle:
    """`tell` and `show` never wait; `keep` writes what they were told in order, each once."""

    def __init__(self, agent: AgentInput, state: AgentState) -> None:
        self._agent = agent
        self._state = state
        self._entries: list[RecordInput] = []
        self._replicas: dict[str, ReplicaView] = {}
        self._writing = False
        self._held = False
        self._shown: tuple[Status, str] | None = None
        """What searches find: the status, and the id of its deployment."""
        if newest := state.next or state.live:
            # Search attributes go on in the next run by themselves, this text does not.
            self._show_details(newest)

    @property
    def idle(self) -> bool:
        """True when all is written."""
        return not (self._entries or self._replicas or self._writing)

    def begin(self, deployment: Deployment) -> None:
        """`deployment` was accepted, and written as such: only Temporal's UI needs to be told."""
        self._state.last_error = None
        self._describe(deployment)

    def tell(self, deployment: Deployment, status: Status, actor: str, reason: str | None = None) -> None:
        """`deployment` is in `status` from now on. What passes at once is written with what follows it."""
        deployment.status, deployment.reason = status, reason
        deployment.sequence += 1
        self._state.sequence += 1
        if status in {Status.FAILED, Status.DEGRADED}:
            self._state.last_error = reason
        elif status in {Status.VALIDATING, Status.RUNNING}:
            self._state.last_error = None
        transition = Transition(
            deployment.sequence, workflow.now(), status, actor, reason, deployment.attempt
        )
        entry = RecordInput(
            self._agent.agent_id, deployment.request.deployment_id, [transition], self._summary()
        )
        self._held = status is Status.STARTING and (self._held or not self._entries)
        self._add(entry)
        self._describe(deployment)

    def show(self, replica: Replica) -> None:
        """`replica` changed. Goes with the next transition, or by itself when none is on its way."""
        if not self._state.tells_replicas:
            return
        self._state.sequence += 1
        self._replicas[replica.id] = replica.view(self._state.sequence)

    def repeat(self, seen: int) -> None:
        """Tell everything as it is now, numbered after `seen`: Postgres lost some of it, or never got it."""
        state = self._state
        state.sequence = max(state.sequence, seen) + 1
        for each in self._known:
            again = Transition(
                each.sequence, workflow.now(), each.status, policy.RECONCILER, each.reason, each.attempt
            )
            self._add(RecordInput(self._agent.agent_id, each.request.deployment_id, [again], self._summary()))
        for replica in state.replicas.values():
            self.show(replica)

    @property
    def _known(self) -> list[Deployment]:
        state = self._state
        return [*state.leaving, *(each for each in (state.live, state.next) if each)]

    def account(self, *, settled: bool) -> Account:
        """What is known."""
        state, live = self._state, self._state.live
        if not (live or state.next):
            return Account(state.sequence, settled=settled, told=self.idle)
        serving = [r for r in state.replicas.values() if live and r.serves(live)]
        return Account(
            sequence=state.sequence,
            settled=settled,
            told=self.idle,
            status=self._focus.status,
            deployment_id=self._focus.request.deployment_id,
            live_deployment_id=live.request.deployment_id if live else None,
            missing=max(live.request.replicas - len(serving), 0) if live else 0,
            deployments={each.request.deployment_id: each.sequence for each in self._known},
            replicas={replica.id: replica.status for replica in state.replicas.values()},
        )

    def flush(self) -> None:
        """Write what was held back: it did not pass at once."""
        self._held = False

    def _add(self, entry: RecordInput) -> None:
        last = self._entries[-1] if self._entries else None
        if last and last.deployment_id == entry.deployment_id:
            entry.transitions[:0] = self._entries.pop().transitions
        self._entries.append(entry)

    @property
    def _focus(self) -> Deployment:
        """The deployment that says how the agent is: one on its way, else the live one, else the last.

        One on trial is on its way, but most calls go to the live one.
        """
        upcoming, live = self._state.next, self._state.live
        serves = live and upcoming and (upcoming.status.terminal or self._state.canary)
        focus = upcoming if upcoming and not serves else live
        assert focus is not None
        return focus

    def _summary(self) -> AgentSummary:
        live = self._state.live
        return AgentSummary(
            sequence=self._state.sequence,
            status=self._focus.status,
            live_version=live.request.version if live else None,
            live_deployment_id=live.request.deployment_id if live else None,
            deployment_id=self._focus.request.deployment_id,
            last_error=self._state.last_error,
            canary=self._state.canary,
        )

    async def keep(self) -> None:
        """Write entries for ever; the end of the workflow ends it."""
        while True:
            await workflow.wait_condition(lambda: not self._held and bool(self._entries or self._replicas))
            self._writing = True
            entry = self._next()
            # Local: a write of milliseconds is not worth three events and a workflow task of its own.
            await workflow.execute_local_activity(
                signatures.record_transitions,
                entry,
                start_to_close_timeout=policy.RECORD_TIMEOUT,
                retry_policy=policy.RECORD_RETRY,
                summary=_summary_of(entry),
            )
            self._writing = False

    def _next(self) -> RecordInput:
        replicas, self._replicas = list(self._replicas.values()), {}
        if self._entries:
            return replace(self._entries.pop(0), replicas=replicas)
        summary = self._summary()
        return RecordInput(self._agent.agent_id, summary.deployment_id, [], summary, replicas)

    def _describe(self, changed: Deployment) -> None:
        self._show_details(changed)
        self._show_in_searches(self._focus)

    def _show_details(self, changed: Deployment) -> None:
        live = self._state.live
        lines = [
            f"**{self._agent.slug}** is **{self._focus.status}**",
            f"- live version: {live.request.version if live else 'none'}",
            f"- version {changed.request.version}: {changed.status}, attempt {changed.attempt}",
            f"- asked for by {changed.request.actor}"
            + (f": {asked}" if (asked := changed.request.note) else ""),
        ]
        if changed.reason:
            lines.append(f"- {changed.reason}")
        workflow.set_current_details("\n".join(lines))

    def _show_in_searches(self, focus: Deployment) -> None:
        """Let Temporal's UI find agents by status; what passes in a moment is not worth an event."""
        now = (focus.status, focus.request.deployment_id)
        if focus.status in {Status.VALIDATING, Status.STARTING} or now == self._shown:
            return
        same_status = self._shown is not None and self._shown[0] is focus.status
        if same_status and not workflow.patched(policy.SEARCHES_NAME_THE_NEWEST):
            return
        self._shown = now
        workflow.upsert_search_attributes(
            [
                policy.AGENT_STATUS.value_set(focus.status),
                policy.AGENT_VERSION.value_set(focus.request.version),
                policy.DEPLOYMENT_ID.value_set(focus.request.deployment_id),
            ]
        )


def _summary_of(entry: RecordInput) -> str:
    newest = entry.transitions[-1] if entry.transitions else entry.replicas[-1]
    what = str(newest.status) if entry.transitions else f"replica {newest.status}"
    return f"{what}: {newest.reason}" if newest.reason else what
