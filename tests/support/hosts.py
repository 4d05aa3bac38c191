"""Runtime hosts beside the one that the stack runs, which nobody restarts."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from stack.config import PROJECT
from tests.support.platform import Json, Platform
from tests.support.waiting import eventually


async def listed(platform: Platform, name: str) -> Json | None:
    """A host as the API lists it."""
    found: list[Json] = (await platform.call("GET", "/api/hosts"))["items"]
    return next((host for host in found if host["name"] == name), None)


async def own_host(platform: Platform) -> str:
    """The name of the host that the stack runs: the only one, once those of other tests are gone."""

    async def look() -> str | None:
        found: list[Json] = (await platform.call("GET", "/api/hosts"))["items"]
        up = [str(host["name"]) for host in found if host["status"] == "up"]
        return up[0] if len(up) == 1 else None

    return await eventually(look, "only the stack's own host to be up", seconds=30)


async def reaches(platform: Platform, name: str, status: str, seconds: float = 30) -> Json:
    """A host, once it has that status."""

    async def look() -> Json | None:
        host = await listed(platform, name)
        return host if host and host["status"] == status else None

    return await eventually(look, f"host {name} {status}", seconds=seconds)


async def carriers(platform: Platform, agent_id: str) -> list[str | None]:
    """The hosts of an agent's running replicas, as its workflow told Postgres."""
    database = await asyncpg.connect(platform.stack.database_url)
    try:
        rows = await database.fetch(
            "SELECT host FROM replicas WHERE agent_id = $1 AND status = 'running'", agent_id
        )
    finally:
        await database.close()
    return [row["host"] for row in rows]


async def started_host(
    platform: Platform, name: str, command: Sequence[str] = (), *, log: Path | None = None, **settings: str
) -> asyncio.subprocess.Process:
    """The process of a second host, just started; `command` is for one of another kind.

    It logs to `log`, else to where we do.
    """
    spec = platform.stack.service("runtime").spec
    env = {**(spec.env or {}), **settings, "BIONIC_HOST_NAME": name}
    with ExitStack() as files:
        output = files.enter_context(log.open("ab")) if log else None
        return await asyncio.create_subprocess_exec(
            *(command or spec.command), env=env, cwd=PROJECT, start_new_session=True, stderr=output
        )


@asynccontextmanager
async def another_host(
    platform: Platform,
    name: str,
    status: str = "up",
    command: Sequence[str] = (),
    *,
    log: Path | None = None,
    **settings: str,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A second host, ready; ended after the block, if it is still there."""
    last = await listed(platform, name)  # a process of that name may be dead and not missed yet
    process = await started_host(platform, name, command, log=log, **settings)
    try:

        async def up() -> bool:
            host = await listed(platform, name)
            if host is None or (last and last["startedAt"] == host["startedAt"]):
                return False
            return host["status"] == status and bool(host["inEffect"])

        await eventually(up, f"host {name} {status}", seconds=60)
        yield process
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGCONT)
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 60)
            except TimeoutError:
                os.killpg(process.pid, signal.SIGKILL)
                await process.wait()


async def order(platform: Platform, name: str, verb: str, expect: int = 202) -> Json:
    """Tell a host to do something, and wait until it does so."""
    answer: Json = await platform.call("POST", f"/api/hosts/{name}/{verb}", expect=expect)

    async def heeded() -> bool:
        host = await listed(platform, name)
        return host is not None and bool(host["inEffect"])

    await eventually(heeded, f"host {name} to {verb}")
    return answer


@asynccontextmanager
async def on_both(platform: Platform, hosts: tuple[str, str], **changes: Any) -> AsyncIterator[Json]:
    """An agent with a replica on each; `changes` are of its config. The first host has it alone, and takes no
    more agents from then on."""
    there, here = hosts
    await order(platform, here, "cordon")
    agent = await platform.deployed("both", **changes)
    await order(platform, there, "cordon")
    await order(platform, here, "uncordon")
    await platform.call("POST", f"/api/agents/{agent['id']}/deploy", {"replicas": 2}, expect=202)

    async def both() -> bool:
        return sorted(map(str, await carriers(platform, agent["id"]))) == sorted(hosts)

    await eventually(both, f"the agent on {there} and {here}", seconds=60)
    await platform.reaches(agent["id"], "running")
    try:
        yield agent
    finally:
        await platform.stop(agent["id"])
        await order(platform, there, "uncordon")
