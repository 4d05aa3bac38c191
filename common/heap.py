"""Garbage collection for processes that run for months."""

from __future__ import annotations

import gc

YOUNG = 20_000
"""Objects made before the collector looks at them; Python's default of 700 has it look all the time."""


def settle_heap() -> None:
    """Call once all modules are loaded: what is there by then is never looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 10, 10)
