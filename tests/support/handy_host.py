"""`python -m tests.support.handy_host`: a runtime host whose agents have a tool."""

from __future__ import annotations

if __name__ == "__main__":
    from agents.warm import start_forkserver

    start_forkserver()

    from agents import jobs
    from tests.support.handy import hold
    from workers.runtime.host import main

    # A name that the module only imports: where it does no more, this would change nothing.
    assert "hold_call" in vars(jobs)
    vars(jobs)["hold_call"] = hold
    main()
