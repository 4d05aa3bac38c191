"""What is read off LiveKit's log and the system, and how long is waited for it."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime

import pytest

from benchmarks.machine import describe, pinned
from benchmarks.processes import parse_pss, quiet, tree
from benchmarks.registrations import NotRegistered, Registrations, parse

pytestmark = pytest.mark.unit

AT = datetime(2026, 11, 23, 16, 8, 49, 259000, tzinfo=UTC).timestamp()


def said(name: str, time: str = "2026-11-23T16:08:49.259Z") -> str:
    fields = f'{{"namespace": "", "jobType": "JT_ROOM", "agentName": "{name}", "workerID": "AW_x"}}'
    return f"{time}\tINFO\tlivekit\tservice/agentservice.go:303\tworker registered\t{fields}"


def test_a_registration_is_read_with_its_name_and_time() -> None:
    assert parse(said("order@v1")) == ("order@v1", AT)


def test_other_time_zones_are_the_same_moment() -> None:
    assert parse(said("order", "2026-11-23T18:08:49.259+0200")) == ("order", AT)


def test_other_lines_are_no_registrations() -> None:
    assert parse("2026-11-23T16:08:49.264Z\tINFO\tlivekit\tusing single-node routing") is None
    assert parse("") is None


async def test_registrations_before_the_moment_do_not_count() -> None:
    registrations = Registrations()
    registrations.line("livekit", said("order", "2026-11-23T16:08:40.000Z"))
    waiting = asyncio.create_task(registrations.wait(["order"], after=AT - 1, seconds=5))
    await asyncio.sleep(0)
    assert not waiting.done()
    registrations.line("livekit", said("order"))
    assert await waiting == {"order": AT}


async def test_the_first_registration_after_the_moment_counts() -> None:
    registrations = Registrations()
    registrations.line("livekit", said("order"))
    registrations.line("livekit", said("order", "2026-11-23T16:09:00.000Z"))
    assert await registrations.wait(["order"], after=AT - 1, seconds=1) == {"order": AT}


async def test_two_may_wait_at_once() -> None:
    registrations = Registrations()
    waiting = [asyncio.create_task(registrations.wait([name], after=0, seconds=5)) for name in ("one", "two")]
    for name in ("two", "one"):
        await asyncio.sleep(0)
        registrations.line("livekit", said(name))
    assert await asyncio.gather(*waiting) == [{"one": AT}, {"two": AT}]


async def test_only_livekit_is_believed() -> None:
    registrations = Registrations()
    registrations.line("runtime", said("order"))
    with pytest.raises(NotRegistered, match=r"1 of 1 .* order"):
        await registrations.wait(["order"], after=0, seconds=0.01)


def test_pss_is_read_in_bytes() -> None:
    rollup = "00400000-7fff ---p 00000000 00:00 0 [rollup]\nRss:  900 kB\nPss:  509 kB\nPss_Dirty: 1 kB\n"
    assert parse_pss(rollup) == 509 * 1024


def test_no_pss_is_an_error() -> None:
    with pytest.raises(ValueError, match="no Pss"):
        parse_pss("Rss: 900 kB\n")


def test_a_process_that_is_gone_has_no_tree() -> None:
    assert tree(2**22 + 1) == []


async def test_rest_is_noticed() -> None:
    # A process that is not there is at rest; two looks say so.
    assert await quiet(2**22 + 1, seconds=5)


def test_the_machine_is_described() -> None:
    lines = describe()
    assert f"{os.cpu_count()} cores" in lines[0]
    assert "livekit-agents 1." in lines[1]
    assert "livekit-server 1." in lines[2]


def test_a_pinned_version_is_found_in_a_block_and_alone() -> None:
    module = "github.com/livekit/livekit-server"
    assert pinned(f"require (\n\t{module} v1.13.5 // indirect\n)\n", module) == "1.13.5"
    assert pinned(f"require {module} v1.13.5\n", module) == "1.13.5"
    assert pinned("module x\n", module) == "of unknown version"
