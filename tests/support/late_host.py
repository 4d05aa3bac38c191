"""`python -m tests.support.late_host FILE`: a runtime host whose agents register once that file is there."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

if __name__ == "__main__":
    from agents.warm import start_forkserver

    start_forkserver()

    from activities import stay
    from agents.hosting import HostedAgent
    from tests.support.waiting import eventually
    from workers.runtime.host import main

    class Late(HostedAgent):
        """One that takes its time."""

        async def register(self) -> None:
            """As any other, but later."""
            await eventually(self._may, sys.argv[1], seconds=60)
            await super().register()

        async def _may(self) -> bool:
            return await asyncio.to_thread(Path(sys.argv[1]).exists)

    # A name that the module only imports: where it does no more, this would change nothing.
    assert "HostedAgent" in vars(stay)
    vars(stay)["HostedAgent"] = Late
    main()
