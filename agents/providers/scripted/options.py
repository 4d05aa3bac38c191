"""Options of the scripted model."""

from __future__ import annotations

from pydantic import Field

from agents.providers.base import ConfigModel


class Rule(ConfigModel):
    """One answer."""

    when: str = Field(min_length=1, max_length=500)
    """Words to find, in this order and together, in what the caller said; ``*`` stands for any words, none
    included.
    """

    say: str = Field(min_length=1, max_length=8000)
    """The answer; ``{text}`` is what was heard, ``{count}`` the number of the caller's turn, from 1."""


class ScriptedLlmOptions(ConfigModel):
    """The first rule that matches answers; deterministic."""

    rules: list[Rule] = Field(default_factory=list, max_length=500)

    otherwise: str = Field(default="Sorry, I did not understand that.", max_length=8000)
    """The answer when no rule matches; the same placeholders. Empty: silence."""

    delay_ms: int = Field(default=0, ge=0, le=10_000)
    """Milliseconds before the first word, to stand in for a slower model."""
