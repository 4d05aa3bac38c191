"""Operators' orders to hosts, and what holds of those who were given one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus

from activities.watch import ON_A_HOST, host_of
from common.status import Standing
from tests.chaos.looks import Looks, expect
from tests.chaos.world import World
from tests.support.platform import Json
from tests.support.waiting import eventually

VERBS = {"cordon": Standing.CORDONED, "uncordon": Standing.OPEN, "drain": Standing.DRAINED}
STATUSES = {
    Standing.OPEN: {"up"},
    Standing.CORDONED: {"cordoned"},
    Standing.DRAINED: {"draining", "drained"},
}
ORDER = ("standing", "orderedBy", "orderedAt")
ANY_REPLICA = "WorkflowId STARTS_WITH 'agent-'"


class Operators:
    """Gives orders, and keeps in mind which were taken."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def order(self, host: str, verb: str, meanwhile: str | None = None) -> str:
        """Tell a host, `meanwhile` a service is killed; what came of it, for the reader."""
        name, wanted, stood = self.world.names[host], VERBS[verb], self.world.standing[host]
        before = await self._listed()
        if meanwhile:
            await self.world.kill(meanwhile)
        answer = await self.world.ask("POST", f"/api/hosts/{name}/{verb}")
        after = await self._listed()
        others = [any(_takes(rows, each) for each in rows if each != name) for rows in (before, after)]
        if answer is None or answer.is_server_error:
            self._stands(host, Standing(after[name]["standing"]), {stood, wanted})
            return f"nobody said, and it is {self.world.standing[host]}"
        if answer.status_code == HTTPStatus.CONFLICT:
            assert wanted is Standing.DRAINED, answer.text
            assert not all(others), f"another host takes agents, and it is refused: {answer.text}"
            assert _order(after[name]) == _order(before[name]), "what is refused changes nothing"
            return f"409 {answer.json()['detail']}"
        assert answer.status_code == HTTPStatus.ACCEPTED, f"{answer.status_code} {answer.text}"
        assert wanted is not Standing.DRAINED or any(others) or stood is wanted, "its agents can go nowhere"
        self._stands(host, wanted, {wanted})
        return f"202 {answer.json()['status']}"

    def _stands(self, host: str, standing: Standing, possible: set[Standing]) -> None:
        assert standing in possible, f"{host} is {standing}, which nobody asked for"
        if standing is not self.world.standing[host]:
            self.world.standing[host] = standing
            self.world.heeded.pop(host, None)

    async def _listed(self) -> dict[str, Json]:
        async def look() -> dict[str, Json] | None:
            answer = await self.world.ask("GET", "/api/hosts")
            if answer is None or not answer.is_success:
                return None
            return {host["name"]: host for host in answer.json()["items"]}

        return await eventually(look, "the hosts", seconds=60)


def _takes(rows: Mapping[str, Json], name: str) -> bool:
    return bool(rows[name]["status"] == "up")


def _order(row: Json) -> list[object]:
    return [row[field] for field in ORDER]


class Standings:
    """Each host stands as operators want it, however often it was killed since."""

    def __init__(self, world: World, looks: Looks) -> None:
        self.world = world
        self._looks = looks

    async def check(self) -> None:
        """Of all that can act."""
        for host in sorted(self.world.hosts):
            await self._looks.until_well(
                lambda each=host: self._stands(each),  # type: ignore[misc]
                f"the {host} host {self.world.standing[host]}",
            )

    async def _stands(self, host: str) -> None:
        standing, name = self.world.standing[host], self.world.names[host]
        rows = (await self._looks.get("/api/hosts"))["items"]
        row = next((each for each in rows if each["name"] == name), None)
        expect(row, "it is not listed")
        assert row is not None
        assert row["standing"] == standing, f"it is {row['standing']}, which nobody asked for"
        expect(row["inEffect"] and row["status"] in STATUSES[standing], f"it is {row['status']}")
        if standing is Standing.OPEN:
            return
        # By Temporal's clock, which is ours.
        heeded = self.world.heeded.setdefault(host, datetime.now(UTC))
        drained = standing is Standing.DRAINED
        await self._has_no_new_ones(name, None if drained else heeded)
        if drained:
            expect(not row["agents"], f"it has {row['agents']} agents")
            expect(self.world.call or row["status"] == "drained", "it waits for a call")

    async def _has_no_new_ones(self, name: str, heeded: datetime | None) -> None:
        """By Temporal's account it carries none that came after that time; without one, none at all."""
        async for replica, carriers in self._looks.stays(ANY_REPLICA):
            for each in carriers:
                if host_of(each.last_worker_identity) != name or each.state not in ON_A_HOST:
                    continue
                came = each.last_started_time.ToDatetime(UTC)
                expect(heeded and came <= heeded, f"{replica} came to it at {came}, told at {heeded}")
