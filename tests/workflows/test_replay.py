"""Histories recorded by an earlier version of the workflows still replay: a change needs a patch."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from workers.control.worker import WORKFLOWS

pytestmark = pytest.mark.unit

HISTORIES = sorted(Path(__file__).with_name("histories").glob("*.json"))


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_recorded_history_replays(path: Path) -> None:
    text = await asyncio.to_thread(path.read_text)
    history = WorkflowHistory.from_json(path.stem, json.loads(text))
    await Replayer(workflows=WORKFLOWS).replay_workflow(history)


def test_there_is_a_history_per_workflow() -> None:
    started = {
        json.loads(path.read_text())["events"][0]["workflowExecutionStartedEventAttributes"]["workflowType"][
            "name"
        ]
        for path in HISTORIES
    }
    assert started == {workflow.__name__ for workflow in WORKFLOWS}
