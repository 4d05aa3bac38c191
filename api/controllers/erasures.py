"""`/api/callers/erase`, `/api/erasures`."""

from __future__ import annotations

from litestar import get, post
from litestar.params import FromPath, JSONBody

from api.dependencies import TheActor, ThePlatform
from api.schemas.erasures import CallerChoice, ErasureAnswer


@post("/api/callers/erase", status_code=200, operation_id="eraseCaller", tags=["calls"])
async def erase_caller(platform: ThePlatform, actor: TheActor, data: JSONBody[CallerChoice]) -> ErasureAnswer:
    """Delete what calls tell of their caller: what was said, recordings, attributes, identity, log lines.

    Answers with a receipt. The calls' rows stay for the figures, with nothing in them that tells who it was.
    """
    return await platform.erasures.erase(data, actor)


@get("/api/erasures/{erasure_id:str}", operation_id="getErasure", tags=["calls"])
async def get_erasure(platform: ThePlatform, erasure_id: FromPath[str]) -> ErasureAnswer:
    """A receipt of `POST /api/callers/erase`."""
    return await platform.erasures.get(erasure_id)
