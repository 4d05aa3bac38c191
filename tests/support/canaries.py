"""Secrets that are recognised wherever they turn up."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import uuid4

_END = '"\\/<&%+=end'
"""What JSON, URLs and shells write in other ways; the API shows the last four characters as a hint."""


@dataclass(frozen=True)
class Canary:
    """A secret that was made to be looked for."""

    name: str
    song: str = field(default_factory=lambda: f"canary{uuid4().hex}{uuid4().hex}")
    """Letters and digits: escaped in whatever way, it stays as it is."""

    @property
    def secret(self) -> str:
        """What is given to the platform."""
        return self.song + _END

    def is_in(self, data: bytes) -> bool:
        """Whether the secret can be read from `data`: as it is, in base64, or in hex."""
        return any(form in data for form in _forms(self.song.encode()))


def _forms(song: bytes) -> Iterable[bytes]:
    yield song
    yield song.hex().encode()
    for before in range(3):
        # Base64 depends on how many bytes come before, and at the edges on which ones: those are left out.
        first, last = (before * 8 + 5) // 6, (before + len(song)) * 8 // 6
        yield base64.b64encode(bytes(before) + song)[first:last]


def heard(canaries: Iterable[Canary], places: dict[str, bytes]) -> list[str]:
    """Which secret can be read where."""
    return [
        f"{canary.name} in {place}" for canary in canaries for place in places if canary.is_in(places[place])
    ]
