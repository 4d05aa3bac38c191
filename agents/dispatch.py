"""What a dispatch says to the agent that it sends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID, uuid4

ATTEMPT = "bionic.attempt"
"""The attribute by which an agent in a room tells which dispatch sent it there."""


def agent_identity(job_id: str) -> str:
    """How the agent that has a job of LiveKit's is known in its room."""
    return f"agent-{job_id}"


def attempt_of(attributes: Mapping[str, str]) -> int | None:
    """Which dispatch sent the agent that has these attributes; None where it is not one of ours."""
    said = attributes.get(ATTEMPT, "")
    return int(said) if said.isdecimal() else None


@dataclass(frozen=True)
class Dispatch:
    """Which call an agent is sent to. Travels as the metadata of LiveKit's dispatch."""

    call_id: UUID
    attempt: int = 1
    """Counts the agents that were sent to the call. The caller's token sends the first one."""
    avoid: str | None = None
    """A host that shall leave the call to others."""

    elsewhere: bool = False
    """Whether a host that has a job of the call already, and brought nobody, shall leave it to others."""

    last: bool = False
    """Whether nobody takes new calls of its version, so that who holds the last ones shall go on with it."""

    to_caller: bool = True
    """Whether it was sent to somebody who is in the room or about to be: false where others dispatched it."""

    @property
    def continues(self) -> bool:
        """Whether somebody may have spoken with the caller before."""
        return self.attempt > 1

    def metadata(self) -> str:
        """What LiveKit carries."""
        said: dict[str, object] = {"callId": str(self.call_id)}
        if self.attempt > 1:
            said["attempt"] = self.attempt
        if self.avoid:
            said["avoid"] = self.avoid
        if self.elsewhere:
            said["elsewhere"] = True
        if self.last:
            said["last"] = True
        return json.dumps(said)

    @classmethod
    def read(cls, metadata: str) -> Dispatch | None:
        """Undo `metadata`; None where somebody else dispatched the agent."""
        try:
            said = json.loads(metadata)
            avoid, elsewhere, last = said.get("avoid"), said.get("elsewhere"), said.get("last")
            call_id, attempt = UUID(said["callId"]), int(said.get("attempt", 1))
            avoid = str(avoid) if avoid else None
            return cls(call_id, attempt, avoid, elsewhere=elsewhere is True, last=last is True)
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    @classmethod
    def of(cls, metadata: str) -> Dispatch:
        """As `read`; a new call where somebody else dispatched the agent."""
        return cls.read(metadata) or cls(uuid4(), to_caller=False)
