"""A conversation that another agent began: what was said, as a model takes it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from livekit.agents.llm import ChatContext, ChatItem, ChatMessage, FunctionCall, FunctionCallOutput
from sqlalchemy.ext.asyncio import AsyncSession

from agents.record.heard import TOOL
from agents.record.ledger import Ledger, Refused
from agents.record.left import bring_left
from agents.record.recorder import CallRecorder
from db.models import CallEventRow, TurnRow
from db.repositories.transcripts import CUT, TranscriptRepository

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Conversation:
    """What was said so far, tool calls and their results included."""

    items: list[ChatItem]
    asides: Sequence[str] = ()
    """What agents say of themselves, to its end or not: it is no answer, and the caller waits for none."""

    @property
    def begun(self) -> bool:
        """Whether anybody has said anything."""
        return any(isinstance(item, ChatMessage) for item in self.items)

    @property
    def heard_the_caller(self) -> bool:
        """Whether the caller has said anything."""
        return any(message.role == "user" for message in self._spoken)

    @property
    def awaits_answer(self) -> bool:
        """Whether the caller waits for words: an answer, or the rest of one that was cut off."""
        last = self._spoken[-1:]
        return any(message.role == "user" or _cut_off(message) for message in last)

    def ends_with(self, text: str) -> bool:
        """Whether this was said last, and the caller has heard all its words: its agent may have died before
        it could say that it was through."""
        last = self._spoken[-1:]
        return any(message.role == "assistant" and _words(message) == text.split() for message in last)

    def has_heard(self, text: str) -> bool:
        """Whether the caller was told this, to the end."""
        return any(
            isinstance(item, ChatMessage)
            and item.role == "assistant"
            and not item.interrupted
            and item.text_content == text
            for item in self.items
        )

    def context(self) -> ChatContext:
        """For the agent that goes on."""
        return ChatContext(list(self.items))

    @property
    def _spoken(self) -> list[ChatMessage]:
        """What was said to get somewhere."""
        messages = (item for item in self.items if isinstance(item, ChatMessage))
        return [message for message in messages if not self._is_aside(message)]

    def _is_aside(self, message: ChatMessage) -> bool:
        said, cut = _words(message), message.interrupted
        known = (aside.split() for aside in self.asides)
        return message.role == "assistant" and any(
            aside == said or (cut and aside[: len(said)] == said) for aside in known
        )


def _words(message: ChatMessage) -> list[str]:
    return (message.text_content or "").split()


def _cut_off(message: ChatMessage) -> bool:
    return message.id.startswith(CUT)


async def items_before(recorder: CallRecorder, ledger: Ledger) -> list[ChatItem]:
    """What was said before this agent came; it is noted as the one that speaks for the call now."""
    begun = await recorder.begin()
    if recorder.journal:
        await bring_left(recorder.journal, ledger, begun.call_id)

    async def _load(db_session: AsyncSession) -> list[ChatItem]:
        return await load_items(db_session, begun.call_id)

    try:
        return await ledger.do(_load)
    except Refused as refused:
        logger.error("what was said before is not known: %s", refused)
        return []


async def load_items(db_session: AsyncSession, call_id: UUID) -> list[ChatItem]:
    """The conversation of a call, from Postgres."""
    transcripts = TranscriptRepository(db_session)
    turns = [(row.attempt, _message(row)) for row in await transcripts.turns(call_id)]
    events = await transcripts.events(call_id, TOOL)
    tools = [(row.attempt, item) for row in events for item in _tool(row)]
    # By attempt first: agents may have been on hosts whose clocks are apart.
    return [item for _, item in sorted([*turns, *tools], key=lambda each: (each[0], each[1].created_at))]


def _message(row: TurnRow) -> ChatItem:
    return ChatMessage(
        id=row.item_id,
        role="user" if row.role == "user" else "assistant",
        content=[row.text],
        interrupted=row.interrupted,
        created_at=row.at.timestamp(),
    )


def _tool(row: CallEventRow) -> list[ChatItem]:
    at, data = row.at.timestamp(), row.data
    call = FunctionCall(call_id=data["callId"], name=data["name"], arguments=data["arguments"], created_at=at)
    output = FunctionCallOutput(
        call_id=data["callId"],
        name=data["name"],
        output=data["output"] or "",
        is_error=data["isError"],
        created_at=at,
    )
    return [call, output]
