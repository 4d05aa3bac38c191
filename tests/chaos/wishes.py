"""What people ask of agents, kept in mind as they were answered."""

from __future__ import annotations

import uuid
from http import HTTPStatus

import httpx

from tests.chaos.subjects import Plan, Subject, Trial
from tests.chaos.world import World
from tests.support.platform import Json, offline_config
from tests.support.waiting import eventually

PATIENCE_SECONDS = 3600
"""How long calls of an agent may go on where it is given up: longer than a run."""

GONE_SECONDS = 90.0
"""From the wish to delete an agent until it is deleted: what it runs must have ended."""


class Wishes:
    """Acts as people do, and keeps in mind what they were told."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.subjects: list[Subject] = []
        self.deleted: list[Subject] = []
        self._made = 0

    def disturb(self) -> None:
        """See `Subject.disturb`."""
        for subject in self.subjects:
            subject.disturb()

    def unsettle(self) -> None:
        """Whoever carries agents may take none any more: a rollout that is under way may fail of it."""
        for subject in self.subjects:
            subject.may_fail |= not subject.settled

    async def create(self, *, behind_proxy: bool) -> Subject:
        """A new agent, not yet deployed. The API is there."""
        self._made += 1
        subject = Subject(f"agent-{self._made}", behind_proxy)
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

    async def edit(self, subject: Subject) -> bool:
        """Change the draft, so that the next deploy makes a version of it; whether that was acknowledged."""
        subject.edits += 1
        answer = await self.world.ask("PATCH", subject.path, {"config": self._config(subject)})
        return answer is not None and answer.is_success

    async def deploy(self, subject: Subject, replicas: int | None = None) -> str:
        """Deploy the draft; what came of it, for the reader."""
        body = {"replicas": replicas} if replicas else {}
        return await self._want(subject, "deploy", body, "running")

    async def try_out(self, subject: Subject, plan: Plan, *, edited: bool) -> str:
        """Deploy the draft, and give it a share of the calls only."""
        body = {"canary": [{"percent": percent, "minutes": minutes} for percent, minutes in plan]}
        return await self._want(subject, "deploy", body, "running", Trial.begun(plan, edited=edited))

    async def rollback(self, subject: Subject) -> str:
        """Go back to the version before."""
        return await self._want(subject, "rollback", {}, "running")

    async def retry(self, subject: Subject) -> str:
        """Try what failed again; what was to be on trial is on trial again."""
        trial = subject.trial and Trial.begun(subject.trial.plan, edited=False)
        return await self._want(subject, "retry", {}, "running", trial)

    async def stop(self, subject: Subject, *, drain: bool) -> str:
        """Run it no more."""
        return await self._want(subject, "stop", {"drain": drain}, "stopped")

    async def take_down(self, subject: Subject) -> None:
        """Stop it, as often as it takes, until it says that it is."""

        async def down() -> bool:
            await self.stop(subject, drain=False)
            answer = await self.world.ask("GET", subject.path)
            found = answer.json() if answer is not None and answer.is_success else {}
            return found.get("status") in {"draft", "stopped", "failed"} and found["liveVersion"] is None

        await eventually(down, f"{subject} stopped", seconds=GONE_SECONDS, every=1)

    async def delete(self, subject: Subject) -> str:
        """Delete it, as often as it takes; what runs is stopped for that."""
        said: list[str] = []

        async def gone() -> bool:
            answer = await self.world.ask("DELETE", subject.path)
            if [now := _told(answer)] != said[-1:]:
                said.append(now)
            if answer is not None and answer.status_code == HTTPStatus.CONFLICT:
                await self.stop(subject, drain=False)
            return answer is not None and (answer.is_success or answer.status_code == HTTPStatus.NOT_FOUND)

        try:
            await eventually(gone, "deleted", seconds=GONE_SECONDS, every=0.2)
        except AssertionError as error:
            raise AssertionError(f"{error}: {'; '.join(said)}") from None
        self.subjects.remove(subject)
        self.deleted.append(subject)
        return "; ".join(said)

    async def refuses_to_delete(self, subject: Subject) -> str:
        """It runs, so it is not deleted."""
        answer = await self.world.ask("DELETE", subject.path)
        told = _told(answer)
        assert answer is not None, told
        assert answer.status_code == HTTPStatus.CONFLICT, told
        return told

    async def _want(
        self, subject: Subject, what: str, body: Json, wish: str, trial: Trial | None = None
    ) -> str:
        answer = await self.world.ask("POST", f"{subject.path}/{what}", body)
        if answer is None or answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            subject.wished(None)
            subject.may_fail = True
        elif answer.status_code == HTTPStatus.ACCEPTED:
            self._acknowledged(subject, answer, wish, trial)
        else:
            assert answer.status_code == HTTPStatus.CONFLICT, f"{what}: {answer.status_code} {answer.text}"
        return _told(answer)

    def _acknowledged(self, subject: Subject, answer: httpx.Response, wish: str, trial: Trial | None) -> None:
        deployment = answer.json()["id"]
        if wish == "running" and deployment not in subject.acknowledged:
            subject.acknowledged.append(deployment)
        subject.wished(wish, trial)
        away = self.world.cut and subject.behind_proxy
        subject.may_fail = away or not self.world.takers


def _told(answer: httpx.Response | None) -> str:
    if answer is None:
        return "no answer"
    said = answer.json() if answer.content else {}
    return f"{answer.status_code} {said.get('detail') or said.get('status') or ''}".rstrip()
