"""The signatures that workflows call and the activities behind them agree."""

from __future__ import annotations

import inspect
from typing import get_type_hints

import pytest
from temporalio import activity

from activities.aftercare import AftercareActivities
from activities.control import ControlActivities
from activities.hosting import HostActivities
from activities.lease import Lease
from activities.reconcile import ReconcileActivities
from activities.recovery import CallActivities
from activities.reprocess import ReprocessActivities
from activities.trials import TrialActivities
from activities.watch import WatchActivities
from workflows import signatures

pytestmark = pytest.mark.unit

OWNERS = (
    AftercareActivities,
    CallActivities,
    ControlActivities,
    HostActivities,
    Lease,
    ReconcileActivities,
    ReprocessActivities,
    TrialActivities,
    WatchActivities,
)
NAMES = [
    name for name in vars(signatures) if hasattr(getattr(signatures, name), "__temporal_activity_definition")
]


@pytest.mark.parametrize("name", NAMES)
def test_every_signature_has_its_activity(name: str) -> None:
    signature = getattr(signatures, name)
    found = [getattr(owner, name) for owner in OWNERS if hasattr(owner, name)]
    assert len(found) == 1
    real, wanted = get_type_hints(found[0]), get_type_hints(signature)
    assert list(real.values()) == list(wanted.values())
    assert inspect.iscoroutinefunction(found[0])
    assert activity.defn is not None


def test_there_are_signatures() -> None:
    agents = {"validate_config", "record_transitions", "host_agent", "release_agent"}
    reconciler = {"look_at_agents", "look_at_calls", "mend_agents", "mend_calls"}
    calls = {"look_at_call", "send_agent", "give_up_call", "finish_call"}
    calls |= {"run_step", "conclude_call", "next_calls", "end_reprocess"}
    assert agents | calls | reconciler | {"judge_canary", "keep_host", "hand_on_agents"} == set(NAMES)
