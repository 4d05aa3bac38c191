"""From Pydantic's errors to JSON pointers that a person can follow."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from common.errors import FieldError

_MAX_ERRORS = 50
_LISTED = 12

_PLAIN = {
    "missing": "is required",
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "finite_number": "must be a finite number",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dict_type": "must be an object",
}


def pointer(prefix: str, parts: Iterable[str | int]) -> str:
    """``prefix`` and ``parts`` as one JSON pointer (RFC 6901)."""
    return prefix + "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def field_errors(model: type[BaseModel], error: ValidationError, prefix: str) -> list[FieldError]:
    """What is wrong with the input of ``model``, 50 fields at most. No input value is repeated."""
    details = error.errors(include_url=False, include_input=False)
    return [_field_error(model, detail, prefix) for detail in details[:_MAX_ERRORS]]


def models_in(annotation: object) -> list[type[BaseModel]]:
    """The models inside ``annotation``: in unions, lists and ``Annotated`` alike."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for arg in get_args(annotation) for found in models_in(arg)]


def provider_tag(model: type[BaseModel]) -> str | None:
    """The value of ``provider`` by which a union knows ``model``."""
    field = model.model_fields.get("provider")
    if field is None or get_origin(field.annotation) is not Literal:
        return None
    return str(get_args(field.annotation)[0])


def suggestion(word: str, known: Iterable[str]) -> str:
    """The cure for a name that is unknown."""
    names = sorted(known)
    close = get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean `{close[0]}`?"
    listed = ", ".join(f"`{name}`" for name in names[:_LISTED])
    return f"known: {listed}" + (", …" if len(names) > _LISTED else "")


def _field_error(model: type[BaseModel], detail: ErrorDetails, prefix: str) -> FieldError:
    path, candidates = _walk(model, detail["loc"])
    kind = detail["type"]
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        tags = [tag for found in candidates if (tag := provider_tag(found))]
        asked = str(detail.get("ctx", {}).get("tag", ""))
        wrong = "unknown provider" if kind == "union_tag_invalid" else "is required"
        listed = ", ".join(f"`{tag}`" for tag in tags)
        hint = get_close_matches(asked, tags, n=1)
        cure = f"did you mean `{hint[0]}`? Known: {listed}" if hint else f"known: {listed}"
        return FieldError(pointer(prefix, [*path, "provider"]), f"{wrong}; {cure}")
    if kind == "extra_forbidden":
        parents = _walk(model, detail["loc"][:-1])[1]
        names = {info.alias or name for parent in parents for name, info in parent.model_fields.items()}
        word = str(detail["loc"][-1])
        return FieldError(pointer(prefix, path), f"unknown option; {suggestion(word, names)}")
    return FieldError(pointer(prefix, path), _plain(detail))


def _walk(
    model: type[BaseModel], loc: tuple[str | int, ...]
) -> tuple[list[str | int], list[type[BaseModel]]]:
    """The path of ``loc`` without the tags that Pydantic puts in for union members, and the models found
    there.
    """
    path: list[str | int] = []
    candidates = [model]
    for part in loc:
        if len(candidates) > 1:
            candidates = [found for found in candidates if provider_tag(found) == part]
            continue
        path.append(part)
        if isinstance(part, int):
            continue
        fields: dict[str, Any] = candidates[0].model_fields if candidates else {}
        candidates = next(
            (models_in(info.annotation) for name, info in fields.items() if part in {info.alias, name}), []
        )
    return path, candidates


def _plain(detail: ErrorDetails) -> str:
    if plain := _PLAIN.get(detail["type"]):
        return plain
    if detail["type"] == "value_error":
        return detail["msg"].removeprefix("Value error, ")
    text = detail["msg"]
    for formal, plain in (
        ("Input should ", "must "),
        ("String should ", "must "),
        ("List should ", "must "),
        ("Value should ", "must "),
    ):
        text = text.replace(formal, plain)
    return text.split(" after validation")[0]
