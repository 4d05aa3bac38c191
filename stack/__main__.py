"""`python -m stack`: `up`, `prepare`, `npm`."""

from __future__ import annotations

import os
import signal


def main() -> None:
    """Answers Ctrl-C at once, and hands over to `stack.command`."""
    # Until that takes signals itself nothing runs that would have to be stopped.
    signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    # Imported only now: it takes a second, in which Ctrl-C would end in a traceback.
    from stack.command import main as command  # noqa: PLC0415

    command()


if __name__ == "__main__":
    main()
