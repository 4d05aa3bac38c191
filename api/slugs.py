"""Slugs: the names of agents in addresses and in LiveKit."""

from __future__ import annotations

import re
import unicodedata
from uuid import UUID

MAX_SLUG = 63
_SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def is_uuid(text: str) -> bool:
    """Whether `text` reads as an id."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def check_slug(slug: str) -> str:
    """`slug` if it is one.

    Raises:
        ValueError: it is not; the text says what one looks like.
    """
    if not _SLUG.fullmatch(slug):
        raise ValueError("must be lower-case letters, digits and inner dashes, at most 63, like `front-desk`")
    if is_uuid(slug):
        raise ValueError("must not look like an id")
    return slug


def slug_of(name: str) -> str:
    """A slug for an agent of this name: `Zoë's Café` becomes `zoes-cafe`."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower().replace("'", "")
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:MAX_SLUG].strip("-") or "agent"
    return f"agent-{slug}"[:MAX_SLUG].rstrip("-") if is_uuid(slug) else slug


def with_suffix(slug: str, suffix: str) -> str:
    """`slug` and `suffix` in one slug of allowed length."""
    return f"{slug[: MAX_SLUG - len(suffix) - 1].rstrip('-')}-{suffix}"
