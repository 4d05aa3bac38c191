"""How workflows say no, and how they read what went wrong."""

from __future__ import annotations

from temporalio.exceptions import ActivityError, ApplicationError, FailureError
from temporalio.exceptions import TimeoutError as TemporalTimeoutError

CONFLICT = "Conflict"
_OF_LIVEKIT = {"LiveKitError", "LiveKitRefused", "LiveKitUnreachable"}


def refuse(message: str) -> ApplicationError:
    """The error for an update that the agent's state does not allow."""
    return ApplicationError(message, type=CONFLICT, non_retryable=True)


def _cause(error: FailureError) -> BaseException:
    """What the activity raised. A local activity's error comes as it is, any other in an `ActivityError`."""
    return (error.cause or error) if isinstance(error, ActivityError) else error


def is_final(error: FailureError) -> bool:
    """Whether trying again can't help."""
    cause = _cause(error)
    return isinstance(cause, ApplicationError) and cause.non_retryable


def is_of_livekit(error: FailureError) -> bool:
    """Whether LiveKit is to blame, or the keys for it, and not Postgres."""
    cause = _cause(error)
    return isinstance(cause, ApplicationError) and (cause.type in _OF_LIVEKIT or cause.non_retryable)


def reason_of(error: FailureError) -> str:
    """Why an activity failed, in the words of the innermost cause."""
    cause = _cause(error)
    if isinstance(cause, TemporalTimeoutError):
        return "No worker finished this step in time. Is the platform's control worker running?"
    return cause.message if isinstance(cause, ApplicationError) else str(cause)
