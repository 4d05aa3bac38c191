"""A LiveKit that does what a test wants, and a pool of job processes without any process."""

from __future__ import annotations

from aiohttp import web
from livekit.agents.job import RunningJobInfo
from livekit.protocol import agent as lk
from livekit.protocol.models import Room

from agents.call_job import CallJob
from agents.jobs import Ended
from agents.offers import CallEnd, CallTaken
from tests.support.waiting import eventually


class FakePool:
    """Takes calls without any process."""

    def __init__(self) -> None:
        self.launched: dict[str, tuple[RunningJobInfo, CallJob, Ended]] = {}
        self.ended: list[str] = []
        self.broken = False

    async def launch(self, info: RunningJobInfo, call: CallJob, ended: Ended) -> None:
        """As the real one."""
        if self.broken:
            raise RuntimeError("no process")
        self.launched[info.job.id] = (info, call, ended)

    def end(self, job_id: str, patience: float = 0.0) -> None:
        """As the real one; the process goes at once."""
        self.ended.append(job_id)
        self.launched[job_id][2](True)

    def over(self, job_id: str, *, well: bool) -> None:
        """The process of a call is gone."""
        self.launched[job_id][2](well)


class Heard:
    """What was heard of calls."""

    def __init__(self) -> None:
        self.calls: list[CallTaken] = []
        self.ends: list[CallEnd] = []

    def taken(self, call: CallTaken) -> None:
        """A call begins."""
        self.calls.append(call)

    def over(self, end: CallEnd) -> None:
        """A call's process is gone."""
        self.ends.append(end)


class FakeLiveKit:
    """One end of the websocket; `status` other than 101 refuses the handshake, `drops` hangs up after it."""

    def __init__(self) -> None:
        self.status = 101
        self.drops = False
        self.names: list[str] = []
        self.said: list[lk.WorkerMessage] = []
        self.sockets: list[web.WebSocketResponse] = []
        self.url = ""

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """`/agent`."""
        if self.status != 101:
            return web.Response(status=self.status)
        assert request.headers["Authorization"].startswith("Bearer ")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        first = lk.WorkerMessage.FromString(await socket.receive_bytes())
        self.names.append(first.register.agent_name)
        self.sockets.append(socket)
        answer = lk.RegisterWorkerResponse(worker_id=f"AW_{len(self.sockets)}")
        await socket.send_bytes(lk.ServerMessage(register=answer).SerializeToString())
        if self.drops:
            await socket.close()
        async for message in socket:
            self.said.append(lk.WorkerMessage.FromString(message.data))
        return socket

    async def say(self, **message: object) -> None:
        """A message on the newest connection."""
        await self.sockets[-1].send_bytes(lk.ServerMessage(**message).SerializeToString())  # type: ignore[arg-type]

    async def hears(self, what: str, count: int = 1) -> lk.WorkerMessage:
        """The `count`-th message of a kind."""

        async def look() -> lk.WorkerMessage | None:
            found = [message for message in self.said if message.HasField(what)]
            return found[count - 1] if len(found) >= count else None

        return await eventually(look, f"{what} number {count} (said: {self.said})", seconds=5)

    async def offers(self, job_id: str, metadata: str = '{"callId": "c"}') -> lk.AvailabilityResponse:
        """Offer a job; the answer to it."""
        count = sum(message.HasField("availability") for message in self.said) + 1
        job = lk.Job(id=job_id, room=Room(name="room"), metadata=metadata)
        await self.say(availability=lk.AvailabilityRequest(job=job))
        return (await self.hears("availability", count)).availability

    async def assigns(self, job_id: str) -> None:
        """Assign a job that was accepted."""
        await self.say(assignment=lk.JobAssignment(job=lk.Job(id=job_id), token="the-token"))
