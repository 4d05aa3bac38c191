"""The tRPC protocol, without HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.services.rates import TooManyRequests
from api.trpc import MAX_BATCH, Message, answer
from common.errors import (
    BionicError,
    FieldError,
    InvalidInput,
    LiveKitRefused,
    NotDeployed,
    NotFound,
    Unavailable,
)

pytestmark = pytest.mark.unit


async def _echo(given: Any) -> Any:
    return {"given": given}


async def _crash(given: Any) -> Any:
    raise ZeroDivisionError("internal detail")


PROCEDURES = {"echo": _echo, "a.crash": _crash}


async def test_single_call() -> None:
    reply = await answer(Message("echo", batch=False, raw_input='{"a": 1}'), PROCEDURES)
    assert reply.status == 200
    assert reply.content == {"result": {"data": {"given": {"a": 1}}}}


async def test_input_may_be_absent() -> None:
    reply = await answer(Message("echo", batch=False, raw_input=""), PROCEDURES)
    assert reply.content == {"result": {"data": {"given": None}}}


async def test_batch_keeps_order() -> None:
    message = Message("echo,echo", batch=True, raw_input='{"1": "second", "0": "first"}')
    reply = await answer(message, PROCEDURES)
    assert reply.status == 200
    assert reply.content == [
        {"result": {"data": {"given": "first"}}},
        {"result": {"data": {"given": "second"}}},
    ]


async def test_batch_of_mixed_outcomes_is_multi_status() -> None:
    reply = await answer(Message("echo,nope", batch=True, raw_input="{}"), PROCEDURES)
    assert reply.status == 207
    assert isinstance(reply.content, list)
    assert reply.content[1] == {
        "error": {
            "message": 'No procedure found on path "nope"',
            "code": -32004,
            "data": {"code": "NOT_FOUND", "httpStatus": 404, "path": "nope"},
        }
    }


async def test_batch_of_equal_failures_has_their_status() -> None:
    reply = await answer(Message("nope,nada", batch=True, raw_input="{}"), PROCEDURES)
    assert reply.status == 404


async def test_without_batch_a_comma_is_part_of_the_name() -> None:
    reply = await answer(Message("echo,echo", batch=False, raw_input=""), PROCEDURES)
    assert reply.status == 404


async def test_batches_are_limited() -> None:
    reply = await answer(Message(",".join(["echo"] * (MAX_BATCH + 1)), batch=True, raw_input=""), PROCEDURES)
    assert reply.status == 400
    assert isinstance(reply.content, dict)
    assert reply.content["error"]["data"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize("raw", ["{", "nul", "[1,2]", '"text"', "[" * 100_000])
async def test_rubbish_in_a_batch(raw: str) -> None:
    reply = await answer(Message("echo", batch=True, raw_input=raw), PROCEDURES)
    assert reply.status == 400


async def test_a_bug_tells_nothing_of_itself(caplog: pytest.LogCaptureFixture) -> None:
    reply = await answer(Message("a.crash", batch=False, raw_input=""), PROCEDURES)
    assert reply.status == 500
    assert "internal detail" not in str(reply.content)
    assert "internal detail" in caplog.text


@pytest.mark.parametrize(
    ("error", "name", "number"),
    [
        (NotFound("x"), "NOT_FOUND", -32004),
        (NotDeployed("x"), "PRECONDITION_FAILED", -32012),
        (InvalidInput("x"), "BAD_REQUEST", -32600),
        (TooManyRequests("x"), "TOO_MANY_REQUESTS", -32029),
        (Unavailable("x"), "SERVICE_UNAVAILABLE", -32603),
        (LiveKitRefused("x"), "BAD_GATEWAY", -32603),
        (BionicError("x"), "INTERNAL_SERVER_ERROR", -32603),
    ],
)
async def test_errors_have_trpcs_codes(error: BionicError, name: str, number: int) -> None:
    async def fail(_: Any) -> Any:
        raise error

    reply = await answer(Message("fail", batch=False, raw_input=""), {"fail": fail})
    assert reply.status == error.status_code
    assert isinstance(reply.content, dict)
    assert reply.content["error"]["code"] == number
    assert reply.content["error"]["data"]["code"] == name


async def test_wrong_fields_are_named() -> None:
    async def fail(_: Any) -> Any:
        raise InvalidInput(
            "bad", [FieldError("/agentId", "is required"), FieldError("", "must be an object")]
        )

    reply = await answer(Message("fail", batch=False, raw_input=""), {"fail": fail})
    assert isinstance(reply.content, dict)
    assert reply.content["error"]["message"] == "agentId is required; input must be an object"


@settings(deadline=None)
@given(st.text(), st.booleans(), st.text())
async def test_anything_gets_an_answer(path: str, batch: bool, raw: str) -> None:
    reply = await answer(Message(path, batch=batch, raw_input=raw), PROCEDURES)
    assert reply.status in {200, 207, 400, 404, 500}
