"""News of calls on their way to Temporal: nobody waits for them, and few are lost."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from uuid import uuid4

import pytest

from api.services import call_board
from api.services.call_board import AT_ONCE, CallBoard
from common.errors import Unavailable
from tests.support.waiting import eventually
from workflows.call_types import CallInput

pytestmark = pytest.mark.unit

AWAY = Unavailable("Temporal does not answer.")


@dataclass
class FakeNews:
    """Stands in for Temporal: notes what it is told, and fails with one error after the other."""

    told: list[str] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.open.set()

    async def begin(self, call: CallInput) -> None:
        await self._note("begin", call)

    async def caller_came(self, call: CallInput) -> None:
        await self._note("caller_came", call)

    async def agent_left(self, call: CallInput, attempt: int | None = None) -> None:
        await self._note(f"agent_left {attempt}", call)

    async def over(self, call: CallInput) -> None:
        await self._note("over", call)

    async def _note(self, what: str, call: CallInput) -> None:
        await self.open.wait()
        if self.errors:
            raise self.errors.pop(0)
        self.told.append(f"{what} {call.room}")


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_board, "RETRY_SECONDS", 0.01)


def _call(board: CallBoard, room: str) -> CallInput:
    return board.input(uuid4(), uuid4(), "clerk", room)


async def _told(news: FakeNews, *wanted: str) -> None:
    async def all_of_it() -> bool:
        return sorted(news.told) == sorted(wanted)

    await eventually(all_of_it, lambda: f"{wanted} (told: {news.told})")


async def test_what_temporal_does_not_take_is_told_again() -> None:
    news = FakeNews(errors=[AWAY, AWAY, AWAY])
    board = CallBoard(news, patience_seconds=2)
    async with board.staffed():
        board.begun(_call(board, "a"))
        board.caller_came(_call(board, "b"))
        board.agent_left(_call(board, "c"), 3)
        board.over(_call(board, "d"))
        await _told(news, "begin a", "caller_came b", "agent_left 3 c", "over d")
    assert board.dropped == 0


async def test_one_that_can_t_be_told_does_not_keep_the_others(caplog: pytest.LogCaptureFixture) -> None:
    news = FakeNews(errors=[ValueError("broken")] * AT_ONCE)
    board = CallBoard(news, patience_seconds=2)
    async with board.staffed():
        for number in range(AT_ONCE):
            board.begun(_call(board, f"broken-{number}"))
        board.begun(_call(board, "whole"))
        await _told(news, "begin whole")
    assert "could not be told" in caplog.text


async def test_a_queue_that_is_full_drops_what_is_new_and_counts_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(call_board, "QUEUE_LIMIT", 2)
    news = FakeNews()
    board = CallBoard(news, patience_seconds=2)
    with caplog.at_level(logging.ERROR):
        for room in ("a", "b", "too-many", "far-too-many"):
            board.caller_came(_call(board, room))
    assert board.dropped == 2
    assert caplog.text.count("does not keep up") == 1, "said once, and counted"
    async with board.staffed():
        await _told(news, "caller_came a", "caller_came b")


async def test_what_temporal_does_not_take_for_long_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call_board, "PATIENCE_SECONDS", 0.0)
    news = FakeNews(errors=[AWAY] * 100)
    board = CallBoard(news, patience_seconds=2)
    async with board.staffed():
        board.begun(_call(board, "late"))

        async def dropped() -> bool:
            return board.dropped == 1

        await eventually(dropped, "the news dropped")
    assert news.told == []


async def test_who_delivers_goes_with_the_block() -> None:
    news = FakeNews()
    news.open.clear()
    board = CallBoard(news, patience_seconds=2)
    async with board.staffed():
        board.begun(_call(board, "stuck"))
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "news of calls"]
