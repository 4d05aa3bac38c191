"""Which words the offline recogniser knows, from its dictionary's text file; imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path


def dictionary_path() -> Path:
    """The dictionary in PocketSphinx's wheel. Raises FileNotFoundError."""
    spec = find_spec("pocketsphinx")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("PocketSphinx is not installed")
    return Path(spec.origin).parent / "model" / "en-us" / "cmudict-en-us.dict"


def unknown_words(wanted: Iterable[str]) -> set[str]:
    """Those of ``wanted`` (lower case) that can't be recognised. Reads 3 MB: some 30 ms, not for an event
    loop.
    """
    missing = set(wanted)
    with dictionary_path().open(encoding="utf-8") as lines:
        for line in lines:
            missing.discard(line.partition(" ")[0])
            if not missing:
                break
    return missing
