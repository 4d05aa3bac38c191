"""What goes into the workflow of a call and comes out of what it asks for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from common.causes import Cause

GOES_ON = "goes on"
"""Instead of the steps after a call that is over: this one is not, for its caller is back."""


@dataclass(frozen=True)
class CallInput:
    """One call's workflow."""

    call_id: str
    agent_id: str
    slug: str
    room: str
    patience_seconds: float = 2.0
    """How long a caller may be without an agent before another one is sent."""
    attempt: int = 1
    """The dispatch whose agent should be there: the token's own is the first."""
    tries: int = 0
    """How many agents were sent in a row of which none stayed."""


@dataclass(frozen=True)
class AgentLost:
    """The agent of a call is gone."""

    attempt: int
    """The dispatch that had sent it."""
    reason: str
    crashed: bool = False
    """Whether it is the agent's own fault, and not its host's."""
    host: str | None = None
    """Where it was."""
    cut: bool = False
    """Whether its host ended it on purpose: another version is to go on, or none."""


class CallState(StrEnum):
    """How a call is, on a look at Postgres and LiveKit."""

    OVER = "over"
    EMPTY = "empty"
    """Nobody is in the room that waits for anybody."""
    ALONE = "alone"
    """The caller is there, and no agent."""
    COMING = "coming"
    """The same, and a host that is there has the job of one."""
    GOING = "going"
    """The caller is there, and an agent."""


@dataclass(frozen=True)
class CallSight:
    """What a look at a call has shown."""

    state: CallState
    attempt: int
    host: str | None = None
    """Of an agent that is coming: from where."""
    others: bool = False
    """Whether one could come from another host as well, which has room."""


@dataclass(frozen=True)
class SendAgent:
    """Send another agent to a call."""

    call_id: str
    lost: AgentLost
    elsewhere: bool = False
    """To another host than the lost one's, where there is one."""
    instead_of: str | None = None
    """The host whose agent is slow to come: it leaves this one to others."""


@dataclass(frozen=True)
class Sent:
    """What came of it."""

    attempt: int
    """The dispatch that speaks for the call now."""
    state: CallState
    """`GOING` when an agent was sent: it should be there in a moment."""
    problem: str | None = None
    """Why no agent can be sent."""


@dataclass(frozen=True)
class NotSent:
    """Why no agent could be sent."""

    reason: str
    cause: Cause | None = None
    """The same in one word, where it is known."""


@dataclass(frozen=True)
class GiveUp:
    """No agent comes to a call, try as we may."""

    call_id: str
    reason: str
    tries: int
    over: bool = False
    """Whether the call is to be ended as well."""
    unless_held: bool = False
    """Do nothing where a host that is there has the job of an agent: it may see what others do not."""
    cause: Cause | None = None
    """The reason in one word, where that is known; else it is looked for."""
