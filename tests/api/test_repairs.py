"""What the reconciler put right, as it is listed and measured."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, update

from db.models import RepairRow
from db.repositories.repairs import NewRepair, RepairRepository
from tests.api.conftest import Client, platform_of
from tests.api.helpers import make_agent

pytestmark = pytest.mark.integration


async def test_repairs_are_listed_newest_first_by_agent_and_by_page(client: Client) -> None:
    agent = await make_agent(client)
    for number in range(3):
        async with platform_of(client).repairs.postgres.begin() as db_session:
            new = NewRepair("told old", UUID(agent["id"]), f"r{number}", f"Repair {number}.")
            await RepairRepository(db_session).add([new, NewRepair("call open", None, "c", "Another one.")])
    seen, cursor = [], ""
    for _ in range(3):
        page = (await client.get(f"/api/repairs?agent={agent['slug']}&limit=1{cursor}")).json()
        seen += page["items"]
        cursor = f"&cursor={page['nextCursor']}"
    assert page["nextCursor"] is None
    assert [each["subject"] for each in seen] == ["r2", "r1", "r0"]
    assert {key: value for key, value in seen[0].items() if key not in {"id", "at"}} == {
        "kind": "told old",
        "agentId": agent["id"],
        "subject": "r2",
        "what": "Repair 2.",
    }
    assert len((await client.get(f"/api/repairs?agent={agent['id']}")).json()["items"]) == 3
    assert (await client.get(f"/api/repairs?agent={uuid4()}")).json()["items"] == [], "it may be deleted"
    nobody = await client.get("/api/repairs?agent=nobody")
    assert (nobody.status_code, nobody.json()["detail"]) == (404, "There is no agent “nobody”.")


async def test_metrics_count_the_repairs_of_a_day_and_old_ones_are_forgotten(client: Client) -> None:
    async with platform_of(client).repairs.postgres.begin() as db_session:
        await db_session.execute(delete(RepairRow))
        repairs = RepairRepository(db_session)
        await repairs.add([NewRepair("agent lost", None, subject, "…") for subject in ("new", "new", "old")])
        old = update(RepairRow).where(RepairRow.subject == "old")
        await db_session.execute(old.values(created_at=RepairRow.created_at - timedelta(days=2)))
    assert 'bionic_repairs{kind="agent lost"} 2.0' in (await client.get("/metrics")).text
    async with platform_of(client).repairs.postgres.begin() as db_session:
        await RepairRepository(db_session).forget(timedelta(days=1))
    assert {each["subject"] for each in (await client.get("/api/repairs")).json()["items"]} == {"new"}
