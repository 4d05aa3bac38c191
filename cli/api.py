"""The platform's HTTP API, as far as commands need it. Whatever goes wrong becomes a `CliError`."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from cli.access import Access
from cli.errors import ApiAway, CliError, Failed, KeyRefused

Json = dict[str, Any]

_TIMEOUT = httpx.Timeout(60.0, connect=5.0)
_UNKNOWN_ROUTE = ("Not Found", "There is nothing at this address.")
"""What the API says of an address that it does not have; of a thing that is missing, it names the thing."""
_MAX_PAGES = 100
_PAGE = 200


def path_to(*parts: str) -> str:
    """A path whose parts may hold any characters: `path_to("agents", "a/b")`."""
    return "/api/" + "/".join(quote(part, safe="") for part in parts)


class Api:
    """Asks with the key; answers are JSON objects."""

    def __init__(self, access: Access, transport: httpx.BaseTransport | None = None) -> None:
        self.access = access
        headers = {"Accept": "application/json"}
        if access.key is not None:
            headers["Authorization"] = f"Bearer {access.key}"
        self._http = httpx.Client(
            base_url=access.url,
            headers=headers,
            timeout=_TIMEOUT,
            transport=transport,
            trust_env=not access.local,
        )

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Json:
        """What is there."""
        given = {name: value for name, value in (query or {}).items() if value is not None}
        return self._asked("GET", path, params=given)

    def post(self, path: str, body: Json | None = None) -> Json:
        """Have something done."""
        return self._asked("POST", path, json=body or {})

    def posted(self, path: str, body: Json) -> tuple[int, Json]:
        """Have something done, where the status tells whether there was anything to do."""
        response = self._taken("POST", path, json=body)
        return response.status_code, self._json(response)

    def delete(self, path: str) -> None:
        """Have something gone."""
        self._taken("DELETE", path)

    def patch(self, path: str, body: Json) -> Json:
        """Change something."""
        return self._asked("PATCH", path, json=body)

    def health(self) -> Json:
        """How the platform's parts are; needs no key, and an unhealthy platform is an answer as well."""
        response = self._sent("GET", "/health")
        answer = self._json(response)
        if response.status_code not in {200, 503} or "components" not in answer:
            raise self._refusal(response)
        return answer

    def items(
        self,
        path: str,
        query: Mapping[str, Any] | None = None,
        *,
        limit: int | None = None,
        page_size: int = _PAGE,
    ) -> list[Json]:
        """The items of all pages, or the first `limit` of them."""
        found: list[Json] = []
        cursor: str | None = None
        for _ in range(_MAX_PAGES):
            size = page_size if limit is None else min(page_size, limit - len(found))
            page = self.get(path, {**(query or {}), "limit": size, "cursor": cursor})
            fresh = page.get("items") or []
            found += fresh
            cursor = page.get("nextCursor")
            if not cursor or not fresh or (limit is not None and len(found) >= limit):
                break
        return found

    def _asked(self, method: str, path: str, **more: Any) -> Json:
        return self._json(self._taken(method, path, **more))

    def _taken(self, method: str, path: str, **more: Any) -> httpx.Response:
        if self.access.key is None:
            raise KeyRefused(
                "No API key. Set BIONIC_API_KEY, give --key, or run this in the folder where `make up` runs "
                "(its key is in .bionic/api-key)."
            )
        response = self._sent(method, path, **more)
        if response.is_success:
            return response
        raise self._refusal(response)

    def _sent(self, method: str, path: str, **more: Any) -> httpx.Response:
        url = self.access.url
        try:
            return self._http.request(method, path, **more)
        except httpx.ConnectError as error:
            raise ApiAway(
                f"Nobody answers at {url} ({_cause(error)}). Is the platform up? `make up` starts it; "
                "another address goes into --api or BIONIC_API_URL."
            ) from error
        except httpx.TimeoutException as error:
            doubt = "" if method == "GET" else " It may have done what was asked: look before you ask again."
            raise ApiAway(f"{url} does not answer in time.{doubt}") from error
        except httpx.HTTPError as error:
            doubt = "" if method == "GET" else " It may have done what was asked: look before you ask again."
            raise ApiAway(f"The connection to {url} broke ({_cause(error)}).{doubt}") from error

    def _json(self, response: httpx.Response) -> Json:
        if not response.content:
            return {}
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise ApiAway(
                f"{self.access.url} answers, but not as the API of Bionic Agents does. "
                "Check --api or BIONIC_API_URL."
            )
        return answer

    def _refusal(self, response: httpx.Response) -> CliError:
        """The error that an unsuccessful answer stands for: problem details, else what its status tells."""
        status, request = response.status_code, response.request
        try:
            problem = response.json()
        except ValueError:
            problem = None
        told = isinstance(problem, dict) and isinstance(problem.get("detail"), str)
        if status in {401, 403}:
            source = self.access.key_source
            detail = problem["detail"] if told else "The API refused the key."
            return KeyRefused(f"{detail.partition(' Send ')[0]} The key is {source}.", status=status)
        if not told:
            phrase = f"HTTP {status}" + (f" {response.reason_phrase}" if response.reason_phrase else "")
            return ApiAway(
                f"{self.access.url} answered “{phrase}”, which the API of Bionic Agents does not say. "
                "Is a proxy in between, or the address wrong? Check --api or BIONIC_API_URL.",
                status=status,
            )
        if status == HTTPStatus.METHOD_NOT_ALLOWED or (status == 404 and problem["detail"] in _UNKNOWN_ROUTE):
            asked = f"{request.method} {request.url.path}"
            return Failed(
                f"The API at {self.access.url} has no “{asked}”: it is older than this command line. "
                "Update the platform.",
                status=status,
            )
        return Failed(problem["detail"], _fields(problem), status=status)


def _fields(problem: Json) -> list[tuple[str, str]]:
    errors = problem.get("errors")
    found = errors if isinstance(errors, list) else []
    return [
        (str(each.get("pointer") or "/"), str(each.get("detail", "")))
        for each in found
        if isinstance(each, dict)
    ]


def _cause(error: httpx.HTTPError) -> str:
    """`[Errno 111] Connection refused` in plain words."""
    text = str(error)
    return (text.partition("] ")[2] or text or type(error).__name__).rstrip(".").lower()
