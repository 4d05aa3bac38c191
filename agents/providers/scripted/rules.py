"""Which rule answers, without LiveKit: a pure function of what was said."""

from __future__ import annotations

import re
from functools import cache

from agents.providers.scripted.options import ScriptedLlmOptions
from agents.providers.words import words


def answer(options: ScriptedLlmOptions, text: str, count: int) -> str:
    """What to say to ``text``, the caller's ``count``-th turn."""
    heard = " ".join(words(text))
    for rule in options.rules:
        if _pattern(rule.when).search(heard):
            return _filled(rule.say, text, count)
    return _filled(options.otherwise, text, count)


@cache
def _pattern(when: str) -> re.Pattern[str]:
    """``when`` over words joined by single spaces: whole words only, ``*`` for any number of them."""
    parts = [re.escape(" ".join(words(part))) for part in when.split("*")]
    found = [part for part in parts if part]
    if not found:
        # `*` alone answers anything; a text without words nothing
        return re.compile("" if "*" in when else r"(?!)")
    return re.compile(r"(?<!\S)" + r"(?!\S).*?(?<!\S)".join(found) + r"(?!\S)")


def _filled(template: str, text: str, count: int) -> str:
    # one pass, so that what the caller says is never taken for a placeholder
    values = {"{text}": text, "{count}": str(count)}
    return re.sub(r"\{(?:text|count)\}", lambda match: values[match.group()], template)
