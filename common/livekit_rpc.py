"""Calling a method of a participant through LiveKit's server API, which livekit-api does not offer yet."""

from __future__ import annotations

import aiohttp
from livekit import api
from livekit.api.room_service import SVC, RoomService
from livekit.api.twirp_client import ServerError, ServerErrorCode
from livekit.protocol.room import PerformRpcRequest, PerformRpcResponse

from common.errors import LiveKitError
from common.livekit import LiveKitCredentials

RESPONSE_MS = 2500
"""So long LiveKit waits for the participant's answer. After three seconds it would call once more."""

_NOT_TAKEN = {
    ServerErrorCode.NOT_FOUND,  # no such participant
    ServerErrorCode.INVALID_ARGUMENT,  # it has no such method yet
    ServerErrorCode.INTERNAL,  # its data channel is not open yet, or it refused
}
_UNKNOWN = {ServerErrorCode.BAD_ROUTE, ServerErrorCode.UNIMPLEMENTED}


class _Rooms(RoomService):
    async def perform_rpc(self, request: PerformRpcRequest) -> PerformRpcResponse:
        grants = api.VideoGrants(room_admin=True, room=request.room)
        return await self._client.request(
            SVC, "PerformRpc", request, self._auth_header(grants), PerformRpcResponse
        )


async def perform_rpc(
    credentials: LiveKitCredentials, http: aiohttp.ClientSession, request: PerformRpcRequest
) -> bool:
    """Whether the participant took the call of its method; to be used within `livekit_server`.

    Raises:
        LiveKitError: LiveKit is too old to call methods, or does not know whether the call was taken.
        ServerError: LiveKit refuses the key.
    """
    request.response_timeout_ms = RESPONSE_MS
    rooms = _Rooms(http, credentials.http_url, credentials.api_key, credentials.api_secret, failover=False)
    try:
        await rooms.perform_rpc(request)
    except ServerError as error:
        if error.code in _NOT_TAKEN:
            return False
        if error.status in {401, 403}:
            raise
        where = f"LiveKit at {credentials.url}"
        if error.code in _UNKNOWN:
            raise LiveKitError(f"{where} can't call methods of participants. Update it to 1.9.2.") from error
        raise LiveKitError(
            f"{where} can't say whether it was heard: {error.message or error.code}."
        ) from error
    return True
