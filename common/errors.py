"""The one tree of errors.

::

    BionicError                  message · retryable · status_code
    ├── InvalidInput             400  bad fields, each with a pointer
    ├── Unauthorized             401
    ├── Forbidden                403
    ├── NotFound                 404
    ├── Conflict                 409  not now, in this state
    │   └── NotDeployed          412  the agent takes no calls
    ├── Unavailable              503  a part of the platform is away; retry
    │   └── NoCapacity                no host has room for the call
    └── LiveKitError             502
        ├── LiveKitRefused            wrong key or secret: retrying can't cure it
        └── LiveKitUnreachable        no answer: retrying may

It is mapped once to Temporal's ``ApplicationError`` (``activities.errors``) and once to problem details
(``api.problems``).
"""

from __future__ import annotations

from dataclasses import dataclass


class BionicError(Exception):
    """Base of every error that a person may read."""

    retryable: bool = False
    expected: bool = False
    """A part of normal life: worth no warning in a log."""
    status_code: int = 500
    retry_seconds: float | None = None
    """When to try again, where the retry policy should not decide: its waits grow from try to try."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True)
class FieldError:
    """One field that is wrong: a JSON pointer into the body, and the cure."""

    pointer: str
    detail: str


class InvalidInput(BionicError):
    """Bad input; ``errors`` names each field."""

    status_code = 400

    def __init__(self, message: str, errors: list[FieldError] | None = None) -> None:
        super().__init__(message)
        self.errors = errors or []


class Unauthorized(BionicError):
    """No API key, or one that is not ours."""

    status_code = 401


class Forbidden(BionicError):
    """Known, but not allowed."""

    status_code = 403


class NotFound(BionicError):
    """There is no such thing, or it is someone else's."""

    status_code = 404


class Conflict(BionicError):
    """Not possible in the present state."""

    status_code = 409


class NotDeployed(Conflict):
    """The agent exists but takes no calls now."""

    status_code = 412


class Unavailable(BionicError):
    """A part of the platform does not answer; nothing was changed."""

    retryable = True
    status_code = 503


class NoCapacity(Unavailable):
    """No host that is there has room for the call; callers may read the message."""


class LiveKitError(BionicError):
    """LiveKit did not do what was asked."""

    status_code = 502


class LiveKitRefused(LiveKitError):
    """LiveKit answered that the API key or secret is wrong."""


class LiveKitUnreachable(LiveKitError):
    """Nothing that speaks LiveKit answered at the URL."""

    retryable = True
