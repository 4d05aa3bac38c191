"""`make up` from the outside: what it says, what it survives, what it keeps, what it leaves."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from stack import Stack, StackConfig, free_ports
from stack.ports import is_free
from tests.support.caller import calling
from tests.support.platform import Platform
from tests.support.up import IS_UP, PYTHON, Up, starting
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration


async def test_it_is_found_crashes_are_mended_and_the_next_start_has_all_again(tmp_path: Path) -> None:
    config = StackConfig(state_dir=tmp_path, ports=free_ports())
    async with starting(tmp_path, config.ports) as up:
        await up.said(IS_UP)
        await _what_it_prints_is_true(up)
        async with _person(config, up) as platform:
            demo = await platform.agent("demo")
            await _crashed_services_come_back(up, platform)
            kept = await platform.deployed("kept")
        await _a_second_start_is_refused(config, up)
        up.interrupt()
        assert await up.ended() == 0
        assert up.lines[-1].endswith("everything is stopped")
        assert all(is_free(port) for port in config.taken_ports().values())

    # `nohup` is how one keeps it when the terminal is closed.
    async with starting(tmp_path, config.ports, python=("nohup", *PYTHON)) as up:
        await up.said(IS_UP)
        await up.said("Agent “demo” is running")
        up.interrupt(signal.SIGHUP)
        async with _person(config, up) as platform:
            assert (await platform.agent("demo"))["deployment"]["id"] == demo["deployment"]["id"]
            again = await platform.reaches(kept["id"], "running", seconds=60)
            assert again["config"] == kept["config"]
            token = await platform.token(kept["slug"])
            async with calling(token["url"], token["token"]) as caller:
                await caller.agent(seconds=30)
        assert "stopping" not in up.output
        up.interrupt()
        await up.said("once more to stop at once")
        up.interrupt()
        assert await up.ended() == 0


async def _what_it_prints_is_true(up: Up) -> None:
    """The login link signs in, the other addresses answer, the demo agent runs."""
    link = (await up.said(r"Console +(http://127\.0\.0\.1:\d+/login/\S+)")).group(1)
    temporal = (await up.said(r"Temporal +(http://\S+)")).group(1)
    api = (await up.said(r"API +(http://\S+)")).group(1)
    await up.said("Agent “demo” is running")
    await up.said("Ctrl-C stops everything")
    async with httpx.AsyncClient(follow_redirects=True, timeout=30) as browser:
        assert (await browser.get(f"{api}/api/agents")).status_code == 401
        assert (await browser.get(link)).status_code == 200
        agents = (await browser.get(f"{api}/api/agents")).json()["items"]
        assert [(agent["slug"], agent["status"]) for agent in agents] == [("demo", "running")]
        assert (await browser.get(temporal)).status_code == 200
        health = await browser.get(f"{api}/health")
        assert (health.status_code, health.json()["status"]) == (200, "ok")


@asynccontextmanager
async def _person(config: StackConfig, up: Up) -> AsyncIterator[Platform]:
    """Someone with the API key that was printed."""
    key = (await up.said(r"API key +(bk_\S+)")).group(1)
    headers = {"Authorization": f"Bearer {key}"}
    stack = Stack(config)  # never entered: it only knows the addresses
    async with httpx.AsyncClient(base_url=stack.api_url, headers=headers, timeout=30) as http:
        yield Platform(stack, http)


async def _crashed_services_come_back(up: Up, platform: Platform) -> None:
    modules = ("api", "workers.control")
    killed = [up.service(module) for module in modules]
    for process in killed:
        assert process is not None
        process.kill()

    async def back() -> bool:
        found = [await asyncio.to_thread(up.service, module) for module in modules]
        if None in found or set(found) & set(killed):
            return False
        try:
            return (await platform.http.get("/health")).status_code == 200
        except httpx.TransportError:
            return False

    await eventually(back, "API and control worker again", seconds=90)
    for service in ("api", "control"):
        await up.said(rf"{service} ended \(killed by SIGKILL\); starting it again in 0.2 s", 5)


async def _a_second_start_is_refused(config: StackConfig, up: Up) -> None:
    """Nothing of the first one is harmed by it."""
    before = psutil.Process(up.pid).children()
    async with starting(config.state_dir, free_ports()) as second:
        await second.said(rf"A stack runs in {config.state_dir} already \(pid {up.pid}\)")
        assert await second.code() == 1
    assert psutil.Process(up.pid).children() == before
