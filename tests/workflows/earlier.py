"""The histories that earlier commits recorded and that the folder does not have any more.

Whoever ran such a commit may have workflows that began under it. So a history that was recorded over, or
removed, must be put back, and replay like those that are there: git still has it.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MOST = 200
"""Looked for, the newest first."""

NO_MORE = {
    # Recorded over by 4986a76, before anything looked at what had been there. Until then workflows told of
    # replicas though no request had said that they should, and a host that left was not asked about once
    # more.
    "4d916518e862": "agent.json of 06021c3",
    "6e44c843c68c": "host-left.json of 06021c3",
    "81a8c7a85e0c": "agent.json of f11b24e",
    "0f74f6046c2d": "host-left.json of f11b24e",
    # Of the first days: what replicas reported came by their own workflows.
    "1cc7ed5d7be5": "agent.json of ab52fa7",
    "fc77e8946525": "replica-moved.json of ab52fa7",
    "3e517e098b83": "replica-replaced.json of ab52fa7",
    "319e9e28e00d": "agent.json of 7f5d6e0",
    "7ea3ac532227": "replica-moved.json of 7f5d6e0",
    "64a36288ed62": "replica-replaced.json of 7f5d6e0",
    "5c9823ebfc1c": "agent.json of c277745",
    "acb29ad50908": "replica-moved.json of c277745",
    "6519606ee735": "replica-replaced.json of c277745",
}
"""What does not replay any more, by git's name of its content: a workflow of that time that goes on is stuck
in its next task, until it is terminated and the reconciler brings its agent back. Nothing is added here to
have a test pass: the change that breaks a history needs a patch."""


class NoGit(Exception):
    """Git can't tell: it is not installed, or this is not its checkout."""


@dataclass(frozen=True)
class Earlier:
    """A history as a commit had it."""

    name: str
    commit: str
    blob: str
    text: str

    def __str__(self) -> str:
        return f"{self.name} of {self.commit[:7]}"


def earlier(folder: Path) -> list[Earlier]:
    """What the commits up to this one recorded in `folder` and is not there now: each once, the newest first.

    What is committed and was written over since is among it. Stack traces make no difference: two were
    committed with theirs.

    Raises:
        NoGit: there is nothing to look at.
    """
    files = sorted(folder.glob("*.json"))
    known = set(_git(folder, "hash-object", "--", *(file.name for file in files)).split()) if files else set()
    there = [without_traces(json.loads(file.read_text())) for file in files]
    found: dict[str, Earlier] = {}
    for commit, blob, name in _recorded(folder):
        if blob not in known and blob not in found and len(found) < MOST:
            text = _git(folder, "cat-file", "blob", blob)
            if without_traces(json.loads(text)) not in there:
                found[blob] = Earlier(name, commit, blob, text)
    return list(found.values())


def without_traces(part: Any) -> Any:
    """`part` without stack traces: they name folders of the machine, and replaying reads none of them."""
    if isinstance(part, dict):
        return {key: without_traces(value) for key, value in part.items() if key != "stackTrace"}
    return [without_traces(item) for item in part] if isinstance(part, list) else part


def _recorded(folder: Path) -> list[tuple[str, str, str]]:
    """Commit, content and name of whatever was written to `folder`, the newest first."""
    log = _git(folder, "log", "--raw", "--no-abbrev", "--no-renames", "--format=%H", "--", ".")
    commit, written = "", []
    for line in filter(None, log.splitlines()):
        if not line.startswith(":"):
            commit = line
            continue
        facts, _, path = line.partition("\t")
        blob = facts.split()[3]
        if path.endswith(".json") and set(blob) != {"0"}:
            written.append((commit, blob, Path(path).name))
    return written


def _git(folder: Path, *words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise NoGit("git is not installed") from None
    except subprocess.CalledProcessError as error:
        raise NoGit(error.stderr.strip()) from None
    return done.stdout
