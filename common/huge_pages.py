"""Keeps the kernel from gathering a process's memory into huge pages.

It does so in a thread of the lowest priority, which holds the lock that every `mmap` of the process needs. On
a busy machine that thread gets no time while it holds it: calls stood still for eight seconds and were taken
for dead. NumPy asks for huge pages wherever it has large arrays.
"""

from __future__ import annotations

import ctypes
import sys

_PR_SET_THP_DISABLE = 41


def forgo_huge_pages() -> None:
    """For this process and all that it starts; does nothing where the system has none."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_THP_DISABLE, 1, 0, 0, 0)
