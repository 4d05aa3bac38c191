"""Calls and turns, as they go out."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from api.schemas.base import Answer, Body, printable_lines
from db.models import AnalysisRow, CallRow, DraftRow, RecordingRow, TurnRow


class Latencies(Answer):
    """How long each stage of a turn took, in seconds; null where it was not measured."""

    transcription_delay: float | None
    end_of_turn_delay: float | None
    llm_node_ttft: float | None
    tts_node_ttfb: float | None
    e2e_latency: float | None


class TurnAnswer(Answer):
    """One utterance."""

    seq: int
    role: Literal["user", "agent"]
    text: str
    at: datetime
    interrupted: bool
    latencies: Latencies

    @classmethod
    def of(cls, seq: int, row: TurnRow) -> TurnAnswer:
        """The answer for a row, the `seq`th of its call."""
        return cls(
            seq=seq,
            role="user" if row.role == "user" else "agent",
            text=row.text,
            at=row.at,
            interrupted=row.interrupted,
            latencies=Latencies(
                transcription_delay=row.transcription_delay,
                end_of_turn_delay=row.end_of_turn_delay,
                llm_node_ttft=row.llm_node_ttft,
                tts_node_ttfb=row.tts_node_ttfb,
                e2e_latency=row.e2e_latency,
            ),
        )


class EventAnswer(Answer):
    """What happened in a call: something that LiveKit said of its room, such as `participant_joined`, or that
    the agent or the platform noted, such as `tool`, `error` or `lost`, with what there is to say of it."""

    at: datetime
    event: str
    attempt: int | None = None
    """Of the agent that it is about, where it is about one."""
    data: dict[str, Any] | None = None


class SpeakingAnswer(Answer):
    """What somebody has said so far of an utterance that is not over."""

    role: Literal["user", "agent"]
    text: str
    at: datetime

    @classmethod
    def of(cls, row: DraftRow) -> SpeakingAnswer:
        """The answer for a row."""
        return cls(role="user" if row.role == "user" else "agent", text=row.text, at=row.at)


class RecordingAnswer(Answer):
    """What was heard while one agent was in the call."""

    attempt: int
    state: Literal["storing", "stored", "lost"]
    """`lost`: its agent was, before anything of it was written."""
    seconds: float | None
    size: int | None
    """In bytes."""
    started_at: datetime | None
    salvaged: bool
    """Its agent was lost: what it had not written yet, some seconds, is missing."""
    notice: str | None
    """What the caller was told of it."""
    url: str | None
    """Where to get it, beside this API."""

    @classmethod
    def of(cls, row: RecordingRow) -> RecordingAnswer:
        """The answer for a row."""
        url = f"/api/calls/{row.call_id}/recording?attempt={row.attempt}"
        return cls(
            attempt=row.attempt,
            state=row.state,
            seconds=row.seconds,
            size=row.size,
            started_at=row.started_at,
            salvaged=row.salvaged,
            notice=row.notice,
            url=url if row.state == "stored" else None,
        )


class StepAnswer(Answer):
    """Something that is done with a call when it is over."""

    step: str
    state: Literal["running", "done", "failed", "skipped"]
    at: datetime
    attempt: int
    """How often it was begun."""
    result: dict[str, Any] | None
    """What came of it. While it is done again, and where that fails, what had come of it before."""
    error: str | None
    """Why it failed, or was left out."""

    @classmethod
    def of(cls, row: AnalysisRow) -> StepAnswer:
        """The answer for a row."""
        return cls(
            step=row.step,
            state=row.state,
            at=row.at,
            attempt=row.attempt,
            result=row.result,
            error=row.error,
        )


class CallItem(Answer):
    """A call in a list."""

    id: UUID
    agent_id: UUID
    version: int | None
    status: str
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    identity: str | None
    end_reason: str | None
    turn_count: int
    recoveries: int
    """How often another agent was sent, since the first one was lost or did not come."""

    @classmethod
    def of(cls, row: CallRow, turn_count: int, **more: Any) -> Any:
        """The answer for a row; `more` are the fields that a subclass adds."""
        return cls(
            id=row.id,
            agent_id=row.agent_id,
            version=row.version,
            status=row.status,
            created_at=row.created_at,
            started_at=row.started_at,
            ended_at=row.ended_at,
            identity=row.identity,
            end_reason=row.end_reason,
            turn_count=turn_count,
            recoveries=row.attempt - 1,
            **more,
        )


class CallAnswer(CallItem):
    """One call with all that was said and all that happened in its room."""

    room: str
    trace_id: str | None
    attributes: dict[str, Any]
    turns: list[TurnAnswer]
    speaking: list[SpeakingAnswer]
    events: list[EventAnswer]
    recordings: list[RecordingAnswer]
    """One for each of its agents that made one."""
    analyses: list[StepAnswer]
    """What was done with the call when it was over."""


class CallPage(Answer):
    """A page of calls, newest first."""

    items: list[CallItem]
    next_cursor: str | None


class Message(Body):
    """What the agent shall hear."""

    text: Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(printable_lines)]


class MessageAnswer(Answer):
    """An agent has the message. What the agent answers is a turn of the call."""

    call_id: UUID
    heard_by: list[str]
    """Identities of the agents that said so."""
