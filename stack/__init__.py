"""The embedded one-machine stack: PostgreSQL, Temporal, LiveKit and our own processes under one supervisor.

`make up` runs it; tests run their own with::

    async with Stack(StackConfig(state_dir=tmp_path, ports=free_ports())) as stack:
        ...
"""

from stack.config import Ports, Service, StackConfig, StackError
from stack.embedded import Stack
from stack.ports import free_ports

__all__ = ["Ports", "Service", "Stack", "StackConfig", "StackError", "free_ports"]
