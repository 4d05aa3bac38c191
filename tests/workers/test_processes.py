"""What the worker processes promise to those around them."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path

import psutil
import pytest

from activities.lease import NameTaken
from workers.runtime.host import BUSIEST, cpu_load
from workers.runtime.name import host_name

pytestmark = pytest.mark.unit

LIVEKIT_TARGET_LOAD = 0.7
"""`DefaultTargetLoad` of livekit-server: a worker at or above it gets no calls."""


@pytest.mark.parametrize("percent", [0.0, 35.0, 100.0])
def test_a_busy_host_still_takes_calls(percent: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "cpu_percent", lambda interval: percent)
    assert 0 <= cpu_load() <= BUSIEST < LIVEKIT_TARGET_LOAD
    assert cpu_load() == pytest.approx(BUSIEST * percent / 100)


def test_a_host_has_its_machines_name_and_no_two_have_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    machine = socket.gethostname()
    with host_name(None) as first, host_name(None) as second, host_name("edge/1") as third:
        assert (first, second, third) == (machine, f"{machine}-2", "edge/1")
        with pytest.raises(NameTaken, match="BIONIC_HOST_NAME"), host_name("edge/1"):
            pass
    with host_name(None) as again:
        assert again == machine, "a restarted host has the name that it had"
