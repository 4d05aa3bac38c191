"""`/api/calls`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from litestar import Controller, get, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter

from api.dependencies import TheActor, ThePlatform
from api.schemas.calls import CallAnswer, CallPage, Message, MessageAnswer
from api.schemas.deployments import Empty
from api.services.calls import CallQuery
from common.status import CallStatus
from db.repositories.pages import DEFAULT_LIMIT, MAX_LIMIT


class CallController(Controller):
    """Conversations."""

    path = "/api/calls"
    tags = ("calls",)

    @get(operation_id="listCalls")
    async def list_calls(
        self,
        platform: ThePlatform,
        agent: FromQuery[str | None] = None,
        status: FromQuery[CallStatus | None] = None,
        from_: Annotated[datetime | None, QueryParameter(name="from")] = None,
        to: FromQuery[datetime | None] = None,
        cursor: FromQuery[str | None] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    ) -> CallPage:
        """Calls, newest first; `agent` is an id or a slug, `from` and `to` are when they were made."""
        return await platform.calls.list(CallQuery(agent, status, from_, to, cursor, limit))

    @get("/{call_id:str}", operation_id="getCall")
    async def get_call(self, platform: ThePlatform, call_id: FromPath[str]) -> CallAnswer:
        """One call with its turns and their latencies."""
        return await platform.calls.get(call_id)

    @post("/{call_id:str}/end", status_code=202, operation_id="endCall")
    async def end_call(
        self,
        platform: ThePlatform,
        actor: TheActor,
        call_id: FromPath[str],
        data: JSONBody[Empty | None] = None,  # noqa: ARG002 - read so that unknown fields are errors
    ) -> CallAnswer:
        """End a call for everybody in it."""
        return await platform.calls.end(call_id, actor)

    @post("/{call_id:str}/messages", status_code=202, operation_id="typeInCall")
    async def type_in_call(
        self, platform: ThePlatform, call_id: FromPath[str], data: JSONBody[Message]
    ) -> MessageAnswer:
        """Have the agent hear a text, as if the caller had typed it; it is interrupted, and answers."""
        return await platform.calls.type(call_id, data.text)
