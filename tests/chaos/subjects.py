"""The agents of a run, what was wished for each, and what was acknowledged."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from http import HTTPStatus

import httpx

from tests.chaos.world import World
from tests.support.platform import Json, offline_config

PATIENCE_SECONDS = 120
"""How long calls of an agent may go on where it is given up."""


@dataclass(eq=False)
class Subject:
    """One agent."""

    name: str
    behind_proxy: bool
    id: str = ""
    slug: str = ""
    acknowledged: list[str] = field(default_factory=list)
    """Every deployment that was answered with 202, the newest last."""
    wish: str | None = None
    """`running` or `stopped`; None when nobody knows, for the answer to a wish never came."""
    settled: bool = True
    """Whether the last wish was fulfilled at a time when nothing was wrong."""
    may_fail: bool = False
    """Something that its rollout needs was away while that was under way."""
    edits: int = 0

    def __repr__(self) -> str:
        return self.name

    @property
    def path(self) -> str:
        """Of the agent in the API."""
        return f"/api/agents/{self.id}"

    def disturb(self) -> None:
        """Something was killed or taken away: a rollout that is under way may fail of it."""
        self.may_fail |= not self.settled


class Wishes:
    """Acts as people do, and keeps in mind what they were told."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.subjects: list[Subject] = []

    def disturb(self) -> None:
        """See `Subject.disturb`."""
        for subject in self.subjects:
            subject.disturb()

    async def create(self, *, behind_proxy: bool) -> Subject:
        """A new agent, not yet deployed. The API is there."""
        subject = Subject(f"agent-{len(self.subjects) + 1}", behind_proxy)
        body = {
            "name": subject.name,
            "slug": f"{subject.name}-{uuid.uuid4().hex[:6]}",
            "config": self._config(subject),
        }
        agent: Json = await self.world.platform.call("POST", "/api/agents", body, expect=201)
        subject.id, subject.slug = agent["id"], agent["slug"]
        self.subjects.append(subject)
        return subject

    def _config(self, subject: Subject) -> Json:
        greeting = f"Hello for the {subject.edits}. time."
        own = {"livekitConfig": self.world.own_livekit} if subject.behind_proxy else {}
        return offline_config(greeting=greeting, drainSeconds=PATIENCE_SECONDS, **own)

    async def edit(self, subject: Subject) -> None:
        """Change the draft, so that the next deploy makes a version of it."""
        subject.edits += 1
        await self.world.ask("PATCH", subject.path, {"config": self._config(subject)})

    async def deploy(self, subject: Subject, replicas: int | None = None) -> str:
        """Deploy the draft; what came of it, for the reader."""
        body = {"replicas": replicas} if replicas else {}
        return await self._want(subject, "deploy", body, "running")

    async def rollback(self, subject: Subject) -> str:
        """Go back to the version before."""
        return await self._want(subject, "rollback", {}, "running")

    async def retry(self, subject: Subject) -> str:
        """Try what failed again."""
        return await self._want(subject, "retry", {}, "running")

    async def stop(self, subject: Subject, *, drain: bool) -> str:
        """Run it no more."""
        return await self._want(subject, "stop", {"drain": drain}, "stopped")

    async def _want(self, subject: Subject, what: str, body: Json, wish: str) -> str:
        answer = await self.world.ask("POST", f"{subject.path}/{what}", body)
        if answer is None or answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            subject.wish, subject.settled, subject.may_fail = None, False, True
        elif answer.status_code == HTTPStatus.ACCEPTED:
            self._acknowledged(subject, answer, wish)
        else:
            assert answer.status_code == HTTPStatus.CONFLICT, f"{what}: {answer.status_code} {answer.text}"
        return _told(answer)

    def _acknowledged(self, subject: Subject, answer: httpx.Response, wish: str) -> None:
        deployment = answer.json()["id"]
        if wish == "running" and deployment not in subject.acknowledged:
            subject.acknowledged.append(deployment)
        subject.wish, subject.settled = wish, False
        away = self.world.cut and subject.behind_proxy
        subject.may_fail = away or not self.world.hosts


def _told(answer: httpx.Response | None) -> str:
    if answer is None:
        return "no answer"
    said = answer.json()
    return f"{answer.status_code} {said.get('detail') or said.get('status')}"
