"""What the worker processes promise to those around them."""

from __future__ import annotations

import psutil
import pytest

from workers.runtime.host import BUSIEST, cpu_load, host_name

pytestmark = pytest.mark.unit

LIVEKIT_TARGET_LOAD = 0.7
"""`DefaultTargetLoad` of livekit-server: a worker at or above it gets no calls."""


@pytest.mark.parametrize("percent", [0.0, 35.0, 100.0])
def test_a_busy_host_still_takes_calls(percent: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "cpu_percent", lambda interval: percent)
    assert 0 <= cpu_load() <= BUSIEST < LIVEKIT_TARGET_LOAD
    assert cpu_load() == pytest.approx(BUSIEST * percent / 100)


def test_a_host_is_named_for_its_process() -> None:
    assert host_name().endswith(f"-{psutil.Process().pid}")
