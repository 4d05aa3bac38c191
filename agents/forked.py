"""How the processes of calls begin, and how a host learns with what they ended."""

from __future__ import annotations

import multiprocessing
import platform
import threading
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerContext, ForkServerProcess, SpawnContext
from multiprocessing.popen_forkserver import Popen
from multiprocessing.process import BaseProcess
from os import WNOHANG


class _Popen(Popen):
    """One whose end may be looked at by several threads at once.

    The forkserver writes an exit code once. Of threads that look at that moment (one waits for the process,
    and each start of another one looks at all) the last finds nothing left to read, and Python then takes 255
    for the code: a call that ended well would count as one that crashed. See python/cpython#130895.
    """

    def __init__(self, process: BaseProcess) -> None:
        self._reading = threading.Lock()
        super().__init__(process)

    def poll(self, flag: int = WNOHANG) -> int | None:
        if self.returncode is None:
            if not wait([self.sentinel], 0 if flag == WNOHANG else None):
                return None
            with self._reading:
                return super().poll(flag)  # there is something to read, or another thread has read it
        return self.returncode


class _Process(ForkServerProcess):
    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Popen:  # noqa: N802 - the name that is looked for
        return _Popen(process_obj)


class _Context(ForkServerContext):
    Process = _Process


def job_context() -> ForkServerContext | SpawnContext:
    """How job processes start. Outside of Linux a fork may not use all that its parent has loaded."""
    if platform.system() == "Linux":
        return _Context()
    return multiprocessing.get_context("spawn")
