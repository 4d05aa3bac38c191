"""What was said to the moment of a kill is in the record, though Postgres had not got it yet."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from livekit.agents.llm import ChatMessage

from activities.salvage import AT_ONCE, Salvage
from agents import spool
from agents.record.continuing import load_items
from agents.record.journal import _LINE, BROKEN, Journal, Rest, journals, line_of, read
from agents.record.ledger import Ledger
from agents.record.recorder import CallRecorder
from common.keys import make_master_key
from common.status import CallStatus
from db.engine import Database
from db.models import CallEventRow, DraftRow, TurnRow
from db.repositories.agents import AgentRepository, StoredConfig
from db.repositories.calls import CallRepository
from db.repositories.joining import JoinedAgent, JoiningRepository
from db.repositories.recoveries import Loss, RecoveryRepository
from db.repositories.transcripts import CallEvent, Draft, TranscriptRepository, Turn

NOW = datetime.now(UTC)
TURN = Turn("item-1", "user", "Grüezi,\nwhere is my order?", NOW, e2e_latency=0.25)
CALLED = {"callId": "c-1", "name": "find", "arguments": "{}", "output": None, "isError": False}
EVENT = CallEvent(1, "tool", NOW, CALLED)
DRAFT = Draft("agent", "It ships", NOW)


def _journal(folder: Path, room: str = "call/1", attempt: int = 1) -> Journal:
    made = Journal.begin(folder, JoinedAgent(uuid4(), uuid4(), 1, room, attempt))
    assert made is not None
    return made


@pytest.mark.unit
def test_only_what_postgres_has_not_got_is_left(tmp_path: Path) -> None:
    journal = _journal(tmp_path)
    for entry in (TURN, DRAFT, EVENT, Draft("agent", "It ships today", NOW)):
        journal.add(entry)
    (path,) = journals(tmp_path, "call/1", 1)
    with spool.left(path) as file:
        assert file is None, "its process is there"
    journal.close(done=False)
    with path.open() as file:
        rest = read(file)
    assert (rest.turns, rest.events) == ([TURN], [EVENT])
    assert rest.drafts == {"user": None, "agent": Draft("agent", "It ships today", NOW)}

    other = _journal(tmp_path, attempt=12)
    other.add(TURN)
    other.keep_only([EVENT])
    other.keep_only([])
    other.keep_only([DRAFT])
    other.add(TURN)
    (path,) = journals(tmp_path, "call/1", 12)
    with path.open() as file:
        rest = read(file)
    assert (rest.turns, rest.events, rest.drafts) == ([TURN], [], {"agent": DRAFT, "user": None})
    other.close(done=True)
    assert journals(tmp_path, "call/1", 12) == []


@pytest.mark.unit
def test_a_line_that_was_cut_off_takes_no_other_with_it(tmp_path: Path) -> None:
    journal = _journal(tmp_path)
    journal.add(TURN)
    journal.close(done=False)
    (path,) = journals(tmp_path)
    whole = path.read_bytes()
    for cut in range(whole.index(b"\n") + 1, len(whole)):
        path.write_bytes(whole[:cut])
        with path.open(errors="replace") as file:
            assert read(file).turns == []


@pytest.mark.unit
def test_where_none_can_be_written_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("in the way")
    assert Journal.begin(tmp_path / "spool", JoinedAgent(uuid4(), uuid4(), 1, "call-1")) is None


Kept = tuple[Sequence[TurnRow], Sequence[CallEventRow], Sequence[DraftRow]]


async def _kept(database: Database, call_id: UUID) -> Kept:
    async with database.begin() as db_session:
        found = TranscriptRepository(db_session)
        return await found.turns(call_id), await found.events(call_id), await found.drafts(call_id)


async def _killed(database: Database, folder: Path, *, joined: bool = True) -> JoinedAgent:
    """An agent that said and heard things, and did not come to tell Postgres; nor that it had `joined`."""
    async with database.begin() as db_session:
        config, slug = StoredConfig({"instructions": "Be kind."}, {}), f"a-{uuid4().hex[:8]}"
        agent = await AgentRepository(db_session, database.box).create("A", slug, config)
        call_id = uuid4()
        killed = JoinedAgent(call_id, agent.id, 1, f"call-{call_id}")
        if joined:
            await JoiningRepository(db_session).joined(killed)
    journal = Journal.begin(folder, killed)
    ledger = Ledger("postgresql://127.0.0.1:9/away", killed.room)
    recorder = CallRecorder(ledger, killed, journal)
    recorder.draft("user", "where is")
    recorder.add(TURN)
    recorder.note("tool", CALLED)
    recorder.draft("agent", "It ships today.")
    assert journal is not None
    journal.close(done=False)
    await ledger.close()
    return killed


@pytest.mark.integration
async def test_its_host_keeps_the_last_of_a_killed_agents_record(database: Database, tmp_path: Path) -> None:
    killed = await _killed(database, tmp_path)
    salvage = Salvage(database, tmp_path)
    await salvage.sweep(killed.room, 2)
    assert await _kept(database, killed.call_id) == ([], [], [])
    for _ in range(2):
        await salvage.sweep(killed.room, 1)
        (turn,), (event,), (draft,) = await _kept(database, killed.call_id)
        assert (turn.item_id, turn.text, turn.e2e_latency) == (TURN.item_id, TURN.text, 0.25)
        assert (event.kind, event.data) == ("tool", CALLED)
        assert (draft.role, draft.text) == ("agent", "It ships today.")
    assert journals(tmp_path) == []


@pytest.mark.integration
async def test_what_is_found_after_another_agent_took_over_lengthens_what_was_cut(
    database: Database, tmp_path: Path
) -> None:
    killed = await _killed(database, tmp_path)
    async with database.begin() as db_session:
        await TranscriptRepository(db_session).put_drafts(killed.call_id, 1, [DRAFT])
        await RecoveryRepository(db_session).take_over(killed.call_id, Loss(1, "It is gone."), NOW)
    await Salvage(database, tmp_path).sweep()
    turns, _, drafts = await _kept(database, killed.call_id)
    assert [(each.role, each.text) for each in turns] == [("user", TURN.text), ("agent", "It ships today.")]
    assert ([each.interrupted for each in turns], drafts) == ([False, True], [])


@pytest.mark.integration
async def test_who_went_on_speaking_after_a_turn_is_quoted_with_both(
    database: Database, tmp_path: Path
) -> None:
    """The turn was a draft for Postgres when the next agent came, and so taken for what was cut off."""
    killed = await _killed(database, tmp_path)
    async with database.begin() as db_session:
        await TranscriptRepository(db_session).put_drafts(killed.call_id, 1, [replace(DRAFT, role="user")])
        await RecoveryRepository(db_session).take_over(killed.call_id, Loss(1, "It is gone."), NOW)
    (path,) = journals(tmp_path)
    with path.open("a") as file:
        file.write(_LINE.dump_json(line_of(Draft("user", "Hm", NOW))).decode() + "\n")
    await Salvage(database, tmp_path).sweep()
    turns, _, drafts = await _kept(database, killed.call_id)
    assert sorted((each.role, each.text) for each in turns) == [
        ("agent", "It ships today."),
        ("user", TURN.text),
        ("user", "Hm"),
    ]
    assert drafts == []


@pytest.mark.integration
async def test_what_is_found_after_others_have_spoken_stands_before_their_words(
    database: Database, tmp_path: Path
) -> None:
    killed = await _killed(database, tmp_path)
    next_turn = replace(TURN, item_id="item-2", text="Hello?", at=NOW - timedelta(seconds=5))
    async with database.begin() as db_session:
        await RecoveryRepository(db_session).take_over(killed.call_id, Loss(1, "It is gone."), NOW)
        await TranscriptRepository(db_session).add_turns(killed.call_id, 2, [next_turn])
        await TranscriptRepository(db_session).add_events(killed.call_id, 2, [EVENT])
    await Salvage(database, tmp_path).sweep()
    turns, events, _ = await _kept(database, killed.call_id)
    assert [each.text for each in turns] == [TURN.text, "It ships today.", "Hello?"]
    assert [each.attempt for each in events] == [1, 2, 2]
    async with database.begin() as db_session:
        items = await load_items(db_session, killed.call_id)
    said = [item.text_content for item in items if isinstance(item, ChatMessage)]
    assert said == [TURN.text, "It ships today.", "Hello?"], "whatever the clocks of their hosts say"


@pytest.mark.integration
async def test_what_was_being_said_as_the_call_ended_is_said(database: Database, tmp_path: Path) -> None:
    """The process that heard it comes to Postgres only when the call is over there."""
    killed = await _killed(database, tmp_path)
    async with database.begin() as db_session:
        await CallRepository(db_session).end(killed.room, "hung up")
        await TranscriptRepository(db_session).put_drafts(killed.call_id, 1, [DRAFT])
    turns, _, drafts = await _kept(database, killed.call_id)
    assert ([(each.text, each.interrupted) for each in turns], drafts) == ([(DRAFT.text, True)], [])


@pytest.mark.integration
async def test_a_call_that_postgres_never_heard_of_is_kept(database: Database, tmp_path: Path) -> None:
    """Postgres was away from its first moment to the kill: others sent the agent, without a token of ours."""
    killed = await _killed(database, tmp_path, joined=False)
    await Salvage(database, tmp_path).sweep()
    turns, events, drafts = await _kept(database, killed.call_id)
    assert ([each.text for each in turns], len(events), len(drafts)) == ([TURN.text], 1, 1)
    async with database.begin() as db_session:
        call = await CallRepository(db_session).get(killed.call_id)
    assert (call.room, call.status, call.attempt) == (killed.room, CallStatus.ACTIVE, 1)


@pytest.mark.integration
async def test_what_postgres_will_never_take_holds_up_nobody(database: Database, tmp_path: Path) -> None:
    """A caller waits for another agent while it is tried."""
    killed = await _killed(database, tmp_path)
    refused = _journal(tmp_path, killed.room)
    refused.add(replace(TURN, item_id="item-2", text="\0"))
    refused.add(replace(TURN, item_id="item-3", text="Hello?"))
    refused.close(done=False)
    (tmp_path / "nonsense.journal").write_text("what is that\n")
    await Salvage(database, tmp_path).sweep()
    turns, _, _ = await _kept(database, killed.call_id)
    assert [each.item_id for each in turns] == [TURN.item_id, "item-3"]
    assert journals(tmp_path) == []
    aside = await asyncio.to_thread(lambda: [path.read_text() for path in tmp_path.glob(f"*{BROKEN}")])
    assert sorted("item-2" in said for said in aside) == [False, True]
    assert not any("item-3" in said for said in aside), "it is in the transcript"


@pytest.mark.integration
async def test_while_postgres_is_away_a_journal_waits(database: Database, tmp_path: Path) -> None:
    killed = await _killed(database, tmp_path)
    away = Database.connect("postgresql://127.0.0.1:9/away", make_master_key())
    await Salvage(away, tmp_path).sweep(killed.room, 1)
    await away.close()
    assert len(journals(tmp_path)) == 1
    await Salvage(database, tmp_path).sweep()
    assert len((await _kept(database, killed.call_id))[0]) == 1


@pytest.mark.integration
async def test_nothing_is_kept_of_an_erased_call_nor_of_one_that_is_not_known(
    database: Database, tmp_path: Path
) -> None:
    killed = await _killed(database, tmp_path)
    async with database.begin() as db_session:
        await CallRepository(db_session).end(killed.room, "hung up")
        call = await CallRepository(db_session).get(killed.call_id)
        call.transcript_deleted_at = NOW
    unknown = _journal(tmp_path, "nobody-knows")
    unknown.add(TURN)
    unknown.close(done=False)
    await Salvage(database, tmp_path).sweep()
    assert await _kept(database, killed.call_id) == ([], [], [])
    assert journals(tmp_path) == []


@pytest.mark.unit
async def test_rooms_do_not_wait_for_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Callers of a host that died wait until its journals are brought; within a room they are in order."""
    brought: list[tuple[str, int]] = []

    async def bring(_: Salvage, rest: Rest, __: Path) -> None:
        await asyncio.sleep(0.1)
        brought.append((rest.agent.room, rest.agent.attempt))

    monkeypatch.setattr(Salvage, "_bring", bring)
    for number in range(2 * AT_ONCE):
        for attempt in (1, 2):
            _journal(tmp_path, f"call-{number}", attempt).close(done=False)
    began = asyncio.get_running_loop().time()
    away = Database.connect("postgresql://127.0.0.1:9/away", make_master_key())
    await Salvage(away, tmp_path).sweep()
    assert asyncio.get_running_loop().time() - began < 1
    assert len(brought) == 4 * AT_ONCE
    assert all(brought.index((room, 1)) < brought.index((room, 2)) for room, _ in brought)
    assert journals(tmp_path) == []
