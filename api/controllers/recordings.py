"""`/api/calls/{id}/recording`: what was heard in a call."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Response, get
from litestar.params import FromPath, HeaderParameter, QueryParameter
from litestar.response import Stream

from api.dependencies import ThePlatform
from api.services.calls import id_of

_HEADERS = {"Accept-Ranges": "bytes", "Cache-Control": "private, no-cache"}


@get(
    "/api/calls/{call_id:str}/recording", operation_id="getRecording", tags=["calls"], media_type="audio/ogg"
)
async def get_recording(
    platform: ThePlatform,
    call_id: FromPath[str],
    attempt: Annotated[int | None, QueryParameter(ge=1, le=10_000)] = None,
    asked: Annotated[str | None, HeaderParameter(name="Range")] = None,
    known: Annotated[str | None, HeaderParameter(name="If-Range")] = None,
) -> Response[Any]:
    """The sound of a call, as Ogg Opus: the caller on the left, the agent on the right.

    A call that another agent went on with has a recording of each; `attempt` says whose, by default the first
    one's. A part of it can be asked for with `Range`.
    """
    sound = await platform.recordings.open(id_of(call_id), attempt, asked, known)
    headers = _HEADERS | {"ETag": sound.tag}
    if sound.content is None:
        return Response(b"", status_code=416, headers=headers | {"Content-Range": f"bytes */{sound.size}"})
    if sound.part:
        status = 206
        length = sound.part.end - sound.part.start
        headers["Content-Range"] = f"bytes {sound.part.start}-{sound.part.end - 1}/{sound.size}"
    else:
        status, length = 200, sound.size
    headers["Content-Length"] = str(length)
    return Stream(sound.content, status_code=status, media_type=sound.content_type, headers=headers)
