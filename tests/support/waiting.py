"""Waiting for a condition, with a bound and a reason."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    look: Callable[[], Awaitable[T | None]],
    what: str | Callable[[], str],
    *,
    seconds: float = 15.0,
    every: float = 0.05,
) -> T:
    """The first truthy answer of `look`; fails with `what` and the last answer after `seconds`."""
    last: T | None = None
    try:
        async with asyncio.timeout(seconds):
            while True:
                last = await look()
                if last:
                    return last
                await asyncio.sleep(every)
    except TimeoutError:
        what = what if isinstance(what, str) else what()
        raise AssertionError(f"not within {seconds:g} s: {what}; last seen: {last!r}") from None
