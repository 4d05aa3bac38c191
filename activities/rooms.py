"""Who is in the room of a call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from livekit.protocol.models import ParticipantInfo

from agents.dispatch import attempt_of
from workflows.call_types import CallState

_CALLERS = {ParticipantInfo.Kind.STANDARD, ParticipantInfo.Kind.SIP, ParticipantInfo.Kind.CONNECTOR}


@dataclass(frozen=True)
class Room:
    """Who is in the room of a call."""

    callers: Sequence[str]
    agents: Mapping[str, int]
    """Ours, by identity: the attempt that sent them."""
    there: bool = True

    @classmethod
    def of(cls, people: Iterable[ParticipantInfo]) -> Room:
        """With these people, as LiveKit lists them."""
        there = [each for each in people if each.state != ParticipantInfo.State.DISCONNECTED]
        # Others may bring along agents of their own, which say no attempt.
        agents = {
            each.identity: attempt
            for each in there
            if each.kind == ParticipantInfo.Kind.AGENT
            and (attempt := attempt_of(each.attributes)) is not None
        }
        return cls([each.identity for each in there if each.kind in _CALLERS], agents)

    @property
    def state(self) -> CallState:
        """How its call is, as far as the room tells."""
        if not self.callers:
            return CallState.EMPTY
        return CallState.GOING if self.agents else CallState.ALONE
