"""With what a process ended is known, whoever else looks at that moment."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.process import BaseProcess

import pytest

from agents.forked import job_context

PROCESSES = 50
LOOKERS = 4


@pytest.mark.usefixtures("forkserver")
def test_how_a_process_ended_is_known_though_many_look_at_once() -> None:
    """A host waits for each with a thread, and looks at all whenever it begins another one."""
    context = job_context()
    with ThreadPoolExecutor(LOOKERS + 1) as threads:
        for _ in range(PROCESSES):
            process, over = context.Process(target=threading.Event), threading.Event()
            process.start()

            def look(process: BaseProcess = process, over: threading.Event = over) -> None:
                while not over.is_set():
                    process.is_alive()

            looking = [threads.submit(look) for _ in range(LOOKERS)]
            threads.submit(process.join).result(30)
            over.set()
            for each in looking:
                each.result(30)
            assert process.exitcode == 0
            process.close()
