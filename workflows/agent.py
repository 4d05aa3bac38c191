"""The life of an agent: what should run, and how it gets there."""

from __future__ import annotations

import asyncio

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from common.status import Status
    from workflows import policy
    from workflows.canary import Canary
    from workflows.chronicle import Chronicle
    from workflows.errors import refuse
    from workflows.fleet import Fleet
    from workflows.reconcile_types import Account
    from workflows.rollout import Rollout
    from workflows.types import (
        AgentInput,
        Deployment,
        DeploymentState,
        DeployRequest,
        Replica,
        ReplicaChanged,
        RetryRequest,
        StopRequest,
    )

Wish = DeployRequest | RetryRequest | StopRequest


@workflow.defn
class AgentWorkflow:
    """One per agent, for ever. Takes wishes by update and works on the newest until it is fulfilled."""

    @workflow.init
    def __init__(self, agent: AgentInput) -> None:
        self._agent = agent
        self._state = agent.state
        self._wish: Wish | None = None
        self._stopping: StopRequest | None = None
        self._retired = False
        self._chronicle = Chronicle(agent, self._state)
        self._fleet = Fleet(agent, self._state, self._chronicle)
        self._rollout = Rollout(agent, self._chronicle, self._wished)
        self._canary = Canary(agent, self._state, self._chronicle, self._wished)

    @workflow.run
    async def run(self, agent: AgentInput) -> None:
        """Fulfil wishes until the agent is deleted."""
        writer = asyncio.create_task(self._chronicle.keep())
        while self._wish or not self._retired:
            await workflow.wait_condition(lambda: bool(self._wish) or self._retired or self._long)
            wish, self._wish = self._wish, None
            if isinstance(wish, StopRequest):
                await self._wind_down(wish)
            elif wish:
                await self._roll_out(wish.actor)
            elif self._long:
                await self._settle()
                if not (self._wish or self._retired):
                    workflow.continue_as_new(AgentInput(agent.agent_id, agent.slug, self._state))
        # Nobody would end them later: an agent that is deleted has no other workflow.
        left = [replica for replica in self._fleet.all() if not replica.draining]
        await self._fleet.drain(left, 0)
        await self._settle()
        writer.cancel()

    @property
    def _long(self) -> bool:
        return workflow.info().is_continue_as_new_suggested()

    def _wished(self) -> bool:
        """Whether what is under way is not wanted any more."""
        return self._wish is not None or self._retired

    async def _settle(self) -> None:
        """Wait until all is told and every handler is done."""
        self._chronicle.flush()
        await workflow.wait_condition(lambda: self._chronicle.idle and workflow.all_handlers_finished())

    async def _roll_out(self, actor: str) -> None:
        """Bring `next` up beside what is live, and let the old one go only then. A new wish ends it."""
        deployment = self._state.next
        assert deployment is not None
        self._canary.outcome = None  # another one's
        checked = await self._rollout.validated(deployment)
        if self._wished():
            return
        if isinstance(checked, str):
            await self._give_up(deployment, actor, checked)
            return
        self._chronicle.tell(deployment, Status.STARTING, actor)
        replicas = await self._fleet.staff(deployment, checked)
        failure = await self._rollout.registered(deployment, replicas)
        if deployment.request.canary and not (failure or self._wished()):
            await self._clear_up(deployment, replicas)
            failure = await self._canary.try_out(deployment, replicas, actor)
            if not (failure or self._wished()) and workflow.patched(policy.HEALTHY_TAKE_OVER):
                # Who lost LiveKit meanwhile had no calls, and so none that went badly.
                failure = await self._rollout.registered(deployment, replicas)
        if self._wished():
            return
        if failure:
            await self._give_up(deployment, actor, failure)
        else:
            await self._take_over(deployment, replicas, actor)

    async def _clear_up(self, deployment: Deployment, replicas: list[Replica]) -> None:
        """A trial may last for days: what superseded rollouts began ends before it, not with it."""
        strays = [each for each in self._fleet.strays(self._state.live) if each not in replicas]
        if strays and workflow.patched(policy.TRIALS_CLEAR_UP):
            await self._fleet.drain(strays, deployment.request.drain_seconds, policy.NOTICE)

    async def _give_up(self, deployment: Deployment, actor: str, reason: str) -> None:
        """The rollout failed. What serves goes on; what this or a superseded rollout began ends."""
        self._chronicle.tell(deployment, Status.FAILED, actor, reason)
        strays = self._fleet.strays(self._state.live)
        await self._fleet.drain(strays, deployment.request.drain_seconds, policy.NOTICE)

    async def _take_over(self, deployment: Deployment, replicas: list[Replica], actor: str) -> None:
        """Make `deployment` the live one and let the others drain."""
        previous, self._state.live, self._state.next = self._state.live, deployment, None
        self._fleet.adopt(replicas, deployment)
        self._chronicle.tell(deployment, Status.RUNNING, actor, self._canary.outcome)
        deployment.reason = None  # of that moment only: what is told later is compared with it
        if previous:
            self._state.leaving.append(previous)
            self._chronicle.tell(previous, Status.DRAINING, actor, _replaced(previous, deployment))
        rest = [replica for replica in self._fleet.all() if replica not in replicas and not replica.draining]
        await self._fleet.drain(rest, deployment.request.drain_seconds, policy.NOTICE)
        self._close()

    async def _wind_down(self, stop: StopRequest) -> None:
        """Drain every replica. A new wish ends the wait, not the draining."""
        self._stopping = stop
        await self._fleet.drain(self._fleet.all(), stop.drain_seconds)
        self._close()
        await workflow.wait_condition(lambda: self._stopping is None)

    def _follow(self, live: Deployment) -> None:
        """Tell when the live deployment is no longer, or again, as it should be."""
        replicas = self._fleet.of(live)
        # Replicas that are tried again together are one more attempt, not as many as there are.
        live.attempt = max(live.attempt, live.begun + max((each.attempt - 1 for each in replicas), default=0))
        missing = live.request.replicas - len(replicas)
        ailing = [each for each in replicas if each.status is not Status.RUNNING and not each.moving]
        lost = "A replica ended without being told to. Deploy again to replace it." if missing > 0 else None
        reason = next((replica.reason for replica in ailing if replica.reason), lost)
        if replicas and all(replica.status is Status.FAILED for replica in replicas):
            status = Status.FAILED
        else:
            status = Status.DEGRADED if ailing or missing > 0 else Status.RUNNING
        moved = self._fleet.moved(live) if status is Status.RUNNING else None
        if (status, reason) == (live.status, live.reason) and not moved:
            return
        if status is Status.FAILED:
            self._state.live = None
            if self._state.next is None or self._state.next.status.terminal:
                self._state.next = live
        self._chronicle.tell(live, status, policy.PLATFORM, moved or reason)
        if moved:
            live.reason = None  # as in `_take_over`

    def _close(self) -> None:
        """Tell of replaced and stopped deployments whose last replica is gone."""
        held = {replica.deployment_id for replica in self._fleet.all()}
        for deployment in list(self._state.leaving):
            if deployment.request.deployment_id not in held:
                self._state.leaving.remove(deployment)
                self._chronicle.tell(deployment, Status.STOPPED, policy.PLATFORM, deployment.reason)
        if self._stopping and self._state.next and self._fleet.empty:
            self._chronicle.tell(self._state.next, Status.STOPPED, self._stopping.actor)
            self._stopping = None

    def _wants(self, wish: Wish) -> None:
        """Something new is wanted: nobody waits for the end of what was to stop."""
        self._wish, self._stopping = wish, None

    def _supersede(self, under_way: Deployment | None, reason: str, actor: str) -> None:
        """A rollout is not wanted any more. Say so once it is known what is wanted instead."""
        self._state.canary = None
        if under_way and not under_way.status.terminal:
            self._chronicle.tell(under_way, Status.STOPPED, actor, reason)

    @workflow.update
    def deploy(self, request: DeployRequest) -> DeploymentState:
        """Run a version. Answers at once; the same deployment again is the same wish."""
        for known in (self._state.next, self._state.live):
            if known and known.request.deployment_id == request.deployment_id:
                return known.state
        self._state.sequence = max(self._state.sequence, request.seen.sequence)
        self._state.replicas_started = max(self._state.replicas_started, request.seen.replicas)
        self._state.tells_replicas |= request.tells_replicas
        under_way, deployment = self._state.next, Deployment(request, sequence=request.seen.deployment)
        if not (self._state.live or under_way):
            self._fleet.inherit(request.seen.left)
        self._state.next = deployment
        self._supersede(under_way, f"Superseded by version {request.version}.", request.actor)
        self._chronicle.begin(deployment)
        self._wants(request)
        return deployment.state

    @workflow.update
    def retry(self, request: RetryRequest) -> DeploymentState:
        """Try the failed deployment again."""
        deployment = self._state.next
        assert deployment is not None
        deployment.attempt += 1
        deployment.begun = deployment.attempt
        self._chronicle.tell(deployment, Status.VALIDATING, request.actor, request.note)
        self._wants(request)
        return deployment.state

    @retry.validator
    def _may_retry(self, request: RetryRequest) -> None:
        if self._state.next is None or self._state.next.status is not Status.FAILED:
            raise refuse("Nothing failed, so there is nothing to retry.")

    @workflow.update
    def stop(self, request: StopRequest) -> DeploymentState:
        """Run nothing any more: no new calls from now on, running ones may finish."""
        live, under_way = self._state.live, self._state.next
        deployment = live or under_way
        assert deployment is not None
        self._state.live, self._state.next = None, deployment
        if live:
            self._supersede(under_way, "Superseded by a stop.", request.actor)
        self._chronicle.tell(deployment, Status.DRAINING, request.actor, request.note)
        self._wants(request)
        return deployment.state

    @stop.validator
    def _may_stop(self, request: StopRequest) -> None:
        running = self._state.live or self._state.next
        if running is None or (running.status.terminal and self._fleet.empty):
            raise refuse("The agent is not deployed, so there is nothing to stop.")

    @workflow.signal
    def retire(self) -> None:
        """The agent is deleted: end."""
        self._retired = True

    @workflow.signal
    async def replica_changed(self, change: ReplicaChanged) -> None:
        """A replica tells how it is; a live deployment follows its replicas."""
        unruly = self._fleet.take(change)
        if self._state.live:
            self._follow(self._state.live)
        self._close()
        for replica in unruly:
            await self._fleet.drain([replica], replica.drain_seconds or 0)
        if await self._fleet.handover(change.replica_id) and self._state.live:
            self._follow(self._state.live)

    @workflow.signal
    def tell_again(self, seen: int) -> None:
        """Postgres does not tell what is so, though it has reports numbered up to `seen`."""
        self._chronicle.repeat(seen)

    @workflow.query
    def account(self) -> Account:
        """What is known, for those who compare."""
        under_way = self._state.next
        settled = not self._wish and (under_way is None or under_way.status.terminal)
        return self._chronicle.account(settled=settled)

    @workflow.query
    def state(self) -> DeploymentState | None:
        """The deployment in hand."""
        deployment = self._state.next or self._state.live
        return deployment.state if deployment else None


def _replaced(previous: Deployment, by: Deployment) -> str:
    if previous.request.version != by.request.version:
        return f"Replaced by version {by.request.version}."
    count = by.request.replicas
    return f"Replaced by the same version with {count} replica{'s' if count != 1 else ''}."
