"""The life of one call: its caller is never left without an agent."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import timedelta
from typing import NoReturn

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from common.causes import Cause
    from workflows import call_work, policy
    from workflows.after_types import Step
    from workflows.arrival import Arrival
    from workflows.call_types import (
        GOES_ON,
        AgentLost,
        CallInput,
        CallSight,
        CallState,
        GiveUp,
        NotSent,
        SendAgent,
    )


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
        self._blind = 0
        """How often in a row LiveKit would not say how the call is."""
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
        """How the call is; None where Postgres or LiveKit would not say.

        A server of LiveKit's that is gone for good takes its calls along, unless a host says it has them.
        """
        try:
            sight = await call_work.look(self._call)
        except call_work.Blind as blind:
            self._expect(policy.CALL_PAUSE)
            self._blind = self._blind + 1 if blind.lasting else 0
            if self._blind == policy.CALL_LOST_FROM_SIGHT:
                self._blind = 0
                await self._tell_of(blind.reason, over=True, unless_held=True, cause=Cause.LIVEKIT)
            return None
        self._blind = 0
        return sight

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
        one_more = not self._ready  # else the last one was sent in vain for want of a host, and not of luck
        self._tries += int(one_more)
        if self._tries > policy.CALL_TRIES_AT_ONCE:
            await self._pause()
            if self._is_over():
                return
        self._describe(f"{lost.reason} **Another agent is sent**: number {lost.attempt + 1}")
        elsewhere, self._ready = self._tries % 2 == 0, False
        sent = await call_work.send(SendAgent(self._call.call_id, lost, elsewhere, instead_of))
        if isinstance(sent, NotSent):
            if not self._news():
                self._lost = lost  # it may be in the room still, as if all were well
            await self._despair(sent.reason, one_more=one_more, cause=sent.cause)
            return
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
            reason, hopeless = sent.problem or lost.reason, bool(sent.problem)
            await self._despair(reason, hopeless=hopeless, one_more=one_more)

    async def _pause(self) -> None:
        """An agent that was lost again and again is not sent in a rush."""
        growing = timedelta(seconds=2 ** (self._tries - policy.CALL_TRIES_AT_ONCE))
        with contextlib.suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: self._over or self._ready, timeout=min(growing, policy.CALL_PAUSE)
            )

    async def _despair(
        self, reason: str, *, hopeless: bool = False, one_more: bool = True, cause: Cause | None = None
    ) -> None:
        """Tell those concerned once, and end the call when nothing has helped for long. `one_more`: whether
        there was one try more than before."""
        last = hopeless or self._tries >= policy.CALL_LAST_TRY
        if not last and self._tries != policy.CALL_TRIES:
            return
        if not (last or one_more) and workflow.patched(policy.ALARMS_ONCE):
            return
        await self._tell_of(reason, over=last, cause=cause)

    async def _tell_of(
        self, reason: str, *, over: bool, unless_held: bool = False, cause: Cause | None = None
    ) -> None:
        await call_work.give_up(GiveUp(self._call.call_id, reason, self._tries, over, unless_held, cause))
        self._over = self._over or over

    async def _finish(self) -> bool:
        """Put the record in order; False where the call goes on after all, for its caller is back."""
        steps = await call_work.finish(self._call)
        if steps == [GOES_ON]:
            self._over, self._arrival = False, Arrival(workflow.now())
            self._expect(policy.LEFT_GRACE)
            return False
        self._describe("over")
        if steps:
            await call_work.look_after(self._call, [Step(each) for each in steps])
        return True

    def _describe(self, state: str) -> None:
        workflow.set_current_details(f"**{self._call.slug}**, room {self._call.room}\n- {state}")


def _begin_anew(call: CallInput, attempt: int, tries: int) -> NoReturn:
    """Go on with an empty history."""
    workflow.continue_as_new(replace(call, attempt=attempt, tries=tries))
