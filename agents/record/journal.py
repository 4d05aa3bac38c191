"""What Postgres has not got yet of a call's record, in a file of its host: it outlives a killed process."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO

from pydantic import TypeAdapter

from agents import spool
from agents.record.batch import Batch, Entry
from db.repositories.joining import JoinedAgent
from db.repositories.transcripts import CallEvent, Draft, Turn

logger = logging.getLogger(__name__)

SUFFIX = ".journal"

BROKEN = ".broken"
"""What the names of journals end with that will never be taken; someone may want to read them."""


@dataclass(frozen=True)
class Used:
    """What a call has used so far, as the event that will tell of it unless more is used before."""

    event: CallEvent


@dataclass(frozen=True)
class Line:
    """One entry: what was said, what happened, what somebody has said so far, or what was used so far."""

    turn: Turn | None = None
    event: CallEvent | None = None
    draft: Draft | None = None
    used: CallEvent | None = None


_LINE, _AGENT = TypeAdapter(Line), TypeAdapter(JoinedAgent)


def line_of(entry: Entry | Used) -> Line:
    """The line of an entry."""
    match entry:
        case Turn():
            return Line(turn=entry)
        case CallEvent():
            return Line(event=entry)
        case Draft():
            return Line(draft=entry)
        case Used():
            return Line(used=entry.event)


class Journal:
    """Written by one process, which has it to itself. Never raises: a full disk ends no call."""

    def __init__(self, path: Path, file: IO[str], agent: JoinedAgent) -> None:
        self.agent = agent
        """Whose it is."""
        self._path, self._file = path, file
        self._head = len(_head(agent).encode())
        self._dirty = False

    @classmethod
    def begin(cls, folder: Path, agent: JoinedAgent) -> Journal | None:
        """An empty one; None where there can't be any."""
        try:
            file = spool.begin(folder, agent.room, agent.attempt, SUFFIX, _head(agent))
        except OSError as error:
            logger.warning("no journal of this call: %s", error, extra={"room": agent.room})
            return None
        return cls(Path(file.name.removesuffix(".new")), file, agent)

    def add(self, entry: Entry | Used) -> None:
        """One more entry that Postgres has not got."""
        self._write([entry])

    def keep_only(self, entries: Iterable[Entry | Used]) -> None:
        """Postgres has all but these."""
        try:
            if self._dirty:
                self._file.truncate(self._head)
                self._file.seek(self._head)
                self._dirty = False
        except (OSError, ValueError) as error:
            logger.warning("the journal of this call is not up to date: %s", error)
            return
        self._write(entries)

    def _write(self, entries: Iterable[Entry | Used]) -> None:
        try:
            lines = _lines(entries)
            if not lines:
                return
            self._dirty = True
            self._file.write(lines)
            self._file.flush()
        except (OSError, ValueError) as error:
            logger.warning("the journal of this call is not up to date: %s", error)

    def set_aside(self, entries: Iterable[Entry]) -> None:
        """Postgres will never take these."""
        try:
            set_aside(self._path, self.agent, entries)
        except (OSError, ValueError) as error:
            logger.warning("what Postgres refused is not kept: %s", error, extra={"room": self.agent.room})

    def others(self) -> list[Path]:
        """Those that other agents of the same room have here, or had."""
        return [each for each in journals(self._path.parent, self.agent.room) if each != self._path]

    def close(self, *, done: bool) -> None:
        """Leave it to the host; or, where all is `done`, leave nothing."""
        if done:
            self._path.unlink(missing_ok=True)
        self._file.close()


@dataclass
class Rest:
    """What a process that is gone had not brought to Postgres."""

    agent: JoinedAgent
    """Whose record it is."""
    turns: list[Turn] = field(default_factory=list)
    events: list[CallEvent] = field(default_factory=list)
    drafts: dict[str, Draft | None] = field(default_factory=dict)
    """What each role was saying; None where that came to its end."""
    used: CallEvent | None = None
    """What the agent had used in all, where no event tells of it."""

    def __bool__(self) -> bool:
        return bool(self.turns or self.events or self.drafts or self.used)

    @property
    def newest(self) -> datetime:
        """When the last thing was said or happened that it tells of. Raises ValueError where it is empty."""
        return max(entry.at for entry in self.batch().entries)

    def batch(self) -> Batch:
        """As it is to be written."""
        events = [*self.events, self.used] if self.used else self.events
        drafts = [draft for draft in self.drafts.values() if draft is not None]
        # Of who went on speaking as well: what they had said is no draft any more, nor was it cut off.
        return Batch(self.turns, events, drafts, sorted({turn.role for turn in self.turns}))

    def add(self, line: Line) -> None:
        """What comes next."""
        if line.turn:
            self.turns.append(line.turn)
            self.drafts[line.turn.role] = None
        elif line.event:
            self.events.append(line.event)
            if self.used and self.used.number == line.event.number:
                self.used = None
        elif line.draft:
            self.drafts[line.draft.role] = line.draft
        elif line.used:
            self.used = line.used


def read(file: IO[str]) -> Rest:
    """What is in a journal; the last line may be cut off. Raises ValueError for a file that is none."""
    first, *lines = file.read().split("\n")[:-1] or [""]
    rest = Rest(_AGENT.validate_json(first))
    for each in lines:
        rest.add(_LINE.validate_json(each))
    return rest


def journals(folder: Path, room: str | None = None, attempt: int | None = None) -> list[Path]:
    """Those that lie there; where it is named, those of a room, or of one agent in it. The name of another
    room may begin the same: what is in them says whose they are."""
    begins = spool.name_of(room, attempt) if room is not None else ""
    found = folder.glob(f"*{SUFFIX}") if folder.is_dir() else []
    return sorted(each for each in found if each.name.startswith(begins))


def set_aside(journal: Path, agent: JoinedAgent, entries: Iterable[Entry]) -> None:
    """Keep what Postgres will never take beside the journal: someone may want to read it. Raises OSError."""
    aside = journal.with_name(f"{journal.stem}-refused{BROKEN}")
    with aside.open("a") as file:
        if not file.tell():
            file.write(_head(agent))
        file.write(_lines(entries))
    # What was said is not for the log.
    logger.error(
        "Postgres refused a part of the record: it was set aside as %s", aside, extra={"room": agent.room}
    )


def _head(agent: JoinedAgent) -> str:
    return _AGENT.dump_json(agent).decode() + "\n"


def _lines(entries: Iterable[Entry | Used]) -> str:
    return "".join(_LINE.dump_json(line_of(each)).decode() + "\n" for each in entries)
