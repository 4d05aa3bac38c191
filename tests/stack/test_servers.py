"""All three servers together, on free ports, in a state folder of their own."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest

from stack import Service, Stack, StackConfig, free_ports
from stack.health import http_ok
from stack.services import SEARCH_ATTRIBUTES
from stack.temporal import temporal_serves

pytestmark = pytest.mark.integration

SERVERS = frozenset({Service.POSTGRES, Service.TEMPORAL, Service.LIVEKIT})


async def test_servers_start_twice_and_leave_no_process(tmp_path: Path) -> None:
    config = StackConfig(state_dir=tmp_path, ports=free_ports(), services=SERVERS)
    for _ in range(2):
        before = set(psutil.Process().children(recursive=True))
        async with Stack(config) as stack:
            pids = [stack.process(name).pid for name in SERVERS]
            assert await temporal_serves(stack.temporal_address, "default", tuple(SEARCH_ATTRIBUTES))
            assert await http_ok(stack.livekit_url.replace("ws", "http", 1))
            began = time.monotonic()
        assert time.monotonic() - began < 15
        assert not any(psutil.pid_exists(pid) for pid in pids)
        assert set(psutil.Process().children(recursive=True)) <= before
    assert (tmp_path / "livekit.yaml").stat().st_mode & 0o777 == 0o600
