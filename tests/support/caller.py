"""A caller without a browser: LiveKit's own client, with a voice from a file of speech."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from livekit import rtc
from livekit.rtc.data_stream import StreamError

from agents.providers.offline.wav import synthesize_pcm
from tests.support.waiting import eventually

RATE = 48_000
FRAME_BYTES = 2 * RATE // 50

ASKED = 3
"""Times that a question is put before nobody is taken to understand it."""


@dataclass
class Heard:
    """One final transcript: who said what."""

    identity: str
    text: str


@dataclass
class Caller:
    """A participant in a call's room, and all that it saw and heard."""

    room: rtc.Room
    heard: list[Heard] = field(default_factory=list)
    hearing: dict[str, Heard] = field(default_factory=dict)
    """What each stream of words has said so far, by its id; also what was cut off."""
    met: list[str] = field(default_factory=list)
    """The identities of all agents that were ever in the room, in order."""
    audio_frames: int = 0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    speech: bytearray = field(default_factory=bytearray)
    """What the microphone still has to pick up; silence when empty."""

    @property
    def agents(self) -> list[rtc.RemoteParticipant]:
        """The agents in the room."""
        kind = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        return [p for p in self.room.remote_participants.values() if p.kind == kind]

    async def agent(self, seconds: float = 10.0) -> rtc.RemoteParticipant:
        """The agent, once it is there."""

        async def look() -> rtc.RemoteParticipant | None:
            return next(iter(self.agents), None)

        return await eventually(look, "an agent in the room", seconds=seconds, every=0.005)

    async def hears(self, text: str, seconds: float = 15.0) -> Heard:
        """The first transcript of the agent with `text` in it."""

        async def look() -> Heard | None:
            agents = {agent.identity for agent in self.agents}
            return next((h for h in self.heard if text in h.text and h.identity in agents), None)

        def what() -> str:
            return f"the agent saying {text!r} (heard: {self.heard}, of {list(self.hearing.values())})"

        return await eventually(look, what, seconds=seconds)

    async def speaks(self, text: str) -> None:
        """Say `text`; returns at once, the microphone needs its time."""
        self.speech += await asyncio.to_thread(synthesize_pcm, text, sample_rate=RATE)

    async def asks(self, question: str, answer: str, seconds: float = 15.0) -> None:
        """Say `question` until it is answered: whoever is asked to say it again does so.

        The voice has gaps where the machine is busy, and then the recogniser does not know its words.
        Replies have `seconds` each.
        """
        before = len(self.heard)
        for times in range(1, ASKED + 1):
            await self.speaks(question)
            reply = partial(self._reply, answer, before, times)
            waited_for = f"the agent's reply to {question!r} (heard: {self.heard[before:]})"
            if answer in await eventually(reply, waited_for, seconds=seconds):
                return
        raise AssertionError(f"{question!r} was not understood: {self.heard[before:]}")

    async def _reply(self, answer: str, before: int, number: int) -> str | None:
        """What an agent in the room has said since: `answer`, or else its reply of that number."""
        agents = {agent.identity for agent in self.agents}
        said = [heard.text for heard in self.heard[before:] if heard.identity in agents]
        other = said[-1] if len(said) >= number else None
        return next((text for text in said if answer in text), other)

    async def types(self, text: str) -> None:
        """Write `text` instead of saying it."""
        await self.room.local_participant.send_text(text, topic="lk.chat")

    async def microphone(self) -> None:
        """Publish a track that carries speech or silence until cancelled, as a real microphone does."""
        source = rtc.AudioSource(RATE, 1, queue_size_ms=50)
        track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await self.room.local_participant.publish_track(track, options)
        while True:
            piece = bytes(self.speech[:FRAME_BYTES]).ljust(FRAME_BYTES, b"\0")
            del self.speech[:FRAME_BYTES]
            await source.capture_frame(rtc.AudioFrame(piece, RATE, 1, FRAME_BYTES // 2))

    def meets(self, who: rtc.RemoteParticipant) -> None:
        """Somebody is in the room."""
        if who.kind == rtc.ParticipantKind.PARTICIPANT_KIND_AGENT and who.identity not in self.met:
            self.met.append(who.identity)

    def keep(self, coroutine: Any) -> None:
        """Own a task until the call is over."""
        task = asyncio.create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


@asynccontextmanager
async def calling(url: str, token: str, *, quiet: bool = False) -> AsyncIterator[Caller]:
    """Join a room and leave it at the end of the block.

    One that is `quiet` has no microphone, and reads what is said: many of those cost next to nothing.
    """
    caller = Caller(rtc.Room())
    _read(caller)
    _meet(caller)
    if not quiet:
        _listen(caller)
    await caller.room.connect(url, token)
    for who in caller.room.remote_participants.values():
        caller.meets(who)
    if not quiet:
        caller.keep(caller.microphone())
    try:
        yield caller
    finally:
        await caller.room.disconnect()
        for task in list(caller.tasks):
            task.cancel()
        await asyncio.gather(*caller.tasks, return_exceptions=True)


def _read(caller: Caller) -> None:
    async def read_text(reader: rtc.TextStreamReader, identity: str) -> None:
        words = caller.hearing[reader.info.stream_id] = Heard(identity, "")
        try:
            async for piece in reader:
                words.text += piece
        except StreamError:
            return  # cut off: its speaker was
        caller.heard.append(words)

    caller.room.register_text_stream_handler(
        "lk.transcription", lambda reader, identity: caller.keep(read_text(reader, identity))
    )


def _meet(caller: Caller) -> None:
    @caller.room.on("participant_connected")
    def _on_participant(who: rtc.RemoteParticipant) -> None:
        caller.meets(who)


def _listen(caller: Caller) -> None:
    async def count_audio(track: rtc.Track) -> None:
        stream = rtc.AudioStream(track)
        try:
            async for _ in stream:
                caller.audio_frames += 1
        finally:
            await stream.aclose()

    @caller.room.on("track_subscribed")
    def _on_track(track: rtc.Track, *_: object) -> None:
        if track.kind == rtc.TrackKind.KIND_AUDIO:
            caller.keep(count_audio(track))
