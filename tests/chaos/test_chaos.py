"""A few steps of everything in any order; `make chaos` takes many."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.chaos.machine import run_machine
from tests.chaos.world import World, a_world

pytestmark = pytest.mark.integration

SEED = 13
"""Much happens in little time: hosts come, are killed and frozen, wishes meet servers just killed."""
STEPS = 12


@pytest.fixture(scope="module")
async def world() -> AsyncIterator[World]:
    """A platform of its own: what is done to it shall not be told by other tests' failures."""
    async with a_world() as made:
        yield made


async def test_whatever_happens_what_was_promised_holds(world: World) -> None:
    await run_machine(world, SEED, STEPS, print)
