"""`python -m tests.support.leaking_host FILE`: a runtime host whose calls leak once that file is there."""

from __future__ import annotations

import sys
from functools import partial

if __name__ == "__main__":
    from agents.warm import start_forkserver

    start_forkserver()

    from agents import entry, jobs
    from tests.support.leaking import hold
    from workers.runtime.host import main

    # A name that the module only imports.
    vars(jobs)["hold_call"] = partial(hold, sys.argv[1], entry.hold_call)
    main()
