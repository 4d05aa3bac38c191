"""Why calls are in trouble, in few words: alarms count by them. What people read is the reason."""

from __future__ import annotations

from enum import StrEnum


class Cause(StrEnum):
    """Why an agent was lost, or none comes."""

    CRASHED = "crashed"
    """Its process crashed, or was killed."""
    LOST = "lost"
    """It was with the caller, and is not any more: its host was lost, or it left."""
    NO_SHOW = "no_show"
    """It was sent for, and did not come, though a host has it."""
    NO_HOST = "no_host"
    """No host that is there has it registered."""
    FULL = "full"
    """Hosts have it, and no room for another call."""
    NOT_DEPLOYED = "not_deployed"
    """No version takes calls, or none on the LiveKit server that the call is on."""
    LIVEKIT = "livekit"
    """LiveKit does not answer, or refuses what it is asked."""
    RETURNED = "returned"
    """None was lost: the caller had left, and came back."""
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> Cause:  # noqa: ARG003 - whatever it is
        """Whatever else was written, by an older version or a newer one."""
        return cls.UNKNOWN
