"""Which words the offline recogniser knows, from its dictionary's text file; imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path


def dictionary_path() -> Path:
    """The dictionary in PocketSphinx's wheel. Raises FileNotFoundError."""
    spec = find_spec("pocketsphinx")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("PocketSphinx is not installed")
    return Path(spec.origin).parent / "model" / "en-us" / "cmudict-en-us.dict"


@cache
def _known_words() -> frozenset[str]:
    """Every word of the dictionary. Takes some 50 ms the first time, and keeps some 15 MB."""
    with dictionary_path().open(encoding="utf-8") as lines:
        return frozenset(line.partition(" ")[0] for line in lines)


def unknown_words(wanted: Iterable[str]) -> set[str]:
    """Those of ``wanted`` (lower case) that can't be recognised. Reads a file the first time."""
    return set(wanted) - _known_words()
