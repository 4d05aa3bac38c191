"""One run of the machine, and what it tells."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tests.chaos.world import World

T = TypeVar("T")
Tell = Callable[[str], None]

STEP_SECONDS = 300.0


@dataclass
class Run:
    """One run of the machine, from a seed."""

    world: World
    loop: asyncio.AbstractEventLoop
    """The one on which everything happens; the machine itself runs in a thread."""
    tell: Tell
    steps: list[str] = field(default_factory=list)
    failure: BaseException | None = None
    began: float = field(default_factory=time.monotonic)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something on the loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(STEP_SECONDS)

    def note(self, text: str) -> None:
        """Tell of a step, with the time."""
        line = f"{time.monotonic() - self.began:6.1f} s  {text}"
        self.steps.append(line)
        self.tell(line)
