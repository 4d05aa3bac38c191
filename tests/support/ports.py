"""Free ports for a stack of its own."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from dataclasses import fields

from stack.config import Ports


def free_ports() -> Ports:
    """Ports on loopback that nothing used a moment ago."""
    with ExitStack() as held:
        numbers = []
        for _ in fields(Ports):
            probe = held.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            numbers.append(probe.getsockname()[1])
    return Ports(*numbers)
