"""Where the histories are that were recorded, and how one more is kept."""

from __future__ import annotations

import json
from itertools import count
from pathlib import Path

from temporalio.client import Client

from tests.workflows.earlier import without_traces

HISTORIES = Path(__file__).with_name("histories")
WANTED: set[str] = set()
"""Names of those that are kept; empty means all."""


def new_file(folder: Path, name: str) -> Path:
    """Where a history is kept: by its name, or with the next number."""
    names = (name if number == 1 else f"{name}.{number}" for number in count(1))
    return next(path for path in (folder / f"{each}.json" for each in names) if not path.exists())


async def keep(client: Client, name: str, workflow_id: str, run_id: str | None = None) -> None:
    """The history of a workflow, if it is wanted."""
    if WANTED and name not in WANTED:
        return
    history = await client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
    text = json.dumps(without_traces(history.to_json_dict()), indent=1, sort_keys=True)
    path = new_file(HISTORIES, name)
    path.write_text(text + "\n")
    print(f"recorded {path.name}")  # noqa: T201 - it is told to who records
