"""Cursor pages, newest first."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from common.errors import FieldError, InvalidInput

T = TypeVar("T")
DEFAULT_LIMIT = 50
MAX_LIMIT = 200


@dataclass(frozen=True)
class Cursor:
    """The place after which the next page begins."""

    created_at: datetime
    id: UUID

    def encode(self) -> str:
        """The opaque text that clients hand back."""
        return base64.urlsafe_b64encode(
            json.dumps([self.created_at.isoformat(), str(self.id)]).encode()
        ).decode()

    @classmethod
    def decode(cls, text: str | None) -> Cursor | None:
        """The cursor that `encode` made.

        Raises:
            InvalidInput: the text is not one of our cursors.
        """
        if text is None:
            return None
        try:
            at, row_id = json.loads(base64.urlsafe_b64decode(text.encode()))
            return cls(datetime.fromisoformat(at), UUID(row_id))
        except (ValueError, TypeError, AttributeError, binascii.Error):
            error = FieldError("/cursor", "Use the `nextCursor` of the previous page, or leave it out.")
            raise InvalidInput("The cursor is not valid.", [error]) from None


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some items, and where the next ones begin."""

    items: list[T]
    next_cursor: str | None
