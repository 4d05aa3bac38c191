"""The calls that come by one registered name: offered by LiveKit, assigned, held, over."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Protocol

from livekit.agents.job import JobAcceptArguments, RunningJobInfo
from livekit.protocol import agent as lk

from agents.asking import Asked, Asking
from agents.call_job import CallJob
from agents.capacity import Capacity
from agents.dispatch import ATTEMPT, Dispatch, agent_identity
from agents.jobs import CLOSE_SECONDS, RECORD_SECONDS, JobPool

logger = logging.getLogger(__name__)

ASSIGNMENT_SECONDS = 7.5
"""LiveKit's own limit between a yes and its assignment."""


@dataclass(frozen=True)
class CallTaken:
    """A call is this host's: its agent is on the way."""

    room: str
    dispatch: Dispatch | None
    """What sends its agent; None where that was not ours."""
    job_id: str
    """LiveKit's."""


@dataclass(frozen=True)
class CallEnd:
    """A call is over on this host."""

    room: str
    dispatch: Dispatch | None
    """What had sent its agent; None where that was not ours."""
    crashed: bool
    """Its agent was lost: nobody had told it to end."""
    cut: bool = False
    """This host ended it, and not the call: its time to stay here was over."""
    told: bool = False
    """It was told to end, by LiveKit or by this host."""
    job_id: str = ""
    """LiveKit's."""


class CallListener(Protocol):
    """Hears of the calls of a host. Never waits."""

    def taken(self, call: CallTaken) -> None:
        """LiveKit has assigned it; a process is to hold it."""

    def over(self, end: CallEnd) -> None:
        """Its process is gone, for whatever reason."""


@dataclass(frozen=True)
class Offer:
    """A job to which we said yes, until LiveKit assigns it."""

    job: lk.Job
    accept: JobAcceptArguments
    received_at: float
    accepted_at: float
    expiry: asyncio.TimerHandle


@dataclass(frozen=True)
class Job:
    """A call that is going on."""

    room: str
    dispatch: Dispatch | None
    began: float
    """By the loop's clock."""


class Offers:
    """Says yes to what LiveKit offers until told otherwise, and follows each call to its end.

    Everything that is offered is taken, for LiveKit drops what nobody takes; how busy the host is, it was
    told before. Only a host that is overfull leaves a call to others.
    """

    def __init__(
        self,
        name: str,
        call: CallJob,
        pool: JobPool,
        capacity: Capacity,
        send: Callable[[lk.WorkerMessage], Awaitable[None]],
        changed: Callable[[], None],
        listener: CallListener,
        on_trial: Asked | None = None,
        takes_back: Callable[[], bool] | None = None,
    ) -> None:
        """While `on_trial` says so, what is offered is left to others; None: it never does. `takes_back` is
        asked once no new calls are taken: whether those still are that nobody else can go on with."""
        self.taken = 0
        self._cutting = False
        self.refusing = False
        """Set once no new calls are taken."""
        self._name, self._call, self._pool, self._send = name, call, pool, send
        self._changed, self._listener = changed, listener
        self._capacity, self._takes_back = capacity, takes_back
        self._asking = Asking(name, on_trial)
        self._open: dict[str, Offer] = {}
        self._jobs: dict[str, Job] = {}
        self._ending: set[str] = set()
        """Jobs that were told to end: how they do is no news."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._quiet = asyncio.Event()
        self._quiet.set()

    @property
    def closed(self) -> bool:
        """Whether nothing that may be offered is taken."""
        return self.refusing and (self._cutting or self._takes_back is None or not self._takes_back())

    @property
    def busy(self) -> bool:
        """Whether a call goes on, or is about to begin."""
        return bool(self._jobs or self._open)

    @property
    def jobs(self) -> list[str]:
        """LiveKit's ids of the calls that are going on."""
        return sorted(self._jobs)

    async def consider(self, job: lk.Job) -> None:
        """Answer an offer: at once, or as soon as it is known whether the version is on trial."""
        received = time.time()
        if self._asking.needed:
            self._asking.ask(job.id, lambda on_trial: self._answer(job, received, on_trial=on_trial))
        else:
            await self._answer(job, received, on_trial=False)

    def forget(self) -> None:
        """The connection is lost: what was offered by it and is not answered yet is void."""
        self._asking.forget()

    async def _answer(self, job: lk.Job, received: float, *, on_trial: bool) -> None:
        dispatch = Dispatch.read(job.metadata)
        refused = self.closed or (self.refusing and not (dispatch and dispatch.last))
        if refused or self._capacity.overfull or on_trial or self._is_avoided(dispatch, job.room.name):
            refusal = lk.AvailabilityResponse(job_id=job.id, available=False)
            await self._send(lk.WorkerMessage(availability=refusal))
            return
        accept = JobAcceptArguments(
            name=self._call.slug,
            identity=agent_identity(job.id),
            metadata="",
            attributes={ATTEMPT: str(Dispatch.of(job.metadata).attempt)},
        )
        expiry = asyncio.get_running_loop().call_later(ASSIGNMENT_SECONDS, self._expire, job.id)
        self._open[job.id] = Offer(job, accept, received, time.time(), expiry)
        self._capacity.hold(job.id, job.room.name)
        self._quiet.clear()
        answer = lk.AvailabilityResponse(
            job_id=job.id,
            available=True,
            participant_identity=accept.identity,
            participant_name=accept.name,
            participant_attributes=accept.attributes,
        )
        await self._send(lk.WorkerMessage(availability=answer))

    def _is_avoided(self, dispatch: Dispatch | None, room: str) -> bool:
        """Whether the call's last agent was lost here, or did not come, and another host shall have it."""
        if dispatch is None:
            return False
        if dispatch.elsewhere and self._capacity.has_call_in(room):
            return True
        return bool(dispatch.avoid) and dispatch.avoid == self._call.host

    def _expire(self, job_id: str) -> None:
        if self._open.pop(job_id, None):
            self._capacity.release(job_id)
            logger.warning("LiveKit did not assign a job that was accepted", extra=self._about(job_id))
        self._look_for_quiet()

    def take(self, assignment: lk.JobAssignment, url: str, worker_id: str) -> None:
        """Hold the call that LiveKit assigned; `url` is where, unless the assignment says so."""
        offer = self._open.pop(assignment.job.id, None)
        if offer is None:
            logger.warning("LiveKit assigned a job too late", extra=self._about(assignment.job.id))
            self._spawn(self._tell_of(assignment.job.id, lk.JobStatus.JS_FAILED))
            return
        offer.expiry.cancel()
        info = RunningJobInfo(
            accept_arguments=offer.accept,
            job=offer.job,
            url=assignment.url or url,
            token=assignment.token,
            worker_id=worker_id,
            fake_job=False,
            received_at=offer.received_at,
            accepted_at=offer.accepted_at,
            assigned_at=time.time(),
        )
        self.taken += 1
        room, dispatch = info.job.room.name, Dispatch.read(info.job.metadata)
        self._jobs[info.job.id] = Job(room, dispatch, asyncio.get_running_loop().time())
        logger.info("a call begins", extra=self._about(info.job.id))
        self._changed()
        self._listener.taken(CallTaken(room, dispatch, info.job.id))
        self._spawn(self._launch(info))

    async def _launch(self, info: RunningJobInfo) -> None:
        job_id = info.job.id
        try:
            await self._pool.launch(info, self._call, lambda well: self._over(job_id, well=well))
        except Exception:
            logger.exception("no process could be started for a call", extra=self._about(job_id))
            self._over(job_id, well=False)
            return
        await self._tell_of(job_id, lk.JobStatus.JS_RUNNING)

    def _over(self, job_id: str, *, well: bool) -> None:
        """A call's process is gone."""
        about, told = self._about(job_id), job_id in self._ending
        self._ending.discard(job_id)
        job = self._jobs.pop(job_id, None)
        crashed, cut = not well and not told, told and self._cutting
        if job and not crashed:
            seconds = asyncio.get_running_loop().time() - job.began
            logger.info("the call is over after %.0f s", seconds, extra=about)
        self._capacity.release(job_id)
        if job:
            self._listener.over(CallEnd(job.room, job.dispatch, crashed, cut, told, job_id))
        self._changed()
        self._look_for_quiet()
        self._spawn(self._tell_of(job_id, lk.JobStatus.JS_SUCCESS if well else lk.JobStatus.JS_FAILED))

    async def _tell_of(self, job_id: str, status: lk.JobStatus) -> None:
        await self._send(lk.WorkerMessage(update_job=lk.UpdateJobStatus(job_id=job_id, status=status)))

    def end(self, job_id: str, patience: float = RECORD_SECONDS) -> None:
        """LiveKit wants a call to end; one that is only offered yet is not taken any more."""
        self._asking.withdraw(job_id)
        if job_id in self._jobs:
            self._ending.add(job_id)
            self._pool.end(job_id, patience)

    async def over(self) -> None:
        """Return when no call is left, and none is about to begin."""
        await self._quiet.wait()

    def shut(self) -> None:
        """Take nothing any more, whoever asks."""
        self.refusing = self._cutting = True

    async def end_all(self) -> None:
        """End the calls that are left and forget what was offered; return when LiveKit was told."""
        self.shut()
        for job_id, offer in self._open.items():
            offer.expiry.cancel()
            self._capacity.release(job_id)
        self._open.clear()
        self._look_for_quiet()
        for job_id in self.jobs:
            self.end(job_id, CLOSE_SECONDS)
        await self._quiet.wait()
        await self._asking.settle()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work, name=f"call of {self._name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _look_for_quiet(self) -> None:
        if not self.busy:
            self._quiet.set()

    def _about(self, job_id: str) -> dict[str, str]:
        about = {"agent": self._name, "job": job_id}
        if job := self._jobs.get(job_id):
            about["room"] = job.room
        return about
