"""A log line holds its extras, and a secret's `repr` holds nothing."""

from __future__ import annotations

import logging
from uuid import UUID

import pytest

from agents.call_job import CallJob
from agents.tracing import TraceTarget
from common.livekit import LiveKitCredentials
from common.logs import KeyValueFormatter
from common.settings import Settings
from db.repositories.agents import StoredConfig
from db.repositories.settings import StoredSettings

pytestmark = pytest.mark.unit

SECRET = "canary-0123456789"


def test_extras_follow_the_message_before_a_traceback() -> None:
    record = logging.makeLogRecord({"msg": "call ended", "levelname": "INFO", "room": "call-1", "turns": 3})
    assert KeyValueFormatter("%(message)s").format(record) == "call ended room=call-1 turns=3"
    record = logging.makeLogRecord({"msg": "one\ntwo", "room": "r"})
    assert KeyValueFormatter("%(message)s").format(record) == "one room=r\ntwo"


@pytest.mark.parametrize(
    "holder",
    [
        LiveKitCredentials("ws://x", "key", SECRET),
        TraceTarget("http://x", "pk", SECRET),
        StoredConfig({}, {"/llm/options/apiKey": SECRET}),
        StoredSettings({"livekit_api_secret": SECRET}),
        Settings(livekit_api_secret=SECRET, bionic_api_key=SECRET, bionic_master_key=SECRET),
        CallJob(UUID(int=1), "slug", 1, {}, {"/x": SECRET}, f"postgresql://u:{SECRET}@h/d"),
    ],
    ids=lambda holder: type(holder).__name__,
)
def test_no_repr_shows_a_secret(holder: object) -> None:
    assert SECRET not in repr(holder)
    assert SECRET not in str(holder)
