"""Histories recorded by an earlier version of the workflows still replay: a change needs a patch."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

import workflows
from tests.workflows.earlier import NO_MORE, NoGit, earlier
from workers.control.worker import WORKFLOWS
from workflows import policy

pytestmark = pytest.mark.unit

FOLDER = Path(__file__).with_name("histories")
HISTORIES = sorted(FOLDER.glob("*.json"))


async def _replay(name: str, text: str) -> Exception | None:
    """Why it does not replay."""
    history = WorkflowHistory.from_json(name, json.loads(text))
    result = await Replayer(workflows=WORKFLOWS).replay_workflow(history, raise_on_replay_failure=False)
    return result.replay_failure


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_recorded_history_replays(path: Path) -> None:
    assert await _replay(path.stem, await asyncio.to_thread(path.read_text)) is None


async def test_what_earlier_commits_recorded_is_there() -> None:
    """So that it replays in a shallow clone too, and where there is no git."""
    try:
        found = await asyncio.to_thread(earlier, FOLDER)
    except NoGit as error:
        pytest.skip(f"earlier commits can't be read: {error}")
    gone = [f"{each}: git cat-file blob {each.blob}" for each in found if each.blob[:12] not in NO_MORE]
    assert not gone, "put back under a name of its own:\n" + "\n".join(gone)


def test_no_history_names_folders_of_the_machine_that_recorded_it() -> None:
    assert [path.name for path in HISTORIES if "stackTrace" in path.read_text()] == []


def test_there_is_a_history_for_each_patch() -> None:
    """One that took the new way; those that were recorded before it take the old one."""
    taken: set[str] = set()
    for path in HISTORIES:
        taken |= _patches(json.loads(path.read_text()))
    assert taken == _asked_for()


def _patches(history: dict[str, Any]) -> set[str]:
    """Those that a workflow noted as taken."""
    markers = [event.get("markerRecordedEventAttributes") or {} for event in history["events"]]
    details = [each["details"] for each in markers if each.get("markerName") == "core_patch"]
    payloads = [payload for each in details for part in each.values() for payload in part["payloads"]]
    return {json.loads(base64.b64decode(payload["data"]))["id"] for payload in payloads}


def _asked_for() -> set[str]:
    """Those that the workflows' code asks for: `workflow.patched(policy.NAME)`."""
    code = "\n".join(path.read_text() for path in Path(workflows.__file__).parent.glob("*.py"))
    names = re.findall(r"workflow\.patched\((?:policy\.(\w+))?", code)
    return {getattr(policy, name) for name in names}


def test_there_is_a_history_per_workflow() -> None:
    started = {
        json.loads(path.read_text())["events"][0]["workflowExecutionStartedEventAttributes"]["workflowType"][
            "name"
        ]
        for path in HISTORIES
    }
    assert started == {workflow.__name__ for workflow in WORKFLOWS}
