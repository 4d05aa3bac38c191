"""What an agent's config says of recording its calls, and of what is taken out of them when they are over."""

from __future__ import annotations

import json
import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from agents.providers.base import ConfigModel

NOTICE = "This call is recorded."

JUDGES = (
    "accuracy",
    "coherence",
    "conciseness",
    "handoff",
    "relevancy",
    "safety",
    "task_completion",
    "tool_use",
)
"""livekit-agents' own judges."""

MAX_SCHEMA = 16_000
"""Characters of a schema, as JSON."""

MAX_JUDGES = 10
_NAME = re.compile(r"[a-z0-9_-]+")


class RecordingConfig(ConfigModel):
    """Whether calls are recorded."""

    enabled: bool = False
    consent: str | None = Field(default=NOTICE, min_length=1, max_length=1000)
    """What the agent says before anything else, in full, and what whoever asks for a token is told; null: the
    caller learns of the recording elsewhere."""

    @property
    def notice(self) -> str | None:
        """What callers are told; None where there is nothing to tell."""
        return self.consent if self.enabled else None


class JudgeConfig(ConfigModel):
    """Who scores calls: one of `JUDGES`, or one with criteria of the agent's own."""

    name: str = Field(min_length=1, max_length=50)
    criteria: str | None = Field(default=None, min_length=1, max_length=4000)

    @model_validator(mode="after")
    def _known(self) -> JudgeConfig:
        if not _NAME.fullmatch(self.name):
            raise ValueError("a judge's name has only lower-case letters, digits, `-` and `_`")
        if self.criteria is None and self.name not in JUDGES:
            raise ValueError(f"a judge without criteria must be one of {', '.join(JUDGES)}")
        if self.criteria is not None and self.name in JUDGES:
            raise ValueError(f"`{self.name}` has criteria already; give yours another name")
        return self


def _schema(value: dict[str, Any]) -> dict[str, Any]:
    # Loaded only where there is a schema: most configs have none.
    from agents.aftercare.schemas import check_schema  # noqa: PLC0415

    if len(json.dumps(value)) > MAX_SCHEMA:
        raise ValueError(f"must not be longer than {MAX_SCHEMA} characters")
    check_schema(value)
    return value


class AnalysisWishes(ConfigModel):
    """What is taken out of a call when it is over. Each part is asked of a language model."""

    summary: bool = False
    extract: Annotated[dict[str, Any], AfterValidator(_schema)] | None = None
    """A JSON schema: what it describes is looked for in the conversation."""

    judges: list[JudgeConfig] = Field(default_factory=list, max_length=MAX_JUDGES)

    @model_validator(mode="after")
    def _names_differ(self) -> AnalysisWishes:
        names = [judge.name for judge in self.judges]
        if len(set(names)) < len(names):
            raise ValueError("two judges must not have one name")
        return self

    @property
    def wanted(self) -> bool:
        """Whether there is anything to ask."""
        return self.summary or self.extract is not None or bool(self.judges)
