"""The one place where our errors become Temporal's."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from common.errors import BionicError, InvalidInput
from db.engine import is_away

logger = logging.getLogger(__name__)


def _message(error: BionicError) -> str:
    if isinstance(error, InvalidInput) and error.errors:
        return " ".join([error.message, *(f"{e.pointer}: {e.detail}" for e in error.errors)])
    return error.message


@contextmanager
def told_to_temporal() -> Iterator[None]:
    """Raise a `BionicError` of the block as an `ApplicationError` that is retried only if it may help."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        if not is_away(error):
            logger.exception("Postgres refused what it was asked")
        words = "Postgres does not answer." if is_away(error) else "Postgres refused it: the log tells more."
        raise ApplicationError(words, type=type(error).__name__) from None
    except BionicError as error:
        category = ApplicationErrorCategory.BENIGN if error.expected else ApplicationErrorCategory.UNSPECIFIED
        raise ApplicationError(
            _message(error),
            type=type(error).__name__,
            non_retryable=not error.retryable,
            category=category,
            next_retry_delay=None if error.retry_seconds is None else timedelta(seconds=error.retry_seconds),
        ) from None
