"""Options of the offline recogniser and the offline voice."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from agents.providers.base import ConfigModel

Phrase = Annotated[str, Field(min_length=1, max_length=200)]


# espeak opens a file of this name: a path must not get through
_VOICE = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(\+[A-Za-z0-9_-]+)?")


def _voice_name(value: str) -> str:
    if not _VOICE.fullmatch(value):
        raise ValueError("must be a voice name such as `en-us` or `en+f3`")
    return value


class OfflineSttOptions(ConfigModel):
    """PocketSphinx with its English model."""

    grammar: list[Phrase] | None = Field(default=None, min_length=1, max_length=500)
    """The phrases a caller may say. Without it any English is taken down, with many mistakes."""

    interim_results: bool = False
    """Whether the words so far are reported while the caller speaks."""

    report_unclear: bool = True
    """Whether speech that is none of the grammar's phrases is reported, as a turn with the text
    ``[unclear]``: a scripted model then says its ``otherwise``, where the caller would meet silence. Noise,
    clicks, breath and a short "mm" are never reported. Without a grammar it changes nothing.
    """


class OfflineTtsOptions(ConfigModel):
    """eSpeak NG."""

    voice: Annotated[str, Field(max_length=60), AfterValidator(_voice_name)] = "en"
    """A language or voice that eSpeak knows: ``en``, ``en-us``, ``de``, ``en+f3``."""

    rate: int = Field(default=175, ge=80, le=450)
    """Words a minute."""

    pitch: int = Field(default=50, ge=0, le=99)
    """0 is low, 99 high."""
