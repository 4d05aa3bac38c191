"""The embedded one-machine stack: PostgreSQL, Temporal, LiveKit and our own processes under one supervisor.

`make up` runs it; tests run their own with::

    async with Stack(StackConfig(state_dir=tmp_path, ports=free_ports())) as stack:
        ...
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stack.config import Ports, Service, StackConfig, StackError
    from stack.embedded import Stack
    from stack.ports import free_ports

__all__ = ["Ports", "Service", "Stack", "StackConfig", "StackError", "free_ports"]

_HOMES = {"Stack": "stack.embedded", "free_ports": "stack.ports"}


def __getattr__(name: str) -> object:
    """What `__all__` names, imported when it is asked for: `python -m stack` must be there at once."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES.get(name, "stack.config")), name)
