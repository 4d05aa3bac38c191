"""Job processes of tests: forked as those of a host are, from one that has loaded what they need."""

from __future__ import annotations

import asyncio
import multiprocessing

import pytest

from agents import jobs
from agents.warm import PRELOAD

LOADED = [*PRELOAD, "tests.support.beginning", "tests.agents.leaking"]
"""For all tests alike: a forkserver lives as long as their process, and loads what the first one asks for."""


@pytest.fixture
async def forkserver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pools of job processes fork from it, and nothing is left to load when one is given its time."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(LOADED)
    monkeypatch.setattr(jobs, "job_context", lambda: context)
    trial = context.Process(target=print)
    trial.start()
    await asyncio.to_thread(trial.join)
