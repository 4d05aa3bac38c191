"""The processes that hold calls, for tests that kill them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress

import psutil
from sqlalchemy import make_url

from stack.embedded import Stack


def call_processes(stack: Stack) -> list[psutil.Process]:
    """The job processes of the stack's host that are connected to LiveKit: each holds a call."""
    port = make_url(stack.livekit_url).port
    assert port is not None
    return jobs_of([stack.process("runtime").pid], {port})


def jobs_of(hosts: Iterable[int], ports: Collection[int]) -> list[psutil.Process]:
    """The same of any hosts, by their pids, where LiveKit is reached at any of `ports`."""
    return [
        process
        for host in hosts
        for process in psutil.Process(host).children(recursive=True)
        if _remote_ports(process).intersection(ports)
    ]


def all_jobs(ports: Collection[int]) -> list[psutil.Process]:
    """The same of whatever host, also of those that are dead and have left processes behind."""
    return [each for each in psutil.process_iter() if _is_forked(each) and _remote_ports(each) & set(ports)]


@contextmanager
def frozen_in_wait(host: int) -> Iterator[None]:
    """Stop a host's job processes for the block: whatever call it takes, none begins."""
    frozen = psutil.Process(host).children(recursive=True)
    for process in frozen:
        process.suspend()
    try:
        yield
    finally:
        for process in frozen:
            with suppress(psutil.NoSuchProcess):  # its host has noticed that it hangs
                process.resume()


def _is_forked(process: psutil.Process) -> bool:
    """Whether it has the command line of a forkserver, which is that of all that it forks."""
    try:
        return any("multiprocessing.forkserver" in word for word in process.cmdline())
    except psutil.NoSuchProcess:
        return False


def _remote_ports(process: psutil.Process) -> set[int]:
    try:
        return {link.raddr.port for link in process.net_connections("tcp") if link.raddr}
    except psutil.NoSuchProcess:
        return set()  # it ended meanwhile
