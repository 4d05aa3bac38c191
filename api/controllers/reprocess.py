"""`/api/calls/reprocess`: steps that are done again for many calls."""

from __future__ import annotations

from litestar import get, post
from litestar.params import FromPath, JSONBody

from api.dependencies import TheActor, ThePlatform
from api.schemas.reprocess import ReprocessAnswer, ReprocessRequest


@post("/api/calls/reprocess", status_code=202, operation_id="reprocessCalls", tags=["calls"])
async def reprocess_calls(
    platform: ThePlatform, actor: TheActor, data: JSONBody[ReprocessRequest]
) -> ReprocessAnswer:
    """Do steps again for calls that are over: those named, or all that fit.

    What an agent is to look for is taken from its live version. The same wish while it is being fulfilled is
    one.
    """
    return await platform.reprocessing.begin(data, actor)


@get("/api/reprocess/{reprocess_id:str}", operation_id="getReprocess", tags=["calls"])
async def get_reprocess(platform: ThePlatform, reprocess_id: FromPath[str]) -> ReprocessAnswer:
    """How far it is."""
    return await platform.reprocessing.get(reprocess_id)
