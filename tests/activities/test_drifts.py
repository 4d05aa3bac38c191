"""What differs between Temporal and Postgres, as far as it can be seen from lists."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from activities.drifts import Running, compare
from activities.reconcile import _braked
from db.repositories.drifts import ToldAgent
from workflows.policy import replica_workflow_id
from workflows.reconcile_types import Drift, Suspect

pytestmark = pytest.mark.unit

ID, D1, D2 = (UUID(int=number) for number in (1, 2, 3))
AGENT = str(ID)
R1, R2 = (replica_workflow_id(AGENT, 1, number) for number in (1, 2))
WELL = ToldAgent(ID, "running", 5, D1, D1, False, "running", 1, {R1: "running"})
UP = ("running", str(D1))


def _found(told: ToldAgent | None, shown: tuple[object, object] | None, *replicas: str) -> list[Suspect]:
    running = Running({AGENT: shown} if shown else {}, {AGENT: set(replicas)} if replicas else {})
    return compare([told] if told else [], running)


@pytest.mark.parametrize(
    ("told", "shown", "replicas"),
    [
        (WELL, UP, [R1]),
        (replace(WELL, status="draft", deployment_id=None, live_deployment_id=None, replicas={},
                 deployment_status=None), None, []),
        (replace(WELL, status="stopped", deployment_status="stopped", live_deployment_id=None, replicas={}),
         ("stopped", str(D1)), []),
        # A version replaced: the old one holds calls, the new one serves.
        (replace(WELL, replicas={R1: "draining", R2: "running"}), UP, [R1, R2]),
        (replace(WELL, replicas={R1: "running", R2: "running"}, on_trial=True), UP, [R1, R2]),
        # What passes at once is not told for searches.
        (replace(WELL, status="starting", deployment_id=D2, deployment_status="starting"), UP, [R1]),
        (replace(WELL, status="validating", deployment_status="validating"), ("failed", str(D1)), [R1]),
    ],
)  # fmt: skip
def test_all_is_well(told: ToldAgent, shown: tuple[object, object] | None, replicas: list[str]) -> None:
    assert _found(told, shown, *replicas) == []


@pytest.mark.parametrize(
    ("told", "shown", "replicas", "drift", "signs"),
    [
        (WELL, None, [R1], Drift.AGENT_LOST, []),
        (replace(WELL, status="validating", live_deployment_id=None), None, [], Drift.AGENT_LOST, []),
        (None, UP, [R1], Drift.AGENT_DELETED, [R1]),
        (None, None, [R1], Drift.REPLICAS, [R1]),
        (WELL, UP, [R1, R2], Drift.REPLICAS, [R2]),
        (WELL, UP, [], Drift.REPLICAS, [R1]),
        (replace(WELL, replicas={R1: "running", R2: "running"}), UP, [R1, R2], Drift.REPLICAS, [R1, R2]),
        (replace(WELL, status="stopped", deployment_status="stopped", live_deployment_id=None), None, [R1],
         Drift.REPLICAS, [R1]),
        (WELL, ("degraded", str(D1)), [R1], Drift.TOLD_OLD, ["5"]),
        (WELL, ("running", str(D2)), [R1], Drift.TOLD_OLD, ["5"]),
        (replace(WELL, status="starting", deployment_status="starting"), UP, [R1], Drift.TOLD_OLD, ["5"]),
        (replace(WELL, deployment_status="starting"), UP, [R1], Drift.TOLD_OLD, ["5"]),
        (replace(WELL, status="degraded", deployment_status="degraded", wanted=2), ("degraded", str(D1)),
         [R1], Drift.SHORT, []),
    ],
)  # fmt: skip
def test_drift_is_suspected(
    told: ToldAgent | None,
    shown: tuple[object, object] | None,
    replicas: list[str],
    drift: Drift,
    signs: list[str],
) -> None:
    assert _found(told, shown, *replicas) == [Suspect(drift, AGENT, signs)]


def test_another_database_stops_no_agent() -> None:
    deleted = [Suspect(Drift.AGENT_DELETED, str(number)) for number in range(20)]
    lost = Suspect(Drift.AGENT_LOST, "a")
    assert _braked([*deleted, lost], running=1000) == ([*deleted, lost], [])
    rest, (trouble,) = _braked([*deleted, lost], running=100)
    assert rest == [lost]
    assert "does not know 20 of 100 agents that run. Is it the right database?" in trouble
    assert _braked(deleted[:2], running=2)[0] == [], (
        "a small platform may be pointed at another database as well"
    )
    assert _braked(deleted[:1], running=2) == (deleted[:1], [])
