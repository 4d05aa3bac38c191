"""Asking LiveKit's server API whether a URL and a key are good."""

from __future__ import annotations

import asyncio

import aiohttp
from livekit import api

from common.errors import LiveKitRefused, LiveKitUnreachable
from common.livekit import LiveKitCredentials

CHECK_SECONDS = 4.0


async def check_livekit(credentials: LiveKitCredentials) -> None:
    """Return when LiveKit answers and takes the key.

    Raises:
        LiveKitRefused: it answered that the key or the secret is wrong.
        LiveKitUnreachable: nothing that speaks LiveKit answered within `CHECK_SECONDS`.
    """
    where = f"LiveKit at {credentials.url}"
    cure = {
        "agent": "Check the agent's livekitConfig.",
        "settings": "Check Settings → LiveKit.",
        "environment": "Check LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET.",
    }[credentials.source]
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            async with api.LiveKitAPI(
                credentials.http_url, credentials.api_key, credentials.api_secret
            ) as client:
                await client.room.list_rooms(api.ListRoomsRequest(names=["bionic-check"]))
    except api.TwirpError as error:
        if error.status in {401, 403}:
            raise LiveKitRefused(f"{where} refused the API key “{credentials.api_key}”. {cure}") from None
        raise LiveKitUnreachable(f"{where} answered {error.status}: {error.message}. {cure}") from None
    except TimeoutError:
        raise LiveKitUnreachable(f"{where} did not answer within {CHECK_SECONDS:g} s. {cure}") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise LiveKitUnreachable(f"{where} can't be reached: {_short(error)}. {cure}") from None


def _short(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
