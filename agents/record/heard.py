"""From what an `AgentSession` tells to what is recorded of a call."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from livekit.agents import (
    AgentSession,
    AgentStateChangedEvent,
    ConversationItemAddedEvent,
    ErrorEvent,
    FunctionToolsExecutedEvent,
    SessionUsageUpdatedEvent,
    UserInputTranscribedEvent,
    UserStateChangedEvent,
)
from livekit.agents.llm import ChatMessage, FunctionCall, FunctionCallOutput
from livekit.agents.voice.io import TextOutput

from agents.record.recorder import CallRecorder
from common.discretion import Discretion
from db.repositories.transcripts import Turn

TOOL = "tool"
"""The event that a tool was called."""

MAX_ERROR = 2000


def turn_of(item: object) -> Turn | None:
    """The turn in a chat item, or None for what is no utterance (hand-offs, instructions, tool calls)."""
    if not isinstance(item, ChatMessage) or item.role not in {"user", "assistant"}:
        return None
    text = storable(item.text_content or "")
    if not text:
        return None
    metrics = item.metrics
    return Turn(
        item_id=item.id,
        role="user" if item.role == "user" else "agent",
        text=text,
        at=datetime.fromtimestamp(item.created_at, UTC),
        interrupted=item.interrupted,
        transcription_delay=metrics.get("transcription_delay"),
        end_of_turn_delay=metrics.get("end_of_turn_delay"),
        llm_node_ttft=metrics.get("llm_node_ttft"),
        tts_node_ttfb=metrics.get("tts_node_ttfb"),
        e2e_latency=metrics.get("e2e_latency"),
    )


def storable(text: str) -> str:
    """Postgres takes neither NUL nor half a surrogate pair, and a caller can type both."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def tool_data(call: FunctionCall, output: FunctionCallOutput | None) -> dict[str, Any]:
    """A tool call and what came of it, so that another agent can go on from there."""
    return {
        "name": call.name,
        "callId": call.call_id,
        "arguments": storable(call.arguments),
        "output": storable(output.output) if output else None,
        "isError": output.is_error if output else False,
    }


class SpokenText(TextOutput):
    """Follows what the agent says, word by word as it is heard."""

    def __init__(self, recorder: CallRecorder) -> None:
        super().__init__(label="record", next_in_chain=None)
        self._recorder = recorder
        self._text = ""
        self._whole = ""
        """The last utterance, or part of one, whose words have all come, until it is a turn."""
        self._turn = ""
        """The last turn, while words of it may come."""

    async def capture_text(self, text: str) -> None:
        """The next words."""
        if not self._text:
            self._whole = ""
        self._text += text
        if not self._is_written:
            self._recorder.draft("agent", storable(self._text))

    def flush(self) -> None:
        """The utterance is over."""
        self._whole, self._text, self._turn = _one_line(storable(self._text)), "", ""

    def became(self, turn: Turn) -> None:
        """An utterance is a turn. On a busy machine livekit-agents may give its last words only then: they
        would be what is said now, and once more in the transcript when this agent is lost."""
        text = _one_line(turn.text)
        if text.startswith(self._whole):
            self._turn = text.removeprefix(self._whole).strip()
        self._whole = ""

    @property
    def _is_written(self) -> bool:
        if not self._turn.startswith(_one_line(storable(self._text))):
            self._turn = ""
        return bool(self._turn)


def _one_line(text: str) -> str:
    return " ".join(text.split())


class Listener:
    """Has the recorder hear of all that happens in a session."""

    def __init__(self, recorder: CallRecorder, spoken: SpokenText, discretion: Discretion) -> None:
        self._recorder, self._spoken, self._discretion = recorder, spoken, discretion
        self._heard: list[str] = []
        """What the caller has said of an utterance that is not over."""

    def listen(self, session: AgentSession[Any]) -> None:
        """Listen from now on."""
        session.on("conversation_item_added", self._on_item)
        session.on("user_input_transcribed", self._on_words)
        session.on("function_tools_executed", self._on_tools)
        session.on("agent_state_changed", self._on_agent)
        session.on("user_state_changed", self._on_user)
        session.on("session_usage_updated", self._on_usage)
        session.on("error", self._on_error)

    def _on_item(self, event: ConversationItemAddedEvent) -> None:
        if turn := turn_of(event.item):
            if turn.role == "user":
                self._heard.clear()
            else:
                self._spoken.became(turn)
            self._recorder.add(turn)

    def _on_words(self, event: UserInputTranscribedEvent) -> None:
        words = storable(event.transcript)
        said = " ".join([*self._heard, words]).strip()
        if event.is_final:
            self._heard.append(words)
        if said:
            self._recorder.draft("user", said)

    def _on_tools(self, event: FunctionToolsExecutedEvent) -> None:
        for call, output in event.zipped():
            self._recorder.note(TOOL, tool_data(call, output), call.created_at)

    def _on_agent(self, event: AgentStateChangedEvent) -> None:
        change = {"from": event.old_state, "to": event.new_state}
        self._recorder.note("agent_state", change, event.created_at)

    def _on_user(self, event: UserStateChangedEvent) -> None:
        change = {"from": event.old_state, "to": event.new_state}
        self._recorder.note("user_state", change, event.created_at)

    def _on_usage(self, event: SessionUsageUpdatedEvent) -> None:
        used = [
            {"type": each.type, **each.model_dump(mode="json", exclude_defaults=True)}
            for each in event.usage.model_usage
        ]
        self._recorder.used({"models": used})

    def _on_error(self, event: ErrorEvent) -> None:
        self._recorder.note("error", _error_data(event, self._discretion), event.created_at)


def _error_data(event: ErrorEvent, discretion: Discretion) -> dict[str, Any]:
    source, error = event.source, event.error
    message = str(getattr(error, "error", error))
    return {
        "kind": str(getattr(error, "type", type(error).__name__)),
        "provider": str(getattr(source, "provider", type(source).__name__)),
        "model": str(getattr(source, "model", "")),
        "message": storable(discretion.blot(message))[:MAX_ERROR],
        "recoverable": bool(getattr(error, "recoverable", False)),
    }
