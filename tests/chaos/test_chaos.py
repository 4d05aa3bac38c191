"""A few steps of everything in any order; `make chaos` takes many."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.chaos.machine import run_machine
from tests.chaos.world import World, a_world

pytestmark = pytest.mark.integration

SEEDS = {
    "trials begin while servers die, and a host that is frozen is cordoned": 5,
    "a second host comes, the first is killed, trials are ended, and an agent is deleted": 6,
}
"""Much happens in little time. Which seed makes what happen depends on all rules that there are."""
STEPS = 12


@pytest.fixture(scope="module")
async def world() -> AsyncIterator[World]:
    """A platform of its own: what is done to it shall not be told by other tests' failures."""
    async with a_world() as made:
        yield made


@pytest.mark.parametrize("seed", SEEDS.values(), ids=SEEDS)
async def test_whatever_happens_what_was_promised_holds(world: World, seed: int) -> None:
    await run_machine(world, seed, STEPS, print)
