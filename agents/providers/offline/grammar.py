"""The phrases that a caller may say, as PocketSphinx wants them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agents.providers.offline.dictionary import unknown_words
from agents.providers.words import words


@dataclass(frozen=True)
class Grammar:
    """Spoken form of each phrase → the phrase as its author wrote it."""

    phrases: dict[str, str]

    @classmethod
    def of(cls, phrases: Sequence[str]) -> Grammar:
        """Of two phrases that sound the same, the first is reported."""
        spoken: dict[str, str] = {}
        for phrase in phrases:
            if heard := " ".join(words(phrase)):
                spoken.setdefault(heard, phrase)
        return cls(spoken)

    @property
    def jsgf(self) -> str:
        """The grammar in JSGF; only for phrases without problems."""
        return f"#JSGF V1.0; grammar phrases; public <phrase> = {' | '.join(self.phrases)};"


def phrase_problems(phrases: Sequence[str]) -> dict[int, str]:
    """What is wrong with which phrase, by index. Reads the dictionary: not for an event loop."""
    spoken = [words(phrase) for phrase in phrases]
    unknown = unknown_words({word for phrase in spoken for word in phrase})
    problems: dict[int, str] = {}
    for index, phrase in enumerate(spoken):
        missing = sorted({word for word in phrase if word in unknown})
        if not phrase:
            problems[index] = "has no words"
        elif missing:
            listed = ", ".join(f"`{word}`" for word in missing)
            problems[index] = f"not in the recogniser's dictionary: {listed}; use common English words"
    return problems
