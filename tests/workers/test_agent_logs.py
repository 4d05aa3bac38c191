"""What a process logs about agents is collected without waiting, and written whatever happens to Postgres."""

from __future__ import annotations

import asyncio
import logging
import pickle
import sys
import threading
import time
import uuid
from collections.abc import Iterator

import pytest
from livekit.agents.ipc.log_queue import LogQueueHandler

from common.discretion import BLOT, DISCRETION
from common.keys import make_master_key
from db.engine import Database
from db.models import AgentRow
from db.repositories.agent_logs import AgentLogRepository, LogFilter, LogLine
from db.repositories.agents import AgentRepository, StoredConfig
from stack import Stack
from tests.support.canaries import Canary
from tests.support.waiting import eventually
from workers import agent_logs
from workers.agent_logs import AgentLogs, kept_agent_logs

log = logging.getLogger("tests.agent_logs")


@pytest.fixture
def logs() -> Iterator[AgentLogs]:
    handler = AgentLogs("host-1")
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    yield handler
    log.removeHandler(handler)


def _texts(lines: list[LogLine]) -> list[str]:
    return [line.text for line in lines]


@pytest.mark.unit
def test_lines_that_name_an_agent_are_taken_and_no_others(logs: AgentLogs) -> None:
    agent_id = uuid.uuid4()
    log.info("ready")
    log.info("handing over", extra={"agents": 3})
    log.info("a call begins", extra={"agent": "shop@v3", "job": "AJ_x", "room": "call-1", "wait_s": 2})
    log.warning("by id", extra={"agent": str(agent_id)})
    first, second = logs.take()
    assert (first.slug, first.agent_id, first.room) == ("shop", None, "call-1")
    assert (first.text, first.level, first.source) == ("a call begins wait_s=2", logging.INFO, "host-1")
    assert abs(first.at.timestamp() - time.time()) < 5
    assert (second.slug, second.agent_id, second.level) == (None, agent_id, logging.WARNING)
    assert logs.take() == []


@pytest.mark.unit
def test_a_line_of_a_job_process_has_its_traceback_once(logs: AgentLogs) -> None:
    """As livekit-agents sends it: formatted there, and told here which agent and room it is about."""
    sent: list[logging.LogRecord] = []

    class Pipe(LogQueueHandler):
        def __init__(self) -> None:
            logging.Handler.__init__(self)
            self._send_q = self  # type: ignore[assignment]

        def put_nowait(self, data: bytes) -> None:
            sent.append(pickle.loads(data))

    try:
        raise ValueError("that went wrong")
    except ValueError:
        record = log.makeRecord(log.name, logging.ERROR, __file__, 1, "a tool failed", (), sys.exc_info())
    Pipe().emit(record)
    (received,) = sent
    vars(received).update(pid=7, job_id="AJ_x", room="call-1", room_id="RM_x", agent_name="shop@v1")
    log.callHandlers(received)
    (line,) = logs.take()
    assert (line.slug, line.room) == ("shop", "call-1")
    assert line.text.startswith("a tool failed\nTraceback")
    assert line.text.endswith("ValueError: that went wrong")
    assert line.text.count("Traceback") == 1


@pytest.mark.unit
def test_a_secret_is_blotted_out_before_a_long_line_is_cut(logs: AgentLogs) -> None:
    canary = Canary("key")
    DISCRETION.learn(canary.secret)
    for before in range(agent_logs.HEAD - len(canary.secret), agent_logs.HEAD):
        log.info("%s%s%s the error", "x" * before, canary.secret, "y" * 9000, extra={"agent": "shop"})
    log.error("refused", extra={"agent": "shop", "error": f"Incorrect API key: {canary.secret}"})
    lines = logs.take()
    assert lines[-1].text == f"refused error=Incorrect API key: {BLOT}"
    for line in lines:
        assert canary.song[:8] not in line.text
        assert len(line.text) < agent_logs.MOST_TEXT + 50
    assert lines[0].text.endswith("y the error")
    assert "characters left out" in lines[0].text


@pytest.mark.unit
def test_a_noisy_agent_loses_its_own_oldest_lines_and_is_told(
    logs: AgentLogs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_logs, "MOST_WAITING", 10)
    log.info("quiet", extra={"agent": "quiet"})
    for number in range(100):
        log.info("%d", number, extra={"agent": "noisy"})
    assert logs.waiting == 10
    lines = logs.take()
    assert _texts([line for line in lines if line.slug == "quiet"]) == ["quiet"]
    note, *rest = [line for line in lines if line.slug == "noisy"]
    assert _texts(rest) == [str(number) for number in range(91, 100)]
    assert note.text.startswith("91 lines before this one were dropped")
    assert (note.level, note.at < rest[0].at) == (logging.WARNING, True)
    log.info("again", extra={"agent": "noisy"})
    assert _texts(logs.take()) == ["again"]


@pytest.mark.unit
def test_threads_log_at_once_while_lines_are_taken(logs: AgentLogs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_logs, "BATCH", 7)

    def chatter(name: str) -> None:
        for number in range(200):
            log.info("%d", number, extra={"agent": name})

    threads = [threading.Thread(target=chatter, args=(f"a-{number}",)) for number in range(4)]
    taken: list[LogLine] = []
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads) or logs.waiting:
        taken += logs.take()
    for number in range(4):
        mine = _texts([line for line in taken if line.slug == f"a-{number}"])
        assert mine == [str(each) for each in range(200)]


@pytest.mark.unit
def test_a_line_that_can_not_be_told_breaks_nothing(
    logs: AgentLogs, capsys: pytest.CaptureFixture[str]
) -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError("no words")

    logs.handle(logging.makeLogRecord({"msg": "%s", "args": (Broken(),), "agent": "shop"}))
    logs.handle(logging.makeLogRecord({"msg": "a\0b \ud800", "agent": "shop"}))
    assert _texts(logs.take()) == ["ab ?"]
    assert "no words" in capsys.readouterr().err


async def _agent(database: Database) -> AgentRow:
    async with database.begin() as db_session:
        slug = f"w-{uuid.uuid4().hex[:8]}"
        return await AgentRepository(db_session, database.box).create("W", slug, StoredConfig({}, {}))


async def _written(database: Database, agent: AgentRow) -> list[str]:
    async with database.begin() as db_session:
        page = await AgentLogRepository(db_session).list(LogFilter(agent.id, None, 0), None, 1000)
        return [row.text for row in page.items]


@pytest.mark.integration
async def test_lines_logged_while_postgres_is_away_are_written_afterwards(
    database: Database, postgres: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_logs, "WRITE_SECONDS", 0.02)
    monkeypatch.setattr(agent_logs, "AWAY_SECONDS", 0.02)
    agent = await _agent(database)
    async with kept_agent_logs(database, "host-1"):
        log.warning("before", extra={"agent": agent.slug})

        async def written() -> bool:
            return await _written(database, agent) == ["before"]

        await eventually(written, "the first line")
        await postgres.stop("postgres")
        began = time.monotonic()
        for number in range(600):
            log.warning("%d", number, extra={"agent": agent.slug})
        log.warning("of nobody", extra={"agent": "nobody"})
        assert time.monotonic() - began < 0.5, "nobody who logs waits"
        await asyncio.sleep(0.2)  # in which it is tried, in vain
        await postgres.start("postgres")
        log.warning("after", extra={"agent": agent.slug})
    assert await _written(database, agent) == ["before", *(str(each) for each in range(600)), "after"]


@pytest.mark.unit
async def test_a_process_does_not_wait_for_a_postgres_that_stays_away(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(agent_logs, "FLUSH_SECONDS", 0.3)
    monkeypatch.setattr(agent_logs, "WRITE_SECONDS", 0.05)
    nowhere = Database.connect("postgresql://postgres@/x?host=/nowhere", make_master_key())
    began = time.monotonic()
    async with kept_agent_logs(nowhere, "host-1"):
        log.warning("lost", extra={"agent": "shop"})
    assert time.monotonic() - began < 2
    assert [record.message for record in caplog.records if record.name == agent_logs.__name__] == [
        "Postgres does not take what is logged about agents: FileNotFoundError",
        "lines about agents are lost: Postgres is away",
    ]
    await nowhere.close()
