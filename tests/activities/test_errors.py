"""Every error of ours reaches Temporal with its words, and is retried only where that may help."""

from __future__ import annotations

from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError

from activities.errors import told_to_temporal
from activities.farewells import HostGoing
from common.errors import (
    BionicError,
    FieldError,
    InvalidInput,
    LiveKitRefused,
    LiveKitUnreachable,
    NotFound,
    Unavailable,
)

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("error", "retried"),
    [
        (LiveKitRefused("The key is wrong."), False),
        (LiveKitUnreachable("Nobody answers."), True),
        (Unavailable("Away."), True),
        (NotFound("Gone."), False),
    ],
)
def test_errors_say_whether_to_retry(error: BionicError, retried: bool) -> None:
    with pytest.raises(ApplicationError) as told, told_to_temporal():
        raise error
    assert told.value.message == error.message
    assert told.value.type == type(error).__name__
    assert told.value.non_retryable is not retried


def test_an_agent_that_changes_hosts_is_not_kept_waiting() -> None:
    with pytest.raises(ApplicationError) as told, told_to_temporal():
        raise HostGoing("Host one is shutting down.")
    assert told.value.next_retry_delay == timedelta(seconds=0.1)
    with pytest.raises(ApplicationError) as told, told_to_temporal():
        raise LiveKitUnreachable("Nobody answers.")
    assert told.value.next_retry_delay is None, "the retry policy decides"


def test_fields_are_named() -> None:
    with pytest.raises(ApplicationError) as told, told_to_temporal():
        raise InvalidInput("Bad.", [FieldError("/config/tts/options/voice", "unknown voice")])
    assert told.value.message == "Bad. /config/tts/options/voice: unknown voice"


def test_other_errors_pass() -> None:
    with pytest.raises(ZeroDivisionError), told_to_temporal():
        raise ZeroDivisionError
