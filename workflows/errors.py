"""How workflows say no, and how they read what went wrong."""

from __future__ import annotations

from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.exceptions import TimeoutError as TemporalTimeoutError

CONFLICT = "Conflict"


def refuse(message: str) -> ApplicationError:
    """The error for an update that the agent's state does not allow."""
    return ApplicationError(message, type=CONFLICT, non_retryable=True)


def reason_of(error: ActivityError) -> str:
    """Why an activity failed, in the words of the innermost cause."""
    cause = error.cause
    if isinstance(cause, TemporalTimeoutError):
        return "No worker finished this step in time. Is the platform's control worker running?"
    return cause.message if isinstance(cause, ApplicationError) else str(cause or error)
