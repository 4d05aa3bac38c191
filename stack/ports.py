"""TCP ports: is one free, and if not, who has it."""

from __future__ import annotations

import os
import random
import socket
from dataclasses import fields
from itertools import islice

import psutil

from stack.config import PORT_VARIABLES, Ports, StackConfig, StackError

_LABELS = {
    "api": "API and console",
    "temporal": "Temporal",
    "temporal_ui": "Temporal's web UI",
    "livekit": "LiveKit",
    "livekit_tcp": "LiveKit's media over TCP",
}


_FOR_SERVERS = range(20_000, 32_768)
"""Below the ports that systems give to outgoing connections (Linux from 32768, others from 49152): such a
connection could have one before its server does."""


def free_ports() -> Ports:
    """Ports that nobody listens on at this moment, for a second stack beside the usual one."""
    wanted = len(fields(Ports))
    numbers = list(islice(filter(is_free, random.sample(_FOR_SERVERS, len(_FOR_SERVERS))), wanted))
    return Ports(*numbers)


def is_free(port: int) -> bool:
    """True when a server could listen on the port of 127.0.0.1 now."""
    with socket.socket() as probe:
        # As servers do: a port whose last connections still linger is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def holder(port: int) -> tuple[str, int] | None:
    """Name and pid of the process that listens on the port; None when the system does not tell."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return None
    for connection in connections:
        if connection.status != psutil.CONN_LISTEN or not connection.laddr or connection.pid is None:
            continue
        if connection.laddr.port == port:
            try:
                return psutil.Process(connection.pid).name(), connection.pid
            except psutil.Error:
                return None
    return None


def check_ports(config: StackConfig) -> None:
    """Raises `StackError` that names each port that is taken, by whom, and the cure."""
    problems = []
    for name, port in config.taken_ports().items():
        if is_free(port):
            continue
        found = holder(port)
        if found is None:
            who, stop = "a process of another user", "stop it"
        else:
            who, stop = f"{found[0]} (pid {found[1]})", f"stop it (kill {found[1]})"
            if found[1] == os.getpid():
                stop = "close it"
        problems.append(
            f"Port {port} ({_LABELS[name]}) is taken by {who}: {stop}, "
            f"or choose another, for instance {PORT_VARIABLES[name]}={_suggestion(config, port)} make up"
        )
    if problems:
        raise StackError("\n".join(problems))


def _suggestion(config: StackConfig, port: int) -> int:
    taken = set(config.taken_ports().values())
    for candidate in range(port + 1, min(port + 200, 65536)):
        if candidate not in taken and is_free(candidate):
            return candidate
    return free_ports().api
