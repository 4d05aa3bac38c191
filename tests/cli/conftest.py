"""The command line in this process, with an API of our own behind it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli import watching
from cli.__main__ import run
from tests.cli.processes import Ended

Json = dict[str, Any]
Answer = httpx.Response | Exception | Callable[[httpx.Request], httpx.Response]

KEY = "bk_test"
AGENT: Json = {
    "id": "e283c022-5782-4361-832e-4beee19514c0",
    "slug": "shop",
    "name": "Shop",
    "status": "running",
    "liveVersion": 3,
    "replicas": {"desired": 2, "ready": 2},
    "activeCalls": 1,
    "callsToday": 12,
    "lastError": None,
    "updatedAt": "2026-11-24T16:58:02Z",
}


def transition(second: float, status: str, reason: str | None = None, attempt: int = 1) -> Json:
    """A change `second` seconds after noon."""
    at = f"2026-11-24T12:00:{second:06.3f}Z"
    return {"at": at, "status": status, "actor": "api-key", "reason": reason, "attempt": attempt}


def deployment(*transitions: Json, **more: Any) -> Json:
    """A deployment to which this happened."""
    last = transitions[-1] if transitions else {"status": "validating", "reason": None}
    return {
        "id": "279aa641-2b0d-4215-801d-662f732595c4",
        "agentId": AGENT["id"],
        "version": 3,
        "status": last["status"],
        "reason": last["reason"],
        "replicas": 2,
        "actor": "api-key",
        "createdAt": "2026-11-24T12:00:00Z",
        "attempt": 1,
        "workflowId": f"agent-{AGENT['id']}",
        "workflowUrl": f"http://temporal.example/namespaces/default/workflows/agent-{AGENT['id']}",
        "transitions": list(transitions),
        **more,
    }


def problem(status: int, detail: str, *fields: tuple[str, str]) -> httpx.Response:
    """Problem details, as the API sends them."""
    errors = [{"pointer": pointer, "detail": text} for pointer, text in fields]
    content = {"type": "about:blank", "title": "No", "status": status, "detail": detail, "errors": errors}
    return httpx.Response(status, json=content, headers={"Content-Type": "application/problem+json"})


def ok(content: object, status: int = 200) -> httpx.Response:
    """What was asked for."""
    return httpx.Response(status, json=content)


@dataclass
class FakeApi:
    """Answers from memory; the last answer of a route repeats."""

    routes: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[httpx.Request] = field(default_factory=list)

    def on(self, route: str, *answers: Answer) -> None:
        """`on("GET /api/agents", …)`."""
        self.routes[route] = list(answers)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answers = self.routes.get(f"{request.method} {request.url.path}")
        if answers is None:
            return problem(404, "There is nothing at this address.")
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else answer(request)

    def bodies(self, method: str = "POST") -> list[Json]:
        """What was sent."""
        return [json.loads(each.content) for each in self.asked if each.method == method]


Bionic = Callable[..., Ended]


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def bionic(
    api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Bionic]:
    """Runs a command in an empty folder, with a key, and nothing else in the environment that matters."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BIONIC_API_URL", raising=False)
    monkeypatch.setenv("BIONIC_API_KEY", KEY)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(watching, "_FIRST_PAUSE", 0.0)

    def command(*arguments: str) -> Ended:
        capsys.readouterr()
        code = run(arguments, httpx.MockTransport(api))
        captured = capsys.readouterr()
        return Ended(int(code), captured.out, captured.err)

    yield command
    monkeypatch.undo()
    time.tzset()
