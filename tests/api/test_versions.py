"""Versions over HTTP, with a real Postgres; the workflow is a fake."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from common.login import mint_session_token
from common.settings import Settings
from common.status import Status
from tests.api.conftest import Client, FakeWorkflows
from tests.api.helpers import CONFIG, OWN_LIVEKIT, deploy, make_agent, make_live, report, unique
from tests.api.test_http import problem

pytestmark = pytest.mark.integration

SAME_HINT = "another-secret-another-secret-and-own"


async def change(client: Client, agent: dict[str, Any], **config: Any) -> None:
    """Another draft."""
    response = await client.patch(f"/api/agents/{agent['id']}", json={"config": CONFIG | config})
    assert response.status_code == 200, response.text


async def publish(client: Client, agent: dict[str, Any], note: str | None = None) -> dict[str, Any]:
    """A new version, as the API shows it."""
    body = {"note": note} if note else None
    response = await client.post(f"/api/agents/{agent['id']}/versions", json=body)
    assert response.status_code == 201, response.text
    version: dict[str, Any] = response.json()
    return version


async def diff(client: Client, agent: dict[str, Any], from_: object, to: object) -> list[dict[str, Any]]:
    """The changes between two versions."""
    path = f"/api/agents/{agent['id']}/versions/diff"
    response = await client.get(path, params={"from": str(from_), "to": str(to)})
    assert response.status_code == 200, response.text
    content = response.json()
    assert (content["from"], content["to"]) == (from_, to)
    changes: list[dict[str, Any]] = content["changes"]
    return changes


async def test_publishing_makes_a_version_once_per_change(client: Client, workflows: FakeWorkflows) -> None:
    agent = await make_agent(client)
    path = f"/api/agents/{agent['slug']}/versions"
    first = await publish(client, agent, " The first.\nOf many. ")
    assert first == {
        "number": 1,
        "author": "api-key",
        "createdAt": first["createdAt"],
        "note": "The first.\nOf many.",
        "live": False,
        "deployments": 0,
        "lastDeployedAt": None,
        "config": agent["config"],
    }
    again = await client.post(path, json={"note": "Another note."})
    assert (again.status_code, again.json()) == (200, first)
    await change(client, agent, greeting="New")
    second = await publish(client, agent)
    assert (second["number"], second["note"], second["config"]["greeting"]) == (2, None, "New")
    assert (await client.get(f"{path}/1")).json() == first
    assert (await client.get(f"{path}/2")).json() == second
    assert not workflows.asked


async def test_the_author_is_who_published(client: Client, settings: Settings) -> None:
    agent = await make_agent(client)
    session = mint_session_token(settings.bionic_master_key.get_secret_value())
    headers = {"Authorization": "", "Cookie": f"bionic_session={session}", "Sec-Fetch-Site": "same-origin"}
    version = await client.post(f"/api/agents/{agent['id']}/versions", headers=headers)
    assert (version.status_code, version.json()["author"]) == (201, "console")
    await change(client, agent, greeting="New")
    await deploy(client, agent)
    items = (await client.get(f"/api/agents/{agent['id']}/versions")).json()["items"]
    assert [item["author"] for item in items] == ["api-key", "console"]


async def test_publishing_at_once_makes_one_version(client: Client) -> None:
    agent = await make_agent(client)
    path = f"/api/agents/{agent['id']}/versions"
    answers = await asyncio.gather(*(client.post(path, json={"note": f"{n}"}) for n in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    assert len({answer.text for answer in answers}) == 1


async def test_deploying_publishes_with_a_note_and_an_old_version_leaves_the_draft(
    client: Client, workflows: FakeWorkflows
) -> None:
    agent = await make_agent(client)
    path = f"/api/agents/{agent['id']}"
    await deploy(client, agent, note="By deploying.")
    assert (await client.get(f"{path}/versions/1")).json()["note"] == "By deploying."
    await change(client, agent, greeting="New")
    assert (await deploy(client, agent, version=1))["version"] == 1
    assert [request.version for _, request in workflows.asked] == [1, 1]
    assert (await client.get(path)).json()["config"]["greeting"] == "New"
    assert len((await client.get(f"{path}/versions")).json()["items"]) == 1
    assert (await deploy(client, agent, version=1, note="Again."))["version"] == 1
    kept = (await client.get(f"{path}/versions/1")).json()
    assert kept["note"] == "By deploying.", "that of a deployment is in its history"


async def test_what_can_not_run_is_not_published(client: Client) -> None:
    agent = await make_agent(client, livekitConfig={"url": "wss://own.example", "apiKey": "k"})
    path = f"/api/agents/{agent['id']}/versions"
    (error,) = problem(await client.post(path, json={}), 400)["errors"]
    assert error["pointer"] == "/config/livekitConfig/apiSecret"
    assert (await client.get(path)).json() == {"items": [], "nextCursor": None}


async def test_the_list_says_what_became_of_each(client: Client) -> None:
    agent = await make_live(client)
    deployed = await deploy(client, agent, replicas=2)
    await report(client, agent, Status.RUNNING, live=True)
    await change(client, agent, greeting="Second")
    await publish(client, agent)
    await change(client, agent, greeting="Third")
    await publish(client, agent)
    path = f"/api/agents/{agent['id']}/versions"
    first = (await client.get(path, params={"limit": 2})).json()
    assert [(item["number"], item["live"], item["deployments"]) for item in first["items"]] == [
        (3, False, 0),
        (2, False, 0),
    ]
    rest = (await client.get(path, params={"limit": 2, "cursor": first["nextCursor"]})).json()
    assert rest["nextCursor"] is None
    (oldest,) = rest["items"]
    assert (oldest["number"], oldest["live"], oldest["deployments"]) == (1, True, 2)
    assert oldest["lastDeployedAt"] == deployed["createdAt"]
    assert "config" not in oldest


async def test_a_diff_goes_both_ways_and_to_the_draft(client: Client) -> None:
    agent = await make_agent(client)
    await publish(client, agent)
    await change(client, agent, greeting="New", drainSeconds=7)
    await publish(client, agent)
    await change(client, agent, greeting="Newer", drainSeconds=7)
    there: list[dict[str, Any]] = [
        {"pointer": "/config/drainSeconds", "change": "changed", "before": None, "after": 7.0},
        {"pointer": "/config/greeting", "change": "changed", "before": "Hello", "after": "New"},
    ]
    assert await diff(client, agent, 1, 2) == there
    back = [each | {"before": each["after"], "after": each["before"]} for each in there]
    assert await diff(client, agent, 2, 1) == back
    (drafted,) = await diff(client, agent, 2, "draft")
    assert (drafted["pointer"], drafted["after"]) == ("/config/greeting", "Newer")
    assert (await diff(client, agent, "draft", 1))[1]["before"] == "Newer"
    assert await diff(client, agent, 1, 1) == await diff(client, agent, "draft", "draft") == []


async def test_secrets_are_compared_and_never_told(client: Client) -> None:
    agent = await make_agent(client, livekitConfig=OWN_LIVEKIT)
    path = f"/api/agents/{agent['id']}"
    answers = [await client.post(f"{path}/versions", json={})]
    await change(client, agent, livekitConfig=OWN_LIVEKIT | {"apiSecret": SAME_HINT})
    answers.append(await client.post(f"{path}/versions", json={}))
    hint = {"set": True, "hint": "…-own"}
    assert await diff(client, agent, 1, 2) == [
        {"pointer": "/config/livekitConfig/apiSecret", "change": "changed", "before": hint, "after": hint}
    ]
    tails = ("", "/1", "/2", "/diff?from=1&to=2", "/diff?from=2&to=draft")
    answers += [await client.get(f"{path}/versions{tail}") for tail in tails]
    answers.append(await client.post(f"{path}/versions/1/restore"))
    assert answers[0].json()["config"]["livekitConfig"]["apiSecret"] == hint
    for answer in answers:
        assert answer.status_code in {200, 201}, answer.text
        assert OWN_LIVEKIT["apiSecret"] not in answer.text
        assert SAME_HINT not in answer.text


async def test_a_restored_draft_is_the_version_with_its_secrets(client: Client) -> None:
    agent = await make_live(client, livekitConfig=OWN_LIVEKIT)
    await change(client, agent, greeting="New")
    await publish(client, agent)
    response = await client.post(f"/api/agents/{agent['id']}/versions/1/restore", json={})
    assert response.status_code == 200
    restored = response.json()
    assert restored["config"] == agent["config"]
    assert (restored["status"], restored["liveVersion"]) == ("running", 1)
    assert await diff(client, agent, 1, "draft") == []
    assert (await publish(client, agent, "As it was."))["number"] == 3
    assert (await deploy(client, agent))["version"] == 3


@pytest.mark.parametrize("number", ["2", "0", "-1", "x", "1.5", f"{2**31}", "9" * 30, "9" * 5000, "%00"])
async def test_versions_that_are_not_there(client: Client, number: str) -> None:
    agent = await make_agent(client)
    await publish(client, agent)
    path = f"/api/agents/{agent['id']}/versions/{number}"
    for response in (await client.get(path), await client.post(f"{path}/restore", json={})):
        assert response.status_code in {400, 404, 405}, response.text
        problem(response, response.status_code)
    assert "no version 2" in problem(await client.get(f"/api/agents/{agent['id']}/versions/2"), 404)["detail"]


@pytest.mark.parametrize(
    ("query", "status", "pointers"),
    [
        ("to=1", 400, {"/from"}),
        ("from=1", 400, {"/to"}),
        ("from=1&to=2", 404, set()),
        ("from=0&to=1", 400, {"/from"}),
        ("from=1&to=Draft", 400, {"/to"}),
        ("from=1&to=%C2%B2", 400, {"/to"}),
        (f"from=1&to={2**31}", 400, {"/to"}),
        (f"from=1&to={'9' * 5000}", 400, {"/to"}),
        ("from=%00&to=1", 400, {"/from"}),
    ],
)
async def test_rubbish_diffs(client: Client, query: str, status: int, pointers: set[str]) -> None:
    agent = await make_agent(client)
    await publish(client, agent)
    response = await client.get(f"/api/agents/{agent['id']}/versions/diff?{query}")
    assert {error["pointer"] for error in problem(response, status)["errors"]} == pointers


@pytest.mark.parametrize(
    "body", [{"note": ""}, {"note": " \n "}, {"note": "a\x00b"}, {"note": 1}, {"note": "x" * 1001}, {"v": 1}]
)
async def test_rubbish_notes(client: Client, body: dict[str, object]) -> None:
    agent = await make_agent(client)
    response = await client.post(f"/api/agents/{agent['id']}/versions", json=body)
    assert [error["pointer"] for error in problem(response, 400)["errors"]] == [f"/{next(iter(body))}"]


async def test_versions_of_nobody(client: Client) -> None:
    path = f"/api/agents/{unique()}/versions"
    problem(await client.post(path, json={}), 404)
    for tail in ("", "/1", "/diff?from=1&to=draft"):
        problem(await client.get(f"{path}{tail}"), 404)
    problem(await client.post(f"{path}/1/restore"), 404)
    agent = await make_agent(client)
    problem(await client.get(f"/api/agents/{agent['id']}/versions", params={"cursor": "rubbish"}), 400)
