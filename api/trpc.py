"""The HTTP protocol of tRPC 11 (https://trpc.io/docs/rpc), as its real clients speak it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from common.errors import BionicError, InvalidInput

MAX_BATCH = 10
_log = logging.getLogger("bionic.api")

Procedure = Callable[[Any], Awaitable[Any]]

# Name and number by HTTP status, from tRPC's table of error codes.
_CODES = {
    400: ("BAD_REQUEST", -32600),
    401: ("UNAUTHORIZED", -32001),
    403: ("FORBIDDEN", -32003),
    404: ("NOT_FOUND", -32004),
    405: ("METHOD_NOT_SUPPORTED", -32005),
    409: ("CONFLICT", -32009),
    412: ("PRECONDITION_FAILED", -32012),
    413: ("PAYLOAD_TOO_LARGE", -32013),
    415: ("UNSUPPORTED_MEDIA_TYPE", -32015),
    429: ("TOO_MANY_REQUESTS", -32029),
    500: ("INTERNAL_SERVER_ERROR", -32603),
    502: ("BAD_GATEWAY", -32603),
    503: ("SERVICE_UNAVAILABLE", -32603),
}


class ProtocolError(BionicError):
    """What was sent is not tRPC."""

    def __init__(self, message: str, status_code: int = 400) -> None:
        super().__init__(message)
        self.status_code = status_code


@dataclass(frozen=True)
class Outcome:
    """One envelope, and the HTTP status it would have alone."""

    status: int
    envelope: dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """An HTTP answer: one envelope, or a list of them for a batch."""

    status: int
    content: dict[str, Any] | list[dict[str, Any]]


@dataclass(frozen=True)
class Message:
    """A request: the path after the endpoint, whether it is a batch, and the raw JSON of its input."""

    path: str
    batch: bool
    raw_input: str


async def answer(message: Message, procedures: Mapping[str, Procedure]) -> Reply:
    """Run what the message asks for; a call of a batch that fails does not fail the others."""
    paths = message.path.split(",") if message.batch else [message.path]
    try:
        if len(paths) > MAX_BATCH:
            raise ProtocolError(f"A batch may hold {MAX_BATCH} calls at most.")
        inputs = _inputs(message, len(paths))
    except ProtocolError as error:
        failed = _failure(error, message.path)
        return Reply(failed.status, failed.envelope)
    calls = [_call(path, given, procedures) for path, given in zip(paths, inputs, strict=True)]
    outcomes = await asyncio.gather(*calls)
    if not message.batch:
        return Reply(outcomes[0].status, outcomes[0].envelope)
    statuses = {outcome.status for outcome in outcomes}
    status = statuses.pop() if len(statuses) == 1 else HTTPStatus.MULTI_STATUS
    return Reply(status, [outcome.envelope for outcome in outcomes])


def refusal(status: int, text: str, path: str) -> Reply:
    """The answer where no call could be read at all."""
    failed = _failure(ProtocolError(text, status), path)
    return Reply(failed.status, failed.envelope)


def _inputs(message: Message, count: int) -> list[Any]:
    if not message.raw_input:
        return [None] * count
    try:
        parsed = json.loads(message.raw_input)
    except (ValueError, RecursionError):
        raise ProtocolError("The input is not valid JSON.") from None
    if not message.batch:
        return [parsed]
    if not isinstance(parsed, dict):
        raise ProtocolError('"input" needs to be an object when doing a batch call')
    return [parsed.get(str(index)) for index in range(count)]


async def _call(path: str, given: Any, procedures: Mapping[str, Procedure]) -> Outcome:
    procedure = procedures.get(path)
    if procedure is None:
        return _failure(ProtocolError(f'No procedure found on path "{path}"', 404), path)
    try:
        data = await procedure(given)
    except BionicError as error:
        return _failure(error, path)
    except Exception:  # noqa: BLE001 - one call of a batch must not take the others down
        _log.exception("unexpected error in procedure %s", path)
        return _failure(ProtocolError("Something went wrong in the API. Its log says more.", 500), path)
    return Outcome(200, {"result": {"data": data}})


def _failure(error: BionicError, path: str) -> Outcome:
    status = error.status_code if error.status_code in _CODES else 500
    name, number = _CODES[status]
    message = error.message
    if isinstance(error, InvalidInput) and error.errors:
        message = "; ".join(f"{each.pointer.lstrip('/') or 'input'} {each.detail}" for each in error.errors)
    data = {"code": name, "httpStatus": status, "path": path}
    return Outcome(status, {"error": {"message": message, "code": number, "data": data}})
