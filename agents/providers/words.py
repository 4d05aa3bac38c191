"""Text as spoken words: what grammars and rules are compared by."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def words(text: str) -> list[str]:
    """The words of ``text`` in lower case, without punctuation; apostrophes inside words stay."""
    return _WORD.findall(text.replace("\u2019", "'").casefold())
