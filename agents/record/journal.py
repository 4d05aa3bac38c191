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
from db.repositories.joining import JoinedAgent
from db.repositories.transcripts import CallEvent, Draft, Turn

logger = logging.getLogger(__name__)

SUFFIX = ".journal"


@dataclass(frozen=True)
class Line:
    """One entry: what was said, what happened, or what somebody has said so far."""

    turn: Turn | None = None
    event: CallEvent | None = None
    draft: Draft | None = None


_LINE, _AGENT = TypeAdapter(Line), TypeAdapter(JoinedAgent)


def line_of(entry: Turn | CallEvent | Draft) -> Line:
    """The line of an entry."""
    match entry:
        case Turn():
            return Line(turn=entry)
        case CallEvent():
            return Line(event=entry)
        case Draft():
            return Line(draft=entry)


class Journal:
    """Written by one process, which has it to itself. Never raises: a full disk ends no call."""

    def __init__(self, path: Path, file: IO[str], head: int) -> None:
        self._path, self._file, self._head = path, file, head
        self._dirty = False

    @classmethod
    def begin(cls, folder: Path, agent: JoinedAgent) -> Journal | None:
        """An empty one; None where there can't be any."""
        head = _AGENT.dump_json(agent).decode() + "\n"
        try:
            file = spool.begin(folder, agent.room, agent.attempt, SUFFIX, head)
        except OSError as error:
            logger.warning("no journal of this call: %s", error, extra={"room": agent.room})
            return None
        return cls(Path(file.name.removesuffix(".new")), file, len(head.encode()))

    def add(self, entry: Turn | CallEvent | Draft) -> None:
        """One more entry that Postgres has not got."""
        self._write([entry])

    def keep_only(self, entries: Iterable[Turn | CallEvent | Draft]) -> None:
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

    def _write(self, entries: Iterable[Turn | CallEvent | Draft]) -> None:
        lines = [_LINE.dump_json(line_of(each)).decode() for each in entries]
        if not lines:
            return
        self._dirty = True
        try:
            self._file.write("\n".join([*lines, ""]))
            self._file.flush()
        except (OSError, ValueError) as error:
            logger.warning("the journal of this call is not up to date: %s", error)

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

    def __bool__(self) -> bool:
        return bool(self.turns or self.events or self.drafts)

    @property
    def newest(self) -> datetime:
        """When the last thing was said or happened that it tells of. Raises ValueError where it is empty."""
        entries: list[Turn | CallEvent | Draft] = [*self.turns, *self.events]
        entries += [draft for draft in self.drafts.values() if draft is not None]
        return max(entry.at for entry in entries)


def read(file: IO[str]) -> Rest:
    """What is in a journal; the last line may be cut off. Raises ValueError for a file that is none."""
    first, *lines = file.read().split("\n")[:-1] or [""]
    rest = Rest(_AGENT.validate_json(first))
    for each in lines:
        line = _LINE.validate_json(each)
        if line.turn:
            rest.turns.append(line.turn)
            rest.drafts[line.turn.role] = None
        elif line.event:
            rest.events.append(line.event)
        elif line.draft:
            rest.drafts[line.draft.role] = line.draft
    return rest


def journals(folder: Path, room: str | None = None, attempt: int = 0) -> list[Path]:
    """Those that lie there; of one agent in one room where that is named."""
    begins = spool.name_of(room, attempt) if room is not None else ""
    found = folder.glob(f"*{SUFFIX}") if folder.is_dir() else []
    return sorted(each for each in found if each.name.startswith(begins))
