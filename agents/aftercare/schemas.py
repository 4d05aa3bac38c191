"""JSON schemas that people write: checked before they are taken, and applied to what a model answers.

They come from outside. Nothing that they refer to is fetched, and their patterns are matched in linear time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema_rs

MAX_PROBLEMS = 5
"""Of one answer, that are told."""

MAX_PATTERN_BYTES = 1_000_000
"""Of memory that one pattern may take."""


def _validator(schema: Mapping[str, Any]) -> jsonschema_rs.Draft202012Validator:
    pattern = jsonschema_rs.RegexOptions(size_limit=MAX_PATTERN_BYTES)
    return jsonschema_rs.Draft202012Validator(dict(schema), pattern_options=pattern, offline=True)


def check_schema(schema: Mapping[str, Any]) -> None:
    """Raises ValueError for what is no schema of an object, or refers to something outside of itself."""
    if schema.get("type") != "object":
        raise ValueError('must be the JSON schema of an object: `"type": "object"`')
    try:
        _validator(schema)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        reason = getattr(error, "message", None) or str(error)
        raise ValueError(f"is no JSON schema (2020-12): {reason[:300]}") from None


def problems(schema: Mapping[str, Any], value: object) -> list[str]:
    """What is wrong with `value`, each with where it is."""
    found = []
    for error in _validator(schema).iter_errors(value):
        where = "/".join(str(part) for part in error.instance_path)
        found.append(f"/{where}: {error.message[:300]}")
        if len(found) == MAX_PROBLEMS:
            break
    return found
