"""The life of one call: its caller is never left without an agent."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import timedelta
from typing import NoReturn

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from workflows import policy, signatures
    from workflows.after import AftercareWorkflow
    from workflows.after_types import AfterInput, Step
    from workflows.arrival import Arrival
    from workflows.call_types import (
        GOES_ON,
        AgentLost,
        CallInput,
        CallSight,
        CallState,
        GiveUp,
        SendAgent,
        Sent,
    )
    from workflows.errors import reason_of


@workflow.defn
class CallWorkflow:
    """Watches one call from its token to its end, and sends another agent whenever the caller has none.

    It sleeps until something is heard: LiveKit's webhooks tell who comes and goes, hosts tell of agents they
    have lost. What may have been missed is looked up now and then. Postgres and LiveKit know how the call is;
    what is kept here is which agent was sent last, and how often that was in vain.
    """

    @workflow.init
    def __init__(self, call: CallInput) -> None:
        self._call = call
        self._attempt = call.attempt
        self._tries = call.tries
        self._lost: AgentLost | None = None
        self._expecting: timedelta | None = None
        """How long until an agent must be there; None while nothing suggests that there is none."""
        self._over = False
        self._ready = False
        """Whether an agent has registered since one was sent: that may have been in vain."""
        self._sent_at = workflow.now()
        """When the agent was sent that should be there; the token's own, when its caller came."""
        self._deadline = self._sent_at
        """When it must be there."""
        self._arrival = Arrival(self._sent_at)

    @workflow.signal
    def caller_came(self) -> None:
        """The caller is in the room: an agent must come, also where the call was over before."""
        self._arrival.caller_came(workflow.now(), anew=self._over)
        self._over = False
        self._sent_at = workflow.now()
        self._expect(timedelta(seconds=self._call.patience_seconds))

    @workflow.signal
    def agent_left(self, attempt: int | None = None) -> None:
        """The agent of that attempt has left the room, and its caller has not."""
        if attempt is not None and attempt < self._attempt:
            return  # one that was lost is taken out when another one is sent
        if attempt is not None:
            self._arrival.left(attempt)
        self._expect(policy.LEFT_GRACE)

    @workflow.signal
    def agent_lost(self, lost: AgentLost) -> None:
        """The agent's process, or its host, is gone."""
        if lost.attempt >= self._attempt:
            self._lost = lost

    @workflow.signal
    def agent_ready(self) -> None:
        """An agent has registered, and the caller has none."""
        self._ready = True

    @workflow.signal
    def over(self) -> None:
        """The room is gone."""
        self._over = True

    @workflow.run
    async def run(self, call: CallInput) -> None:
        """Return when the call is over. Starts with the first signal, or when the token has expired."""
        first = self._lost is None and self._expecting is None and not self._over
        if first:
            await self._act_on(await self._look())
        while True:
            while not self._is_over():
                await self._watch()
                if workflow.info().is_continue_as_new_suggested() and not self._news():
                    _begin_anew(call, self._attempt, self._tries)
            if await self._finish():
                break
        if not self._is_over():  # the caller came back in the last moment
            _begin_anew(call, self._attempt, self._tries)

    async def _watch(self) -> None:
        """Wait for what happens next, and do what it asks for."""
        await self._wait()
        if self._over:
            return
        if lost := self._lost:
            self._lost = None
            await self._replace(lost)
        else:
            await self._act_on(await self._look())

    def _expect(self, patience: timedelta) -> None:
        if self._expecting is None or patience < self._expecting:
            self._expecting = patience

    def _is_over(self) -> bool:
        """Asked where the checker of types takes it for settled: a signal may have come while we waited."""
        return self._over

    def _news(self) -> bool:
        return self._over or self._lost is not None

    async def _wait(self) -> None:
        """Until something is heard, or it is time to look."""
        patience, self._expecting = self._expecting, None
        try:
            if patience is None:
                await workflow.wait_condition(
                    lambda: self._news() or self._expecting is not None, timeout=policy.CALL_CHECK
                )
                patience, self._ready = self._expecting, False
            if patience is not None and not self._news():
                self._expecting, self._deadline = None, workflow.now() + patience
                await workflow.wait_condition(lambda: self._news() or self._ready, timeout=patience)
                await self._let_it_be_taken()
        except TimeoutError:
            pass

    async def _let_it_be_taken(self) -> None:
        """A host needs a moment until it says that it has the job of the agent that was sent."""
        rest = self._sent_at + policy.TAKEN_WITHIN - workflow.now()
        if not self._news() and rest > timedelta():
            await workflow.wait_condition(self._news, timeout=rest)

    async def _look(self) -> CallSight | None:
        """How the call is; None where neither Postgres nor LiveKit would say."""
        try:
            return await workflow.execute_local_activity(
                signatures.look_at_call,
                self._call.call_id,
                start_to_close_timeout=policy.LOOK_AT_CALL_TIMEOUT,
                retry_policy=policy.ONCE,
            )
        except (ActivityError, ApplicationError):
            self._expect(policy.CALL_PAUSE)
            return None

    async def _act_on(self, sight: CallSight | None) -> None:
        if sight is None:
            return
        if sight.attempt > self._attempt:  # a host sent it itself, for want of Temporal
            self._attempt = sight.attempt
            self._arrival.sent(workflow.now())
        if sight.state is CallState.OVER:
            self._over = True
        elif sight.state is CallState.COMING:
            await self._wait_for(sight)
        elif sight.state is CallState.ALONE:
            await self._replace(AgentLost(self._attempt, self._why_alone()))
        elif sight.state is CallState.GOING:
            self._arrival.arrived()
            if self._tries:
                self._describe("the agent that was sent is in the call")
                self._tries = 0

    async def _wait_for(self, sight: CallSight) -> None:
        """An agent is on its way: wait for it, or send another one after all."""
        now, instead_of, reason = workflow.now(), None, self._why_alone()
        if workflow.patched(policy.AGENTS_ON_THEIR_WAY):
            rest = self._arrival.patience(sight, self._deadline, now)
            instead_of = sight.host if self._arrival.asks_another(sight) else None
            reason = f"No agent came within {self._arrival.waited(now):.1f} s."
        else:
            rest = max(self._deadline - now, timedelta()) if self._ready else None
        if rest is None:
            await self._replace(AgentLost(self._attempt, reason), instead_of)
        else:
            self._ready = False
            self._expect(rest)

    def _why_alone(self) -> str:
        if self._ready:
            return "No agent was registered when one was sent for."
        if self._tries:
            return "The agent that was sent did not stay."
        return f"No agent came within {self._call.patience_seconds:g} s."

    async def _replace(self, lost: AgentLost, instead_of: str | None = None) -> None:
        """Send another agent, from another host `instead_of` that one; soon after, a look shows whether it is
        there."""
        if not self._ready:  # else the last one was sent in vain for want of a host, and not of luck
            self._tries += 1
        if self._tries > policy.CALL_TRIES_AT_ONCE:
            await self._pause()
            if self._is_over():
                return
        self._describe(f"{lost.reason} **Another agent is sent**: number {lost.attempt + 1}")
        elsewhere, self._ready = self._tries % 2 == 0, False
        sent = await self._send(SendAgent(self._call.call_id, lost, elsewhere, instead_of))
        self._attempt, self._sent_at = sent.attempt, workflow.now()
        self._arrival.sent(self._sent_at, instead=instead_of is not None)
        late = self._lost is not None and self._lost.attempt < self._attempt
        if late and workflow.patched(policy.AGENTS_ON_THEIR_WAY):
            self._lost = None  # it was told meanwhile, of the one that is replaced by now
        if sent.state is CallState.OVER:
            self._over = True
        elif sent.state is not CallState.EMPTY:
            # Not the sooner one of the two: what was expected before was the agent before.
            self._expecting = policy.SENT_PATIENCE
            await self._despair(sent.problem or lost.reason, hopeless=bool(sent.problem))

    async def _pause(self) -> None:
        """An agent that was lost again and again is not sent in a rush."""
        growing = timedelta(seconds=2 ** (self._tries - policy.CALL_TRIES_AT_ONCE))
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._over or self._ready, timeout=min(growing, policy.CALL_PAUSE)
            )

    async def _send(self, request: SendAgent) -> Sent:
        return await workflow.execute_activity(
            signatures.send_agent,
            request,
            start_to_close_timeout=policy.SEND_AGENT_TIMEOUT,
            retry_policy=policy.SEND_AGENT_RETRY,
            summary=f"another agent: {request.lost.reason}",
        )

    async def _despair(self, reason: str, *, hopeless: bool) -> None:
        """Tell those concerned once, and end the call when nothing has helped for long."""
        last = hopeless or self._tries >= policy.CALL_LAST_TRY
        if not last and self._tries != policy.CALL_TRIES:
            return
        await workflow.execute_activity(
            signatures.give_up_call,
            GiveUp(self._call.call_id, reason, self._tries, over=last),
            start_to_close_timeout=policy.SEND_AGENT_TIMEOUT,
            retry_policy=policy.RECORD_RETRY,
            summary=f"no agent: {reason}",
        )
        self._over = self._over or last

    async def _finish(self) -> bool:
        """Put the record in order; False where the call goes on after all, for its caller is back."""
        steps: list[str] | None = None
        try:
            steps = await workflow.execute_local_activity(
                signatures.finish_call,
                self._call.call_id,
                start_to_close_timeout=policy.RECORD_TIMEOUT,
                retry_policy=policy.RECORD_RETRY,
            )
        except (ActivityError, ApplicationError) as error:
            workflow.logger.error("the record of a call is not in order: %s", reason_of(error))
        if steps == [GOES_ON]:
            self._over, self._arrival = False, Arrival(workflow.now())
            self._expect(policy.LEFT_GRACE)
            return False
        self._describe("over")
        if steps:
            await self._look_after([Step(each) for each in steps])
        return True

    async def _look_after(self, steps: list[Step]) -> None:
        """Have the rest done by a workflow of its own: this one begins anew if the caller comes back."""
        call_id = self._call.call_id
        await workflow.start_child_workflow(
            AftercareWorkflow.run,
            AfterInput(call_id, steps, settle_seconds=policy.SETTLE.total_seconds()),
            id=policy.after_workflow_id(call_id, workflow.info().run_id),
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
            static_summary=f"after a call with {self._call.slug}",
        )

    def _describe(self, state: str) -> None:
        workflow.set_current_details(f"**{self._call.slug}**, room {self._call.room}\n- {state}")


def _begin_anew(call: CallInput, attempt: int, tries: int) -> NoReturn:
    """Go on with an empty history."""
    workflow.continue_as_new(replace(call, attempt=attempt, tries=tries))
