"""What the worker processes promise to those around them."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from activities.lease import NameTaken
from common.settings import Settings
from workers.runtime.limits import limits
from workers.runtime.name import host_name

pytestmark = pytest.mark.unit

HERE = "localhost:7233/default"


@pytest.mark.parametrize(
    ("cores", "gigabytes", "calls"), [(2, 64, 24), (16, 8, 81), (1, 0.05, 1)], ids=["cpu", "memory", "tiny"]
)
def test_a_host_takes_what_its_machine_can_bear(
    cores: int, gigabytes: float, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = SimpleNamespace(total=int(gigabytes * 2**30), percent=50.0)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)), raising=False)
    assert limits(Settings()).calls == calls
    assert limits(Settings(bionic_max_calls=7)).calls == 7


def test_a_host_has_its_machines_name_and_no_two_have_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    machine = socket.gethostname()
    with host_name(None, HERE) as first, host_name(None, HERE) as second, host_name("edge/1", HERE) as third:
        assert (first, second, third) == (machine, f"{machine}-2", "edge/1")
        with pytest.raises(NameTaken, match="BIONIC_HOST_NAME"), host_name("edge/1", HERE):
            pass
    with host_name(None, HERE) as again, host_name(None, "localhost:9/other") as elsewhere:
        assert again == machine, "a restarted host has the name that it had"
        assert elsewhere == machine, "another platform's hosts are no concern of it"
