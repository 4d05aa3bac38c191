"""Errors as problem details (RFC 9457), mapped in this one place."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from enum import StrEnum
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.handlers import BaseRouteHandler
from litestar.types import ExceptionHandlersMap

from common.errors import BionicError, FieldError, InvalidInput, Unauthorized, Unavailable

PROBLEM_JSON = "application/problem+json"
RETRY_AFTER = {"Retry-After": "2"}
"""Sent with every 503, in seconds."""
_log = logging.getLogger("bionic.api")

AnyRequest = Request[Any, Any, Any]
Problem = Response[dict[str, Any]]


def problem(
    status: int, detail: str, errors: Sequence[FieldError] = (), headers: dict[str, str] | None = None
) -> Problem:
    """An answer that says what is wrong and, where it can, how to cure it."""
    content = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "errors": [{"pointer": error.pointer, "detail": error.detail} for error in errors],
    }
    return Response(content, status_code=status, media_type=PROBLEM_JSON, headers=headers)


def from_bionic(_: AnyRequest, error: BionicError) -> Problem:
    """One of our own errors: its message is meant for people."""
    if error.status_code == HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("%s: %s", type(error).__name__, error.message)
    headers = None
    if isinstance(error, Unauthorized):
        headers = {"WWW-Authenticate": "Bearer"}
    elif isinstance(error, Unavailable):
        headers = RETRY_AFTER
    errors = error.errors if isinstance(error, InvalidInput) else ()
    return problem(error.status_code, error.message, errors, headers)


def from_http(request: AnyRequest, error: HTTPException) -> Problem:
    """One of Litestar's errors: unknown routes, wrong methods, malformed JSON, wrong parameters."""
    if isinstance(error, ValidationException):
        return problem(400, "The request is not valid.", _parameters(error, _words(request)))
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return from_unexpected(request, error)
    phrase = HTTPStatus(error.status_code).phrase
    detail = error.detail if error.status_code == HTTPStatus.BAD_REQUEST else phrase
    return problem(error.status_code, detail or phrase, headers=error.headers)


def from_depth(_: AnyRequest, __: RecursionError) -> Problem:
    """JSON nested beyond what any of our bodies needs."""
    return problem(400, "The JSON is nested too deeply.")


def from_unexpected(request: AnyRequest, error: Exception) -> Problem:
    """A bug: logged whole, told without its insides."""
    reference = uuid4().hex[:8]
    # The route and not the path: a path may carry a login token.
    route = request.scope.get("path_template", "an unknown route")
    _log.error("unexpected error %s in %s %s", reference, request.method, route, exc_info=error)
    return problem(500, f"Something went wrong in the API. Its log says more under {reference}.")


def _words(request: AnyRequest) -> dict[str, list[str]]:
    """The words that a route's parameters may be, where there are only a few."""
    handler = request.scope.get("route_handler")
    parameters = handler.parsed_fn_signature.parameters if isinstance(handler, BaseRouteHandler) else {}
    return {
        name: [str(word) for kind in (field.annotation, *field.args) for word in _members(kind)]
        for name, field in parameters.items()
    }


def _members(kind: Any) -> list[StrEnum]:
    return list(kind) if isinstance(kind, type) and issubclass(kind, StrEnum) else []


def _parameters(error: ValidationException, words: dict[str, list[str]]) -> list[FieldError]:
    cause = error.__cause__
    if isinstance(cause, KeyError) and cause.args:
        # A parameter that is missing: Litestar names it nowhere else.
        return [FieldError(f"/{cause.args[0]}", "is required")]
    found = error.extra if isinstance(error.extra, list) else []
    return [_parameter(each, words) for each in found if isinstance(each, dict)]


def _parameter(message: dict[str, Any], words: dict[str, list[str]]) -> FieldError:
    # Keys are those of handlers' arguments; `from_` is `from` with a name that Python allows.
    key, detail = str(message.get("key", "")), str(message.get("message", ""))
    if key == "data":
        return FieldError("", "a JSON body is required")
    if "enum" in detail and words.get(key):
        detail = f"must be one of {', '.join(words[key])}"
    elif "RFC3339" in detail:
        detail = "must be a moment such as 2026-01-31T12:00:00Z; a `+` in it is written as `%2B`"
    name = key.rstrip("_")
    return FieldError(f"/{name}" if name else "", detail)


EXCEPTION_HANDLERS: ExceptionHandlersMap = {
    BionicError: from_bionic,
    HTTPException: from_http,
    RecursionError: from_depth,
    Exception: from_unexpected,
}
