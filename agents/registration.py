"""One name at one LiveKit server: the websocket by which LiveKit offers calls.

livekit-agents has a worker for this, one to a process, with a health server, a load clock and a pool of
processes of its own. Here hundreds of names live in one process and share all that, so what is left is the
protocol: register, answer offers, take assignments, tell how calls end.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
from google.protobuf.message import DecodeError
from livekit import api
from livekit.agents import version as livekit_agents
from livekit.protocol import agent as lk
from livekit.protocol.models import ParticipantPermission

from agents.asking import Asked
from agents.call_job import CallJob
from agents.capacity import Capacity
from agents.jobs import JobPool
from agents.offers import CallListener, Offers
from common.errors import LiveKitRefused, LiveKitUnreachable
from common.livekit import LiveKitCredentials

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 8.0
RETRY_SECONDS = (1.0, 2.0, 4.0, 6.0)
"""The longest wait before connecting again, try by try. After the last one Temporal decides."""

STEADY_SECONDS = 10.0
"""A connection that lasted so long was a good one: the next try is the first again."""

PING_SECONDS = 20.0
"""A LiveKit that went silent is noticed within one and a half of these."""

_PERMISSIONS = ParticipantPermission(
    can_publish=True, can_subscribe=True, can_publish_data=True, can_update_metadata=True, agent=True
)


class Hung(Exception):
    """The connection ended, or what came over it is not LiveKit's protocol."""


class Registration:
    """Keeps one name registered as long as `run` runs, and launches the calls that come by it."""

    def __init__(
        self,
        name: str,
        call: CallJob,
        livekit: LiveKitCredentials,
        pool: JobPool,
        http: aiohttp.ClientSession,
        capacity: Capacity,
        changed: Callable[[], None],
        listener: CallListener,
        on_trial: Asked | None = None,
        takes_back: Callable[[], bool] | None = None,
    ) -> None:
        self.name = name
        self.worker_id = ""
        """LiveKit's id of the newest registration; empty before the first."""
        self.registered = asyncio.Event()
        """Set by the first registration."""
        self.failure: LiveKitRefused | LiveKitUnreachable = LiveKitUnreachable(
            f"LiveKit at {livekit.url} did not answer in time."
        )
        """Why there was no connection last."""
        self._livekit, self._http, self._capacity, self._changed = livekit, http, capacity, changed
        self._offers = Offers(name, call, pool, capacity, self._send, changed, listener, on_trial, takes_back)
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._refused = False

    @property
    def connected(self) -> bool:
        """Whether LiveKit can reach us by this name now."""
        return self._socket is not None

    @property
    def active_calls(self) -> int:
        """Calls that are going on now."""
        return len(self._offers.jobs)

    @property
    def busy(self) -> bool:
        """Whether a call goes on, or is about to begin."""
        return self._offers.busy

    @property
    def calls_taken(self) -> int:
        """Calls so far."""
        return self._offers.taken

    async def run(self) -> None:
        """Connect, register and listen until cancelled; connect again when the connection is lost.

        Raises:
            LiveKitRefused: the key or the secret is wrong.
            LiveKitUnreachable: LiveKit did not take the registration, several times in a row. While it drains
                it tries on: nobody else does for its last calls.
        """
        clock = asyncio.get_running_loop().time
        tries = 0
        while True:
            began = clock()
            try:
                async with self._connection() as socket:
                    await self._listen(socket)
            except (aiohttp.ClientError, OSError, TimeoutError, Hung, DecodeError) as error:
                self.failure = _in_our_words(error, self._livekit.url)
                tries = 0 if clock() - began > STEADY_SECONDS else tries
                if self._offers.refusing:
                    tries = min(tries, len(RETRY_SECONDS) - 1)
                if tries == len(RETRY_SECONDS) or not self.failure.retryable:
                    raise self.failure from error
            wait = random.uniform(0, RETRY_SECONDS[tries])  # noqa: S311 - hundreds must not come at once
            tries += 1
            extra = {"agent": self.name, "wait_s": round(wait, 1)}
            logger.warning("%s Connecting again.", self.failure.message, extra=extra)
            await asyncio.sleep(wait)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A connection on which the name is registered."""
        key, secret = self._livekit.api_key, self._livekit.api_secret
        token = api.AccessToken(key, secret).with_grants(api.VideoGrants(agent=True)).to_jwt()
        async with asyncio.timeout(CONNECT_SECONDS):
            socket = await self._http.ws_connect(
                f"{self._livekit.service_url.rstrip('/')}/agent",
                headers={"Authorization": f"Bearer {token}"},
                heartbeat=PING_SECONDS,
            )
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._register(socket)
            self._socket = socket
            await self.tell_load()
            await self._tell_of_calls()
            if self.registered.is_set():
                logger.info("registered with LiveKit again", extra={"agent": self.name})
            self.registered.set()
            self._changed()
            yield socket
        finally:
            self._socket = None
            self._changed()
            self._offers.forget()
            await socket.close()

    async def _register(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        request = lk.RegisterWorkerRequest(
            type=lk.JobType.JT_ROOM,
            allowed_permissions=_PERMISSIONS,
            agent_name=self.name,
            version=livekit_agents.__version__,
        )
        await socket.send_bytes(lk.WorkerMessage(register=request).SerializeToString())
        answer = _parse(await socket.receive())
        if not answer.HasField("register"):
            raise Hung("it did not answer the registration")
        self.worker_id = answer.register.worker_id

    async def _tell_of_calls(self) -> None:
        """After a new connection: these calls are still ours."""
        if jobs := self._offers.jobs:
            await self._send(lk.WorkerMessage(migrate_job=lk.MigrateJobRequest(job_ids=jobs)))

    async def _listen(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            message = _parse(await socket.receive())
            match message.WhichOneof("message"):
                case "availability":
                    await self._offers.consider(message.availability.job)
                case "assignment":
                    self._offers.take(message.assignment, self._livekit.service_url, self.worker_id)
                case "termination":
                    self._offers.end(message.termination.job_id)
                case _:
                    pass

    async def _send(self, message: lk.WorkerMessage) -> None:
        """Send when connected: LiveKit forgets a worker with its connection, so nothing is kept for later."""
        socket = self._socket
        if socket is None:
            return
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await socket.send_bytes(message.SerializeToString())
        except (aiohttp.ClientError, OSError, TimeoutError):
            await socket.close()

    async def tell_load(self) -> None:
        """How busy this host is: LiveKit prefers the idler of those that have registered a name."""
        refusing = self._offers.closed or self._capacity.overfull
        if refusing != self._refused:
            self._refused = refusing
            self._changed()
        status = lk.WorkerStatus.WS_FULL if refusing else lk.WorkerStatus.WS_AVAILABLE
        update = lk.UpdateWorkerStatus(status=status, load=self._capacity.load, job_count=self.active_calls)
        await self._send(lk.WorkerMessage(update_worker=update))

    async def drain(self) -> None:
        """Take no new calls; return when the running ones are over."""
        self._offers.refusing = True
        await self.tell_load()
        await self.quiet()

    async def quiet(self) -> None:
        """Return when no call goes on, and none is about to begin."""
        await self._offers.over()

    def shut(self) -> None:
        """Take nothing any more, not even calls that nobody else can go on with."""
        self._offers.shut()

    async def end_calls(self) -> None:
        """End the calls that are left; return when they are over and LiveKit was told, if it can be."""
        await self._offers.end_all()


def _parse(message: aiohttp.WSMessage) -> lk.ServerMessage:
    """What LiveKit says.

    Raises:
        Hung: it says nothing any more.
        DecodeError: it is not LiveKit.
    """
    if message.type is aiohttp.WSMsgType.BINARY:
        return lk.ServerMessage.FromString(message.data)
    if message.type is aiohttp.WSMsgType.TEXT:
        raise Hung("it sent text, which LiveKit does not do")
    if message.type is aiohttp.WSMsgType.ERROR and message.data:
        raise Hung(f"the connection broke: {message.data}")
    raise Hung("it closed the connection")


def _in_our_words(error: Exception, url: str) -> LiveKitRefused | LiveKitUnreachable:
    if isinstance(error, aiohttp.WSServerHandshakeError):
        if error.status in {401, 403}:
            return LiveKitRefused(f"LiveKit at {url} refused the API key or its secret.")
        return LiveKitUnreachable(f"What answers at {url} is not LiveKit: HTTP {error.status}.")
    why = "it did not answer in time" if isinstance(error, TimeoutError) else str(error)
    return LiveKitUnreachable(f"LiveKit at {url} did not keep the registration: {why}.")
