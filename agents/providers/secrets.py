"""Secrets in and out of a config's JSON.

A config is stored and shown as *public* JSON, without its secrets; those are kept beside it, encrypted, by
the JSON pointer of the field they belong to. Which fields are secret is read off the models (``SecretStr``),
so that a new one can't be forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, SecretStr

from agents.providers.pointers import models_in, pointer, provider_tag

_HINT_FROM = 12


@dataclass(frozen=True)
class SecretPlace:
    """A field that may hold a secret, in one config's JSON."""

    pointer: str
    key: str
    holder: dict[str, Any]
    """The object with the field; changing it changes the JSON that was searched."""

    owner: str
    """What the secret belongs to: it must not follow the config to another owner."""


def places(
    model: type[BaseModel], data: dict[str, Any], path: tuple[str, ...] = (), tag: str = ""
) -> Iterator[SecretPlace]:
    """Every secret field of ``model`` that ``data`` has room for. ``data`` may be unchecked input."""
    for name, field in model.model_fields.items():
        key = field.alias or name
        here = (*path, key)
        if field.annotation is SecretStr or SecretStr in get_args(field.annotation):
            host = data.get("url", data.get("baseUrl"))
            yield SecretPlace(pointer("", here), key, data, f"{tag} {host!r}")
            continue
        inside = models_in(field.annotation)
        value = data.get(key)
        if not isinstance(value, dict):
            continue
        provider = value.get("provider")
        if len(inside) > 1:
            inside = [found for found in inside if provider_tag(found) == provider]
        for found in inside[:1]:
            yield from places(found, value, here, str(provider) if "provider" in value else tag)


def without_secrets(model: type[BaseModel], data: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """A copy of ``data`` without its secrets, and those by pointer. ``SecretStr`` and ``str`` are both
    understood.
    """
    public = deepcopy(dict(data))
    secrets: dict[str, str] = {}
    for place in list(places(model, public)):
        value = place.holder.pop(place.key, None)
        if value is not None:
            secrets[place.pointer] = value.get_secret_value() if isinstance(value, SecretStr) else value
    return public, secrets


def with_secrets(
    model: type[BaseModel], public: Mapping[str, Any], secrets: Mapping[str, str]
) -> dict[str, Any]:
    """A copy of ``public`` with ``secrets`` back in their places; those without a place are left out."""
    data = deepcopy(dict(public))
    for place in list(places(model, data)):
        if place.pointer in secrets:
            place.holder[place.key] = secrets[place.pointer]
    return data


def with_hints(
    model: type[BaseModel], public: Mapping[str, Any], secrets: Mapping[str, str]
) -> dict[str, Any]:
    """A copy of ``public`` where every secret field says whether it is set, and how a long one ends."""
    data = deepcopy(dict(public))
    for place in list(places(model, data)):
        place.holder[place.key] = hint(secrets.get(place.pointer))
    return data


def hint(secret: str | None) -> dict[str, object]:
    """What an API answer says about a secret; the last four characters only of those with twelve or more."""
    if secret is None:
        return {"set": False}
    return {"set": True, "hint": f"…{secret[-4:]}"} if len(secret) >= _HINT_FROM else {"set": True}


def carried_over(
    model: type[BaseModel],
    new: Mapping[str, Any],
    old_public: Mapping[str, Any],
    old_secrets: Mapping[str, str],
) -> dict[str, Any]:
    """See :func:`agents.config.keep_secrets`."""
    data = deepcopy(dict(new))
    owners = {place.pointer: place.owner for place in places(model, dict(old_public))}
    for place in list(places(model, data)):
        sent = place.holder.get(place.key, {"set": True})
        if not isinstance(sent, dict):
            continue  # a new secret, or null: there shall be none
        place.holder.pop(place.key, None)
        same_owner = owners.get(place.pointer) == place.owner
        if sent.get("set") is True and same_owner and place.pointer in old_secrets:
            place.holder[place.key] = old_secrets[place.pointer]
    return data
