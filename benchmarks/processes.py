"""Memory and rest of a process and all that it started."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

_LOOK_SECONDS = 0.5


def parse_pss(rollup: str) -> int:
    """Bytes in the `Pss` line of a `smaps_rollup`."""
    for line in rollup.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise ValueError("no Pss in smaps_rollup")


def tree(pid: int) -> list[psutil.Process]:
    """The process and all its descendants."""
    try:
        top = psutil.Process(pid)
        return [top, *top.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def pss(pid: int) -> float:
    """MB of memory of the whole tree; what several processes share is counted once, by shares."""
    total = 0
    for process in tree(pid):
        try:
            total += parse_pss(Path(f"/proc/{process.pid}/smaps_rollup").read_text())
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
    return total / 1e6


def in_calls(pid: int) -> list[psutil.Process]:
    """The processes of the tree that hold a call: the only ones that receive media."""
    found = []
    for process in tree(pid):
        with suppress(psutil.NoSuchProcess):
            if process.net_connections(kind="udp"):
                found.append(process)
    return found


def _cpu(pids: Iterable[int]) -> dict[int, float]:
    """Seconds by process, of the trees below `pids`."""
    seconds = {}
    for process in (found for pid in pids for found in tree(pid)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        seconds[process.pid] = times.user + times.system
    return seconds


def spent(pids: Mapping[str, int]) -> dict[str, dict[int, float]]:
    """Seconds of CPU by process, of each tree."""
    return {name: _cpu([pid]) for name, pid in pids.items()}


async def mcores(pids: Mapping[str, int], seconds: float) -> dict[str, float]:
    """Thousandths of a core that each tree uses during the next `seconds`."""
    before, began = spent(pids), time.monotonic()
    await asyncio.sleep(seconds)
    after, took = spent(pids), time.monotonic() - began
    return {name: 1000 * grown(before[name], after[name]) / took for name in pids}


def grown(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """What was spent between two looks by the processes that are there at the second."""
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


async def quiet(*pids: int, share: float = 0.25, seconds: float = 20.0) -> bool:
    """Wait until the trees together use less than `share` of a core; False when they never do."""
    until = time.monotonic() + seconds
    before, calm = _cpu(pids), 0
    while time.monotonic() < until:
        await asyncio.sleep(_LOOK_SECONDS)
        now = _cpu(pids)
        used = grown(before, now)
        same = now.keys() == before.keys()
        calm = calm + 1 if same and used / _LOOK_SECONDS < share else 0
        before = now
        if calm >= 2:
            return True
    return False
