"""The activities that workflows call, by name and type; the code is in `activities/`."""

from __future__ import annotations

from temporalio import activity

from workflows.after_types import AfterInput, Page, PageInput, ReprocessEnd, StepInput
from workflows.call_types import CallSight, GiveUp, SendAgent, Sent
from workflows.canary_types import TrialInput, TrialResult
from workflows.host_types import HostInput, Inquest
from workflows.reconcile_types import Look, Mended, Suspect
from workflows.record_types import RecordInput
from workflows.types import ReleaseInput, ReplicaInput, ValidateInput, ValidateResult


@activity.defn
async def validate_config(request: ValidateInput) -> ValidateResult:
    """Check that a version can run: its config, its providers, and LiveKit with its key."""
    raise NotImplementedError(request)


@activity.defn
async def record_transitions(request: RecordInput) -> None:
    """Write what changed to Postgres; the same again changes nothing."""
    raise NotImplementedError(request)


@activity.defn
async def judge_canary(trial: TrialInput) -> TrialResult:
    """Watch a version on trial until its step is over, or until it is worse than the live one."""
    raise NotImplementedError(trial)


@activity.defn
async def host_agent(request: ReplicaInput) -> None:
    """Register the agent with LiveKit and take its calls until cancelled; then drain."""
    raise NotImplementedError(request)


@activity.defn
async def release_agent(request: ReleaseInput) -> bool:
    """On one host: begin to drain a replica now. False when the host does not run that attempt."""
    raise NotImplementedError(request)


@activity.defn
async def keep_host(host: HostInput) -> None:
    """On one host: say with every heartbeat that it is there, until it leaves."""
    raise NotImplementedError(host)


@activity.defn
async def hand_on_agents(host: HostInput) -> Inquest:
    """Find out whether a silent host is lost; if so, fail its agents' activities: others take them."""
    raise NotImplementedError(host)


@activity.defn
async def look_at_agents() -> Look:
    """Compare what Temporal runs with what Postgres tells."""
    raise NotImplementedError


@activity.defn
async def look_at_calls() -> Look:
    """Compare the calls that Postgres holds open with LiveKit's rooms."""
    raise NotImplementedError


@activity.defn
async def mend_agents(suspects: list[Suspect]) -> Mended:
    """Look again at agents that differed, each by itself, and put right what differs still."""
    raise NotImplementedError(suspects)


@activity.defn
async def mend_calls(suspects: list[Suspect]) -> Mended:
    """Look again for the rooms of calls, and close those that have none."""
    raise NotImplementedError(suspects)


@activity.defn
async def look_at_call(call_id: str) -> CallSight:
    """How a call is by Postgres and LiveKit; one that nobody came to is closed."""
    raise NotImplementedError(call_id)


@activity.defn
async def send_agent(request: SendAgent) -> Sent:
    """Send an agent to a caller who has none, instead of one that is lost; the same again does nothing."""
    raise NotImplementedError(request)


@activity.defn
async def give_up_call(request: GiveUp) -> None:
    """Tell the caller and operators that no agent comes; end the call where that is asked for."""
    raise NotImplementedError(request)


@activity.defn
async def finish_call(call_id: str) -> list[str]:
    """Put the record of a call that is over in order; the steps that its agent asks for, or `GOES_ON`."""
    raise NotImplementedError(call_id)


@activity.defn
async def run_step(request: StepInput) -> None:
    """Do a step with a call that is over, and keep what came of it; again is fine."""
    raise NotImplementedError(request)


@activity.defn
async def conclude_call(request: AfterInput) -> None:
    """The steps of a call are over, as well as they could be done."""
    raise NotImplementedError(request)


@activity.defn
async def next_calls(request: PageInput) -> Page:
    """Note how far a wish is; the next calls of it."""
    raise NotImplementedError(request)


@activity.defn
async def end_reprocess(request: ReprocessEnd) -> None:
    """Note that a wish is over."""
    raise NotImplementedError(request)
