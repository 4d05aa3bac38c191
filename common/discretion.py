"""Secrets are blotted out of what is written for others to read.

We never write one ourselves. But servers repeat them: some that refuse a key name it in their answer, and
what they answered is logged and traced.
"""

from __future__ import annotations

import json

BLOT = "[secret]"

SHORTEST = 8
"""Shorter ones are parts of words: blotted out they would hide what was meant, and be guessed from it."""

MOST = 10_000
"""Forms of secrets that are known at a time; beyond it the oldest is forgotten."""


class Discretion:
    """Knows some secrets, and blots them out of texts. Threads may share it."""

    def __init__(self, *secrets: str) -> None:
        self._forms: dict[str, None] = {}
        self._for_ever: dict[str, None] = {}
        self._longest_first: tuple[str, ...] = ()
        for secret in secrets:
            self.learn(secret)

    def learn(self, secret: str, *, for_ever: bool = False) -> None:
        """Blot this out from now on, also as JSON and Python write it."""
        if len(secret) < SHORTEST or secret in self._forms or secret in self._for_ever:
            return
        forms = dict.fromkeys((secret, json.dumps(secret)[1:-1], repr(secret)[1:-1]))
        (self._for_ever if for_ever else self._forms).update(forms)
        while len(self._forms) > MOST:
            self._forms.pop(next(iter(self._forms)), None)
        self._longest_first = tuple(sorted(self._forms | self._for_ever, key=len, reverse=True))

    def blot(self, text: str) -> str:
        """The text without the secrets in it."""
        for form in self._longest_first:
            if form in text:
                text = text.replace(form, BLOT)
        return text


DISCRETION = Discretion()
"""What this process must not say: its log lines are blotted with it."""
