"""`/api/trpc`: where browsers get their tokens."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from litestar import HttpMethod, Request, Response, route
from litestar.exceptions import ClientException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.types import Method
from litestar.types.internal_types import PathParameterDefinition

from api import trpc
from api.auth import PUBLIC
from api.clients import client_address
from api.dependencies import ThePlatform
from api.platform import Platform
from api.problems import RETRY_AFTER
from api.schemas.base import decode_body
from api.services.rates import TooManyRequests
from api.services.tokens import TokenRequest

# Any page may ask for a token: nothing of the browser's own, no cookie, goes with such a request.
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST",
    "Access-Control-Allow-Headers": "content-type, trpc-accept",
    "Access-Control-Expose-Headers": "Retry-After",
    "Access-Control-Max-Age": "600",
    "Cache-Control": "no-store",
}


def _operation_id(_: HTTPRouteHandler, method: Method, __: list[str | PathParameterDefinition]) -> str:
    return f"trpc{HttpMethod(method).value.capitalize()}"


@route(
    "/api/trpc/{procedures:str}",
    http_method=[HttpMethod.GET, HttpMethod.POST, HttpMethod.OPTIONS],
    opt=PUBLIC,
    operation_id=_operation_id,
    tags=["tokens"],
    status_code=200,
)
async def call_procedures(
    procedures: FromPath[str], request: Request[Any, Any, Any], platform: ThePlatform
) -> Response[Any]:
    """tRPC 11 over HTTP: `livekit.getToken`, as a query or a mutation, alone or in a batch."""
    if request.method == HttpMethod.OPTIONS:
        return Response(None, status_code=204, headers=_CORS)
    reply = await _reply(procedures, request, platform)
    return Response(
        json.dumps(reply.content, ensure_ascii=False).encode(),
        status_code=reply.status,
        headers=_CORS | (RETRY_AFTER if reply.status == HTTPStatus.SERVICE_UNAVAILABLE else {}),
        media_type="application/json",
    )


async def _reply(path: str, request: Request[Any, Any, Any], platform: Platform) -> trpc.Reply:
    raw = request.query_params.get("input", "")
    if request.method == HttpMethod.POST:
        if request.content_type[0] != "application/json":
            return trpc.refusal(415, "Send the input as application/json.", path)
        try:
            raw = (await request.body()).decode()
        except ClientException as error:
            return trpc.refusal(error.status_code, "The body is too large.", path)
        except UnicodeDecodeError:
            return trpc.refusal(400, "The input is not valid JSON.", path)
    address = client_address(request, platform.trusted_proxies)

    async def get_token(given: Any) -> dict[str, Any]:
        if not platform.rate_limit.allow(address):
            raise TooManyRequests("Too many requests. Wait a second, then try again.")
        wanted = decode_body(TokenRequest, given)
        assert isinstance(wanted, TokenRequest)
        token = await platform.tokens.mint(wanted)
        return token.model_dump(mode="json", by_alias=True)

    message = trpc.Message(path, request.query_params.get("batch") == "1", raw)
    return await trpc.answer(message, {"livekit.getToken": get_token})
