"""Signing in, errors, headers and files: what holds for every route. No server is needed."""

from __future__ import annotations

import logging
from http.cookies import SimpleCookie
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from api.app import MAX_BODY_BYTES
from common.login import mint_login_token, mint_session_token
from common.settings import Settings
from tests.api.conftest import KEY_HEADER, Client, serving

pytestmark = pytest.mark.unit

PROTECTED = [
    ("GET", "/api/settings"),
    ("PUT", "/api/settings"),
    ("GET", "/api/agents"),
    ("POST", "/api/agents"),
    ("GET", "/api/agents/x"),
    ("PATCH", "/api/agents/x"),
    ("DELETE", "/api/agents/x"),
    ("POST", "/api/agents/register"),
    ("POST", "/api/agents/x/deploy"),
    ("POST", "/api/agents/x/retry"),
    ("POST", "/api/agents/x/stop"),
    ("POST", "/api/agents/x/rollback"),
    ("GET", "/api/agents/x/versions"),
    ("POST", "/api/agents/x/versions"),
    ("GET", "/api/agents/x/versions/1"),
    ("GET", "/api/agents/x/versions/diff"),
    ("POST", "/api/agents/x/versions/1/restore"),
    ("GET", "/api/agents/x/deployments"),
    ("GET", "/api/agents/x/logs"),
    ("GET", "/api/deployments/x"),
    ("GET", "/api/repairs"),
    ("GET", "/api/calls"),
    ("GET", "/api/calls/x"),
    ("POST", "/api/calls/x/end"),
    ("POST", "/api/calls/x/messages"),
    ("POST", "/api/callers/erase"),
    ("GET", "/api/erasures/x"),
    ("GET", "/api/stats/overview"),
    ("GET", "/api/stats/agents/x"),
    ("GET", "/api/livekit/rooms"),
    ("GET", "/api/console"),
    ("GET", "/metrics"),
]


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    """The problem details of an answer that has `status`."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/problem+json")
    content: dict[str, Any] = response.json()
    assert set(content) == {"type", "title", "status", "detail", "errors"}
    assert content["status"] == status
    return content


def _master_key(settings: Settings) -> str:
    return settings.bionic_master_key.get_secret_value()


def _session(settings: Settings) -> dict[str, str]:
    return {"Cookie": f"bionic_session={mint_session_token(_master_key(settings))}"}


@pytest.mark.parametrize(("method", "path"), PROTECTED)
async def test_without_a_key_nothing_is_told(offline: Client, method: str, path: str) -> None:
    response = await offline.request(method, path)
    problem(response, 401)
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "value",
    ["Bearer wrong", "Bearer ", "Bearer", "bk_test", "Basic YTpi", "Bearer bk_testx", "Bearer bk_test x"],
)
async def test_wrong_keys(offline: Client, value: str) -> None:
    problem(await offline.get("/api/agents", headers={"Authorization": value}), 401)


async def test_an_empty_api_key_matches_nothing(offline_settings: Settings) -> None:
    settings = offline_settings.model_copy(update={"bionic_api_key": SecretStr("")})
    async with serving(settings) as client:
        for value in ("Bearer ", "Bearer"):
            problem(await client.get("/api/agents", headers={"Authorization": value}), 401)
        problem(await client.post("/login", json={"apiKey": ""}), 401)


async def test_login_link_sets_a_strict_cookie(offline: Client, offline_settings: Settings) -> None:
    token = mint_login_token(_master_key(offline_settings))
    response = await offline.get(f"/login/{token}", follow_redirects=False)
    assert response.status_code == 303
    assert response.headers["location"] == "/"
    cookie = SimpleCookie(response.headers["set-cookie"])["bionic_session"]
    assert cookie["httponly"]
    assert cookie["samesite"].lower() == "lax"
    assert cookie["path"] == "/"
    assert int(cookie["max-age"]) == 7 * 24 * 3600
    assert not cookie["secure"]
    again = await offline.get("/api/agents", headers={"Cookie": f"bionic_session={cookie.value}"})
    problem(again, 503)  # known, and Postgres is away


async def test_cookie_is_secure_behind_https(offline_settings: Settings) -> None:
    settings = offline_settings.model_copy(update={"agent_runtime_api_url": "https://bionic.example.com"})
    async with serving(settings) as client:
        response = await client.post("/login", json={"apiKey": "bk_test"})
        assert response.status_code == 204
        assert SimpleCookie(response.headers["set-cookie"])["bionic_session"]["secure"]


async def test_a_bad_login_link_says_what_to_do(offline: Client, offline_settings: Settings) -> None:
    for token in ("rubbish", mint_session_token(_master_key(offline_settings)), "%00", "a.b.c"):
        response = await offline.get(f"/login/{token}")
        assert response.status_code == 401
        assert response.headers["content-type"].startswith("text/html")
        assert "make up" in response.text
        assert "set-cookie" not in response.headers


async def test_login_tokens_are_no_sessions(offline: Client, offline_settings: Settings) -> None:
    cookie = f"bionic_session={mint_login_token(_master_key(offline_settings))}"
    problem(await offline.get("/api/agents", headers={"Cookie": cookie}), 401)


async def test_login_with_the_key(offline: Client) -> None:
    assert (await offline.post("/login", json={"apiKey": "bk_test"})).status_code == 204
    problem(await offline.post("/login", json={"apiKey": "bk_wrong"}), 401)
    problem(await offline.post("/login", json={"apiKey": "bk_test", "admin": True}), 400)


async def test_every_login_is_a_new_session(offline: Client) -> None:
    planted = {"Cookie": "bionic_session=planted"}
    response = await offline.post("/login", json={"apiKey": "bk_test"}, headers=planted)
    assert SimpleCookie(response.headers["set-cookie"])["bionic_session"].value != "planted"


async def test_logout_clears_the_cookie(offline: Client, offline_settings: Settings) -> None:
    headers = _session(offline_settings) | {"Sec-Fetch-Site": "same-origin"}
    response = await offline.post("/logout", headers=headers)
    assert response.status_code == 204
    assert SimpleCookie(response.headers["set-cookie"])["bionic_session"]["max-age"] == "0"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://testserver.local.evil.example"}, 403),
        ({"Origin": "http://[broken"}, 403),
        ({"Origin": "http://testserver.local", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://testserver.local"}, 503),
        ({"Sec-Fetch-Site": "same-origin"}, 503),
    ],
)
async def test_cookies_count_only_for_our_own_pages(
    offline: Client, offline_settings: Settings, headers: dict[str, str], status: int
) -> None:
    response = await offline.delete("/api/agents/x", headers=_session(offline_settings) | headers)
    problem(response, status)


async def test_postgres_away_is_503(offline: Client) -> None:
    response = await offline.get("/api/agents", headers=KEY_HEADER)
    assert "Postgres does not answer" in problem(response, 503)["detail"]
    assert response.headers["retry-after"]


async def test_health_tells_what_is_down(offline: Client, offline_settings: Settings) -> None:
    for headers in (KEY_HEADER, _session(offline_settings)):
        response = await offline.get("/health", headers=headers)
        assert response.status_code == 503
        content = response.json()
        assert content["status"] == "degraded"
        assert set(content["components"]) == {"postgres", "temporal", "livekit", "runtime"}
        assert all(part["status"] == "down" and part["detail"] for part in content["components"].values())


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}, {"Cookie": "bionic_session=x"}])
async def test_health_tells_strangers_no_details(offline: Client, headers: dict[str, str]) -> None:
    response = await offline.get("/health", headers=headers)
    assert response.status_code == 503
    content = response.json()
    assert set(content["components"]) == {"postgres", "temporal", "livekit", "runtime"}
    assert {part["status"] for part in content["components"].values()} == {"down"}
    assert {part["detail"] for part in content["components"].values()} == {None}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nothing", 404),
        ("POST", "/nothing", 405),
        ("POST", "/api/nothing/at/all", 404),
        ("DELETE", "/api/settings", 405),
        ("GET", "/assets/nothing.js", 404),
    ],
)
async def test_what_is_not_there(offline: Client, method: str, path: str, status: int) -> None:
    problem(await offline.request(method, path, headers=KEY_HEADER), status)


async def test_wrong_fields_have_pointers(offline: Client) -> None:
    body = {"name": "", "slug": "No Slug", "config": 1, "role": "admin"}
    content = problem(await offline.post("/api/agents", json=body, headers=KEY_HEADER), 400)
    assert {error["pointer"] for error in content["errors"]} == {"/name", "/slug", "/config", "/role"}


@pytest.mark.parametrize("field", ["id", "status", "liveVersion", "deploymentId", "sequence", "agent_id"])
async def test_privileged_fields_are_refused(offline: Client, field: str) -> None:
    body = {"name": "x", "config": {"instructions": "x"}, field: "x"}
    content = problem(await offline.post("/api/agents", json=body, headers=KEY_HEADER), 400)
    assert [error["pointer"] for error in content["errors"]] == [f"/{field}"]


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"nul", b"[]", b"1", b'"x"', b"null", b"\xff\xfe", b"[" * 50_000, b'{"name": NaN}']
)
async def test_rubbish_bodies(offline: Client, raw: bytes) -> None:
    headers = KEY_HEADER | {"Content-Type": "application/json"}
    problem(await offline.post("/api/agents", content=raw, headers=headers), 400)


async def test_bodies_are_limited(offline: Client) -> None:
    headers = KEY_HEADER | {"Content-Type": "application/json"}
    big = b"[" + b"1," * (MAX_BODY_BYTES // 2) + b"1]"
    problem(await offline.post("/api/agents", content=big, headers=headers), 413)
    reply = await offline.post("/api/trpc/livekit.getToken", content=big, headers=headers)
    assert reply.status_code == 413
    assert reply.json()["error"]["data"]["code"] == "PAYLOAD_TOO_LARGE"


async def test_login_tokens_are_not_logged(
    offline: Client, offline_settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    token = mint_login_token(_master_key(offline_settings))
    with caplog.at_level(logging.DEBUG):
        await offline.get(f"/login/{token}", follow_redirects=False)
        await offline.get("/api/agents", headers=KEY_HEADER)
    ours = [record for record in caplog.records if record.name.startswith("bionic")]
    assert any("GET /login/" in record.getMessage() for record in ours)
    text = "\n".join(record.getMessage() for record in ours)
    assert token not in text
    assert "bk_test" not in text


async def test_security_headers_are_on_everything(offline: Client) -> None:
    for path in ("/", "/health", "/api/agents", "/api/nothing", "/schema"):
        headers = (await offline.get(path)).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


async def test_every_operation_has_a_name(offline: Client) -> None:
    assert (await offline.get("/schema")).status_code == 401
    schema = (await offline.get("/schema", headers=KEY_HEADER)).json()
    paths = {path: methods for path, methods in schema["paths"].items() if not path.startswith("/schema")}
    ids = [operation["operationId"] for methods in paths.values() for operation in methods.values()]
    assert {"listAgents", "deployAgent", "registerAgent", "getHealth", "trpcGet"} <= set(ids)
    assert {"publishVersion", "listVersions", "getVersion", "diffVersions", "restoreVersion"} <= set(ids)
    assert "rollbackAgent" in ids
    assert len(ids) == len(set(ids))
    assert not [name for name in ids if name[0].isupper()]


async def test_anybody_may_ask_for_a_token_from_any_page(offline: Client) -> None:
    preflight = await offline.options(
        "/api/trpc/livekit.getToken", headers={"Origin": "https://shop.example"}
    )
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in preflight.headers
    reply = await offline.post("/api/trpc/livekit.getToken", json={"agentId": "x"})
    assert reply.status_code == 503
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.json()["error"]["data"]["code"] == "SERVICE_UNAVAILABLE"


async def test_trpc_wants_json(offline: Client) -> None:
    reply = await offline.post("/api/trpc/livekit.getToken", content="agentId=x")
    assert reply.status_code == 415
    reply = await offline.post("/api/trpc/livekit.getToken", json={"agentId": "x", "room": "mine"})
    assert reply.status_code == 400
    assert "room" in reply.json()["error"]["message"]
