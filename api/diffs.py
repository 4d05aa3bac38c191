"""What differs between two configs, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from agents.config import redacted
from agents.providers.pointers import pointer
from db.repositories.agents import StoredConfig

ROOT = "/config"
"""Where the pointers begin, as those of the API's errors do."""

ChangeWord: TypeAlias = Literal["added", "removed", "changed"]


@dataclass(frozen=True)
class Difference:
    """One field that differs. What is not there is None; `change` tells it from a field that is null.

    Pointers of what was removed lead into the first config, those of all else into the second: they are not
    the same where elements of a list were put in or taken out.
    """

    pointer: str
    change: ChangeWord
    before: Any
    after: Any


def differences(before: StoredConfig, after: StoredConfig) -> list[Difference]:
    """What differs, in the order of the fields' names; secrets are told apart but never shown.

    A secret that changed is `changed` though its hint may be the same.
    """
    secret = before.secrets.keys() | after.secrets.keys()
    replaced = {ROOT + each for each in secret if before.secrets.get(each) != after.secrets.get(each)}
    return list(
        _between(
            ROOT,
            redacted(before.public, before.secrets),
            redacted(after.public, after.secrets),
            replaced,
        )
    )


def _between(path: str, before: Any, after: Any, replaced: set[str]) -> Iterator[Difference]:
    """The differences at `path` and below; at `replaced` they are there however equal both sides look."""
    if path in replaced:
        yield Difference(path, "changed", before, after)
    elif isinstance(before, dict) and isinstance(after, dict):
        yield from _between_objects(path, before, after, replaced)
    elif _has_objects(before) and _has_objects(after):
        yield from _between_lists(path, before, after, replaced)
    elif before != after:
        yield Difference(path, "changed", before, after)


def _between_objects(
    path: str, before: dict[str, Any], after: dict[str, Any], replaced: set[str]
) -> Iterator[Difference]:
    for key in sorted(before.keys() | after.keys()):
        here = pointer(path, [key])
        if key not in after:
            yield Difference(here, "removed", before[key], None)
        elif key not in before:
            yield Difference(here, "added", None, after[key])
        else:
            yield from _between(here, before[key], after[key], replaced)


def _between_lists(
    path: str, before: list[Any], after: list[Any], replaced: set[str]
) -> Iterator[Difference]:
    """Element by element between the equal heads and the equal tails, so that a new one shifts no others."""
    head = _common(before, after)
    tail = _common(before[head:][::-1], after[head:][::-1])
    old, new = before[head : len(before) - tail], after[head : len(after) - tail]
    pairs = min(len(old), len(new))
    for index in range(pairs):
        yield from _between(pointer(path, [head + index]), old[index], new[index], replaced)
    for index, value in enumerate(old[pairs:], head + pairs):
        yield Difference(pointer(path, [index]), "removed", value, None)
    for index, value in enumerate(new[pairs:], head + pairs):
        yield Difference(pointer(path, [index]), "added", None, value)


def _common(one: list[Any], other: list[Any]) -> int:
    """How many elements at the start are equal."""
    pairs = zip(one, other, strict=False)
    return next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _has_objects(value: Any) -> bool:
    """Whether `value` is a list of objects, empty ones included; of others the whole is what one reads."""
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)
