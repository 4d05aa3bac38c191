"""Addresses of names, asked of the system, which takes as long as it likes: never at anybody else's cost."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import suppress

MOST = 16
"""Lookups at once. More wait, as long as whoever asks has patience."""

Address = tuple[socket.AddressFamily, int, str]
"""Family, protocol, address."""


class Lookups:
    """Each in a thread of its own: in the loop's own pool, names that don't answer would hold up everything
    else that needs it, and the end of the process too."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(MOST)

    async def addresses(self, host: str, port: int, family: socket.AddressFamily) -> list[Address]:
        """The addresses of `host` for TCP.

        Raises:
            OSError: it has none.
        """
        loop = asyncio.get_running_loop()
        found: asyncio.Future[list[Address]] = loop.create_future()

        def look() -> None:
            result: list[Address] | OSError
            try:
                infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG)
                result = [(kind, protocol, str(address[0])) for kind, _, protocol, _, address in infos]
            except (OSError, UnicodeError) as error:
                result = error if isinstance(error, OSError) else OSError(str(error))
            with suppress(RuntimeError):  # the loop is closed: nobody asks any more
                loop.call_soon_threadsafe(finish, result)

        def finish(result: list[Address] | OSError) -> None:
            # Whoever asked may have given up: the turn is only over when the system has answered.
            self._turn.release()
            if found.done():
                return
            if isinstance(result, OSError):
                found.set_exception(result)
            else:
                found.set_result(result)

        await self._turn.acquire()
        threading.Thread(target=look, name=f"lookup of {host}", daemon=True).start()
        return await found
