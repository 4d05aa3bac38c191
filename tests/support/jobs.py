"""The processes that hold calls, for tests that kill them."""

from __future__ import annotations

import psutil
from sqlalchemy import make_url

from stack.embedded import Stack


def call_processes(stack: Stack) -> list[psutil.Process]:
    """The job processes of the stack's host that are connected to LiveKit: each holds a call."""
    port = make_url(stack.livekit_url).port
    host = psutil.Process(stack.process("runtime").pid)
    return [
        process
        for process in host.children(recursive=True)
        if any(link.raddr and link.raddr.port == port for link in process.net_connections("tcp"))
    ]
