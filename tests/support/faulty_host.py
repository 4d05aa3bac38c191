"""`python -m tests.support.faulty_host FILE`: a runtime host whose job processes begin as the file says."""

from __future__ import annotations

import sys
from functools import partial

INITIALIZE_SECONDS = 2.0
"""Of the real thing it is ten: a test would take minutes."""

if __name__ == "__main__":
    from agents.warm import start_forkserver

    start_forkserver()

    import agents.call
    from agents import facilities, jobs
    from tests.support.beginning import make_ready
    from workers.runtime.host import main

    # Names that both modules only import: where they do no more, this would change nothing.
    assert "make_ready" in vars(jobs)
    assert "JobPool" in vars(facilities)
    vars(jobs)["make_ready"] = partial(make_ready, sys.argv[1], agents.call.make_ready)
    vars(facilities)["JobPool"] = partial(jobs.JobPool, initialize_seconds=INITIALIZE_SECONDS)
    main()
