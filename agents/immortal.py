"""Has job processes share the memory that they inherit, though each of them uses what is in it.

A forked process shares its parent's pages until one of them writes there, and CPython writes into an object
whenever it takes or drops a reference to it: of the 50 MB that a call used, 41 were copies made for counting.
What is immortal is not counted (PEP 683, Python 3.12). All that the forkserver has loaded lives as long as it
does, so all of it may as well be immortal.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import sysconfig
from types import CodeType, FunctionType
from typing import Any

import numpy as np


def immortalize() -> bool:
    """Make all objects immortal that the garbage collector knows, and what they refer to.

    Does nothing where this Python has no immortal objects, or keeps its counts elsewhere than we know.
    """
    mark = _mark()
    if mark is None:
        return False
    gc.collect()
    tracked = gc.get_objects()
    found = [*tracked, *gc.get_referents(*tracked)]
    found += _within([each.__code__ for each in tracked if type(each) is FunctionType])
    # NumPy keeps the addresses of objects: asking two million for theirs, one by one, takes ten times longer.
    held = np.fromiter(found, object, len(found))
    addresses = np.frombuffer((ctypes.c_int64 * held.size).from_address(held.ctypes.data), np.int64)
    first, last = int(np.min(addresses)), int(np.max(addresses))
    # All memory between the first and the last of them; only their counts are touched.
    memory = (ctypes.c_uint32 * ((last - first) // 4 + 1)).from_address(first)
    np.frombuffer(memory, np.uint32)[(addresses - first) // 4] = mark
    return True


def _within(codes: list[CodeType]) -> list[Any]:
    """What code refers to, of which the garbage collector is not told."""
    found: list[Any] = []
    seen: set[int] = set()
    while codes:
        code = codes.pop()
        if id(code) not in seen:
            seen.add(id(code))
            found += [code, code.co_names, code.co_consts, *code.co_consts]
            codes += [each for each in code.co_consts if type(each) is CodeType]
    return found


def _mark() -> int | None:
    """The count of what is immortal: that of None, if references to it do not change it."""
    usual = sys.implementation.name == "cpython" and sys.byteorder == "little"
    if not usual or sysconfig.get_config_var("Py_GIL_DISABLED"):
        return None
    count = ctypes.c_uint32.from_address(id(None))
    before = count.value
    references = [None] * 7
    return before if references and count.value == before else None
