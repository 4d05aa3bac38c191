"""The life of a runtime host, as far as others can tell."""

from __future__ import annotations

from datetime import timedelta
from typing import NoReturn

from temporalio import exceptions, workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from workflows import policy, signatures
    from workflows.host_types import HostInput, Inquest


@workflow.defn
class HostWorkflow:
    """Hears of one host all the time. When it falls silent, others get its agents at once.

    One heartbeat for all agents of a host: theirs can be rare.
    """

    @workflow.run
    async def run(self, host: HostInput) -> None:
        """Return when the host has left in order; fail when it is lost."""
        self._describe(host, "there: the heartbeat of `keep_host` tells how it is")
        patience = policy.BOOT_TIMEOUT
        while not await self._left(host, patience):
            patience = policy.HEARTBEAT_TIMEOUT
            found = await self._inquest(host)
            if not found.alive:
                await self._mourn(host, found.agents)
            await workflow.sleep(policy.BACK_AGAIN)
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(host)
        # What Temporal gave it in its last moment was not taken.
        await self._inquest(HostInput(host.name, process=""))

    async def _left(self, host: HostInput, patience: timedelta) -> bool:
        """Listen to the host. True when it has left, False when it fell silent."""
        try:
            await workflow.execute_activity(
                signatures.keep_host,
                host,
                task_queue=policy.host_queue(host.name),
                schedule_to_start_timeout=patience,
                start_to_close_timeout=policy.HOST_TIMEOUT,
                heartbeat_timeout=policy.HEARTBEAT_TIMEOUT,
                retry_policy=policy.ONCE,
                summary=f"host {host.name}",
            )
        except ActivityError as error:
            if isinstance(error.cause, exceptions.TimeoutError | ApplicationError):
                return False
            raise
        return True

    async def _mourn(self, host: HostInput, agents: int) -> NoReturn:
        """Hand on what Temporal still gives to a process that only seems to listen, then fail."""
        workflow.upsert_memo({policy.PROCESS: ""})  # it has no right to the name any more
        for _ in range(policy.LAST_LOOKS):
            self._describe(host, f"**lost**; {agents} agents were handed on")
            await workflow.sleep(policy.LAST_LOOK_EVERY)
            agents += (await self._inquest(host)).agents
        raise ApplicationError(
            f"Host {host.name} is lost: nothing was heard of it for {policy.HEARTBEAT_TIMEOUT}. "
            f"{agents} agents were handed on.",
            type="HostLost",
            non_retryable=True,
        )

    async def _inquest(self, host: HostInput) -> Inquest:
        return await workflow.execute_activity(
            signatures.hand_on_agents,
            host,
            start_to_close_timeout=policy.HAND_ON_TIMEOUT,
            heartbeat_timeout=policy.HEARTBEAT_TIMEOUT,
            retry_policy=policy.RECORD_RETRY,
            summary=f"is {host.name} lost? If so, others take its agents",
        )

    def _describe(self, host: HostInput, state: str) -> None:
        workflow.set_current_details(f"**{host.name}**\n- {state}")
