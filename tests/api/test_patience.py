"""`BIONIC_JOIN_SECONDS`: how long a caller may be without an agent, as the workflow of the call is told."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from pydantic import ValidationError

from common.settings import Settings
from tests.api.conftest import KEY_HEADER, FakeWorkflows, make_settings, platform_of, serving_here
from tests.api.helpers import HOOK, make_call, make_live, signature
from tests.support.livekit_hooks import told
from tests.support.waiting import eventually
from workflows.call_types import CallInput


@dataclass
class FakeNews:
    """Stands in for Temporal: notes with what patience it was told what."""

    patience: dict[str, float] = field(default_factory=dict)

    async def begin(self, call: CallInput) -> None:
        self.patience["begin"] = call.patience_seconds

    async def caller_came(self, call: CallInput) -> None:
        self.patience["caller_came"] = call.patience_seconds

    async def agent_left(self, call: CallInput, attempt: int | None = None) -> None:
        self.patience["agent_left"] = call.patience_seconds

    async def over(self, call: CallInput) -> None:
        self.patience["over"] = call.patience_seconds


@pytest.mark.integration
async def test_workflows_of_calls_have_the_patience_that_was_set(
    settings: Settings, workflows: FakeWorkflows
) -> None:
    news = FakeNews()
    patient = settings.model_copy(update={"bionic_join_seconds": 7.5})
    async with serving_here(patient, workflows) as client:
        client.headers.update(KEY_HEADER)
        platform_of(client).webhooks.board.news = news
        token = await make_call(client, await make_live(client))
        for event in ("participant_joined", "room_finished"):
            body = told(event, token)
            assert (await client.post(HOOK, content=body, headers=signature(body))).status_code == 200

        async def all_told() -> bool:
            return news.patience == {"begin": 7.5, "caller_came": 7.5, "over": 7.5}

        await eventually(all_told, lambda: f"all told with that patience, not {news.patience}")


@pytest.mark.parametrize("seconds", ["0", "-1", "61", "soon"])
def test_patience_has_bounds(seconds: str) -> None:
    with pytest.raises(ValidationError, match="bionic_join_seconds"):
        make_settings("postgresql://nowhere/x", bionic_join_seconds=seconds)
