"""LiveKit's server API with given credentials, its errors in our words."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import aiohttp
from google.protobuf.message import DecodeError
from livekit import api
from livekit.api.twirp_client import ServerError, ServerErrorCode

from common.errors import LiveKitError, LiveKitRefused, LiveKitUnreachable
from common.livekit import LiveKitCredentials

_CURES = {
    "agent": "Check the agent's livekitConfig.",
    "settings": "Check Settings → LiveKit.",
    "environment": "Check LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET.",
}
_NO_ROOM = "no-such-room"
_BUSY = {408, 429}
"""One of its nodes did not answer another in time, or it was asked too much: it may do it a moment later."""

CHECK_SECONDS = 4.0


@asynccontextmanager
async def livekit_server(
    credentials: LiveKitCredentials, http: aiohttp.ClientSession
) -> AsyncIterator[api.LiveKitAPI]:
    """A client of LiveKit's server API for the block.

    Raises:
        LiveKitRefused: the key or the secret is wrong, or one of them is missing.
        LiveKitUnreachable: nothing that speaks LiveKit answers at the URL, or it has no time.
        LiveKitError: LiveKit answered that it can't do what the block asked.
    """
    where, cure = f"LiveKit at {credentials.url}", _CURES[credentials.source]
    strange = f"Nothing that speaks LiveKit answers at {credentials.url}. {cure}"
    if not credentials.api_key or not credentials.api_secret:
        # The client would take what is missing from the process's environment: somebody else's key.
        raise LiveKitRefused(f"There is no API key or secret for {where}. {cure}")
    try:
        yield api.LiveKitAPI(
            credentials.http_url, credentials.api_key, credentials.api_secret, session=http, failover=False
        )
    except ServerError as error:
        if error.status in {401, 403}:
            refusal = f"{where} refused the API key “{credentials.api_key}” or its secret. {cure}"
            raise LiveKitRefused(refusal) from error
        if error.status >= 500 or error.code == "unknown":
            raise LiveKitUnreachable(strange) from error
        if error.status in _BUSY:
            raise LiveKitUnreachable(f"{where} has no time for it: {error.message or error.code}.") from error
        raise LiveKitError(f"{where} did not do it: {error.message or error.code}.") from error
    except DecodeError as error:
        raise LiveKitUnreachable(strange) from error
    except TimeoutError as error:
        raise LiveKitUnreachable(f"{where} did not answer in time. {cure}") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise LiveKitUnreachable(f"{where} can't be reached: {_short(error)}. {cure}") from error


@contextmanager
def if_there() -> Iterator[None]:
    """Do it to a room, or to somebody in it, unless LiveKit does not know them any more."""
    try:
        yield
    except ServerError as error:
        if error.code != ServerErrorCode.NOT_FOUND:
            raise


async def check_livekit(credentials: LiveKitCredentials, http: aiohttp.ClientSession) -> None:
    """The cheapest question that needs a valid key, answered within `CHECK_SECONDS`.

    Raises as `livekit_server` does.
    """
    async with livekit_server(credentials, http) as client, asyncio.timeout(CHECK_SECONDS):
        await client.room.list_rooms(api.ListRoomsRequest(names=[_NO_ROOM]))


def _short(error: Exception) -> str:
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, OSError) and cause.errno and cause.errno > 0:
        return os.strerror(cause.errno).lower()
    return (str(error).splitlines() or [type(error).__name__])[0]
