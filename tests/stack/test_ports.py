"""Ports that are taken are named with whoever has them."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from stack.config import Service, StackConfig, StackError
from stack.ports import check_ports, free_ports, is_free

pytestmark = pytest.mark.unit


def test_taken_port_is_named_with_its_process_and_the_cure(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        config = StackConfig(state_dir=tmp_path, ports=replace(free_ports(), temporal=port))
        with pytest.raises(StackError) as caught:
            check_ports(config)
    said = str(caught.value)
    assert str(port) in said
    assert f"{psutil.Process().name()} (pid {os.getpid()})" in said
    assert "BIONIC_TEMPORAL_PORT=" in said


def test_ports_of_services_that_others_run_do_not_matter(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        ports = replace(free_ports(), livekit=listener.getsockname()[1])
        check_ports(StackConfig(state_dir=tmp_path, ports=ports, env={"LIVEKIT_URL": "ws://elsewhere"}))
        check_ports(StackConfig(state_dir=tmp_path, ports=ports, services=frozenset({Service.POSTGRES})))


def test_free_ports_are_free_and_differ() -> None:
    ports = free_ports()
    numbers = [ports.api, ports.temporal, ports.temporal_ui, ports.livekit, ports.livekit_tcp]
    assert len(set(numbers)) == 5
    assert all(is_free(number) for number in numbers)
