"""What LiveKit itself says of who is registered."""

from __future__ import annotations

import json
from collections import Counter

from stack.config import Service
from stack.logs import Silent

_BEGINS, _REGISTERED, _CLOSED = "\tstarting LiveKit server\t", "\tworker registered\t", "\tclosing worker\t"


class LiveKitLog(Silent):
    """Reads the lines of a stack's LiveKit as they come. The stack must be verbose."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def line(self, service: str, text: str) -> None:
        """Keep up with one line."""
        if service != Service.LIVEKIT:
            return
        if _BEGINS in text:
            self._names.clear()
        elif _REGISTERED in text:
            worker = json.loads(text.rpartition("\t")[2])
            self._names[worker["workerID"]] = worker["agentName"]
        elif _CLOSED in text:
            # Some keys come twice in this one: the same.
            self._names.pop(json.loads(text.rpartition("\t")[2])["workerID"], None)

    def registered(self, slug: str) -> Counter[str]:
        """How many registrations there are of each name of an agent: `slug` and `slug@v{n}`."""
        return Counter(name for name in self._names.values() if name.partition("@")[0] == slug)

    def forget(self) -> None:
        """LiveKit was killed: whatever was registered is not."""
        self._names.clear()
