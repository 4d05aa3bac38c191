"""Global settings over HTTP, with a real Postgres."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import Client
from tests.api.test_http import problem

pytestmark = pytest.mark.integration

SECRET = "a-secret-that-is-long-enough-2024"
LIVEKIT = {"livekitUrl": "wss://one.example", "livekitApiKey": "key", "livekitApiSecret": SECRET}


@pytest.fixture(autouse=True)
async def _cleared(client: Client) -> None:
    keys = ("livekitUrl", "livekitApiKey", "livekitApiSecret")
    keys += ("langfuseHost", "langfusePublicKey", "langfuseSecretKey")  # type: ignore[assignment]
    keys += ("storageUrl", "storageEndpoint", "storageRegion", "storageAccessKeyId")  # type: ignore[assignment]
    keys += ("storageSecretAccessKey", "prices")  # type: ignore[assignment]
    assert (await client.put("/api/settings", json=dict.fromkeys(keys))).status_code == 200


async def _put(client: Client, **change: Any) -> dict[str, Any]:
    response = await client.put("/api/settings", json=change)
    assert response.status_code == 200, response.text
    assert SECRET not in response.text
    content: dict[str, Any] = response.json()
    return content


async def test_secrets_go_in_and_never_come_out(client: Client) -> None:
    shown = await _put(client, **LIVEKIT)
    assert shown["livekitApiSecret"] == {"set": True, "hint": "…2024"}
    assert shown["livekitUrl"] == "wss://one.example"
    assert shown["langfuseSecretKey"] == {"set": False}
    assert (await client.get("/api/settings")).json() == shown


async def test_what_was_shown_may_be_sent_back(client: Client) -> None:
    shown = await _put(client, **LIVEKIT)
    assert await _put(client, **shown) == shown


async def test_a_change_is_partial_and_null_clears(client: Client) -> None:
    await _put(client, **LIVEKIT)
    assert (await _put(client, langfuseHost="https://lf.example"))["livekitUrl"] == "wss://one.example"
    assert (await _put(client, livekitApiSecret=None))["livekitApiSecret"] == {"set": False}


@pytest.mark.parametrize("sent", [{}, {"livekitApiSecret": {"set": True, "hint": "…2024"}}])
async def test_a_secret_does_not_follow_to_another_server(client: Client, sent: dict[str, Any]) -> None:
    await _put(client, **LIVEKIT)
    response = await client.put("/api/settings", json={"livekitUrl": "wss://evil.example"} | sent)
    (error,) = problem(response, 400)["errors"]
    assert error["pointer"] == "/livekitApiSecret"
    assert (await client.get("/api/settings")).json()["livekitUrl"] == "wss://one.example"
    moved = await _put(client, livekitUrl="wss://two.example", livekitApiSecret=SECRET)
    assert moved["livekitUrl"] == "wss://two.example"


async def test_clearing_the_server_first_is_no_way_around(client: Client) -> None:
    await _put(client, **LIVEKIT)
    await client.put("/api/settings", json={"livekitUrl": None})
    response = await client.put("/api/settings", json={"livekitUrl": "wss://evil.example"})
    problem(response, 400)


@pytest.mark.parametrize(
    "change",
    [
        {"livekitUrl": "http://"},
        {"livekitUrl": "ftp://x"},
        {"livekitUrl": "wss://user:pw@x"},
        {"livekitUrl": 5},
        {"livekitUrl": ""},
        {"livekitApiKey": ""},
        {"livekitApiKey": "a\x00b"},
        {"livekitApiSecret": {"set": "yes"}},
        {"livekitApiSecret": {"set": True, "value": "x"}},
        {"langfuseHost": "lf.example"},
        {"bionicMasterKey": "x"},
        {"livekit_url": "wss://x"},
    ],
)
async def test_rubbish(client: Client, change: dict[str, Any]) -> None:
    problem(await client.put("/api/settings", json=change), 400)


BUCKET = {
    "storageUrl": "s3://calls/recordings",
    "storageEndpoint": "https://minio.example",
    "storageAccessKeyId": "key",
    "storageSecretAccessKey": SECRET,
}


async def test_a_bucket_for_recordings_and_its_secret(client: Client) -> None:
    shown = await _put(client, **BUCKET)
    assert shown["storageUrl"] == "s3://calls/recordings"
    assert shown["storageSecretAccessKey"] == {"set": True, "hint": "…2024"}
    response = await client.put("/api/settings", json={"storageEndpoint": "https://evil.example"})
    (error,) = problem(response, 400)["errors"]
    assert error["pointer"] == "/storageSecretAccessKey"


@pytest.mark.parametrize("url", ["file:///etc", "/etc", "s3://", "s3://a/b?c=d", "https://bucket"])
async def test_only_a_bucket_can_be_named(client: Client, url: str) -> None:
    response = await client.put("/api/settings", json={"storageUrl": url})
    (error,) = problem(response, 400)["errors"]
    assert error["pointer"] == "/storageUrl"


PRICE = {"kind": "llm", "provider": "api.openai.com", "model": "*", "perMillionInputTokens": 0.4}


async def test_a_price_table(client: Client) -> None:
    shown = await _put(client, prices={"currency": "EUR", "models": [PRICE]})
    (price,) = shown["prices"]["models"]
    assert price["provider"] == "api.openai.com"
    assert price["perMillionInputTokens"] == 0.4
    assert await _put(client, prices=shown["prices"]) == shown
    assert (await _put(client, prices=None))["prices"] is None
    response = await client.put("/api/settings", json={"prices": {"models": [PRICE | {"model": 5}]}})
    (error,) = problem(response, 400)["errors"]
    assert error["pointer"] == "/prices/models/0/model"
