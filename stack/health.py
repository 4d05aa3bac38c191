"""Is a server there? Small questions with small timeouts that answer yes or no and raise nothing."""

from __future__ import annotations

import asyncio
import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_SECONDS = 2.0


@dataclass(frozen=True)
class Answer:
    """Status and JSON body of an HTTP answer; the body is None when it is no JSON."""

    status: int
    body: Any


def _request(
    method: str, url: str, body: object | None, headers: dict[str, str] | None, seconds: float
) -> Answer:
    # http.client rather than something greater: it ignores proxies, which loopback must never go through.
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port or 80, timeout=seconds)
    try:
        payload = None if body is None else json.dumps(body)
        sent = {"Accept": "application/json", "Content-Type": "application/json", **(headers or {})}
        target = parts.path or "/"
        connection.request(method, f"{target}?{parts.query}" if parts.query else target, payload, sent)
        response = connection.getresponse()
        text = response.read()
        try:
            return Answer(response.status, json.loads(text))
        except ValueError:
            return Answer(response.status, None)
    finally:
        connection.close()


async def request(
    method: str,
    url: str,
    *,
    body: object | None = None,
    headers: dict[str, str] | None = None,
    seconds: float = _SECONDS,
) -> Answer | None:
    """One HTTP request; None when nobody answers in time."""
    try:
        return await asyncio.to_thread(_request, method, url, body, headers, seconds)
    except (OSError, http.client.HTTPException):
        return None


async def http_answers(url: str) -> bool:
    """True when the URL answers at all, with whatever status."""
    return await request("GET", url) is not None


async def http_ok(url: str) -> bool:
    """True when the URL answers 200."""
    answer = await request("GET", url)
    return answer is not None and answer.status == 200
