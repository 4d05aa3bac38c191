"""Keeps one service running: starts it, waits until it is healthy, restarts it when it dies, stops it."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass

from stack.config import PROJECT, StackConfig, StackError
from stack.guarding import Guard
from stack.logs import LogFile, Output, is_trouble
from stack.process import ChildProcess, describe_exit
from stack.service import ServiceSpec

_READY_INTERVAL = 0.1
_MAX_FIRST_CRASHES = 2
"""A service that was never healthy and died this often will not become so by itself."""


@dataclass(frozen=True)
class Surroundings:
    """What all services of a stack share."""

    config: StackConfig
    output: Output
    guard: Guard


class Supervised:
    """One service under supervision."""

    def __init__(self, spec: ServiceSpec, around: Surroundings) -> None:
        self.spec = spec
        self._around = around
        self._log = LogFile(around.config.state_dir / "logs" / f"{spec.name}.log")
        self._child: ChildProcess | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._stop_asked = asyncio.Event()
        self._preparing = False
        self._was_ready = False
        self.starts = 0
        """How often the process was started."""

    @property
    def pid(self) -> int:
        """Pid of the process that runs now; raises `StackError` when none does."""
        if self._child is None or self._child.returncode is not None:
            raise StackError(f"{self.spec.name} does not run now")
        return self._child.pid

    @property
    def running(self) -> bool:
        """True while the process is there."""
        return self._child is not None and self._child.returncode is None

    async def start(self) -> None:
        """Starts it and returns when it is healthy; raises `StackError` when it is not in time."""
        if self._keeper is not None and not self._keeper.done():
            return
        self._was_ready = False
        self._stop_asked.clear()
        self._ready.clear()
        keeper = self._keeper = asyncio.create_task(self._keep(), name=f"keep {self.spec.name}")
        waiter = asyncio.create_task(self._ready.wait())
        try:
            done, _ = await asyncio.wait(
                {keeper, waiter}, timeout=self.spec.start_seconds, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            waiter.cancel()
        if keeper in done and not self._stop_asked.is_set():
            keeper.result()  # raises what ended it
        if not self._ready.is_set():
            problem = f"was not ready within {self.spec.start_seconds:.0f} s" if not done else "was stopped"
            raise self._failure(problem)

    def signal(self, number: int) -> None:
        """Signals the process, as an accident would: it is restarted when it dies of it."""
        if self._child is not None:
            self._child.send(number)

    def expect_end(self) -> None:
        """From now on its end is no accident: it is not started again, and its complaints are no news."""
        self._stop_asked.set()

    async def stop(self) -> None:
        """Stops the process and all it started. Bounded; harmless when it does not run."""
        self._stop_asked.set()
        keeper, child = self._keeper, self._child
        if keeper is None:
            return
        if child is not None and child.returncode is None:
            await child.stop(
                self.spec.stop_signal, self.spec.stop_seconds, repeat_after=self.spec.repeat_stop_after
            )
        elif self._preparing:
            keeper.cancel()  # there is no process yet that it could leave behind
        await asyncio.wait({keeper})
        if not keeper.cancelled():
            keeper.exception()  # told already by `start`, or of no interest now
        self._keeper = None

    def kill_now(self) -> None:
        """SIGKILL for the whole group: for someone who pressed Ctrl-C twice."""
        self._stop_asked.set()
        if self._child is not None:
            self._child.kill_group()

    async def close(self) -> None:
        """Stops it for good."""
        await self.stop()
        self._log.close()

    async def _keep(self) -> None:
        """Runs the process again and again until it is stopped."""
        crashes = 0
        while not self._stop_asked.is_set():
            began = time.monotonic()
            problem = await self._run_once_or_why_not()
            if self._stop_asked.is_set() or problem is None:
                return
            if time.monotonic() - began >= self._around.config.steady_seconds:
                crashes = 0
            crashes += 1
            if self.spec.one_shot or (not self._was_ready and crashes >= _MAX_FIRST_CRASHES):
                raise self._failure(f"ended: {problem}")
            pauses = self._around.config.backoff_seconds
            pause = pauses[min(crashes, len(pauses)) - 1]
            self._around.output.note(f"{self.spec.name} ended ({problem}); starting it again in {pause:g} s")
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stop_asked.wait()

    async def _run_once_or_why_not(self) -> str | None:
        """Why the process is not there any more; None when its work is done."""
        try:
            code = await self._run_once()
        except (OSError, StackError) as error:
            return str(error)
        return None if self.spec.one_shot and code == 0 else describe_exit(code)

    async def _run_once(self) -> int:
        self._preparing = True
        try:
            await self.spec.prepare()
        finally:
            self._preparing = False
        self._log.begin()
        child = await ChildProcess.spawn(
            self.spec.command,
            env=self.spec.env,
            cwd=PROJECT,
            on_line=self._on_line,
            stop_signal=self.spec.stop_signal,
            user=self.spec.user,
            umask=0o077,  # what a service writes is for nobody else on this machine
        )
        self._child = child
        self.starts += 1
        self._around.guard.add(child.pid)
        if self._stop_asked.is_set():
            child.kill_group()  # the wish to stop came while it was being started
        checker = asyncio.create_task(self._check(child.pid), name=f"health of {self.spec.name}")
        try:
            code = await child.wait()
        finally:
            checker.cancel()
            if child.returncode is None:
                child.kill_group()
                await child.wait()
            # Also between two starts: job processes of a dead runtime must not stay in their calls.
            await child.close()
            self._around.guard.remove(child.pid)
            await asyncio.gather(checker, return_exceptions=True)
        if self.spec.one_shot and code == 0:
            self._became_ready("done")
        elif not self.spec.one_shot:
            self._ready.clear()
        return code

    async def _check(self, pid: int) -> None:
        if self.spec.one_shot:
            return
        while not await self.spec.ready(pid):  # noqa: ASYNC110 - a server sends no event
            await asyncio.sleep(_READY_INTERVAL)
        self._became_ready("ready")

    def _became_ready(self, text: str) -> None:
        self._was_ready = True
        self._ready.set()
        self._around.output.step(self.spec.name, text)

    def _on_line(self, text: str) -> None:
        if not text:
            return
        self._log.write(text)
        # Servers complain while they shut down; that is no news.
        quiet = not self.spec.ours and (self._stop_asked.is_set() or not is_trouble(text))
        if self._around.config.verbose or not quiet:
            self._around.output.line(self.spec.name, text)

    def _failure(self, problem: str) -> StackError:
        parts = [f"{self.spec.name} {problem}."]
        tail = self._log.tail()
        if tail:
            parts.append(f"The last lines of {self._log.path}:\n{tail}")
        if self.spec.cure:
            parts.append(self.spec.cure)
        return StackError("\n".join(parts))
