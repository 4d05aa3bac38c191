"""Prometheus metrics, and the access log."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest

from common.causes import Cause
from common.events import EventKind

_log = logging.getLogger("bionic.api.access")
_LOGIN_TOKEN = re.compile(r"^/login/.*", re.DOTALL)
_QUIET = frozenset({"/health", "/metrics"})
_STREAMS = frozenset({"/api/events"})
"""They last as long as somebody follows: no measure of how quick we are."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass(frozen=True)
class Gauges:
    """Figures that are read from Postgres when they are asked for."""

    agents: dict[str, int]
    active_calls: int
    repairs: dict[str, int]
    trouble: Mapping[tuple[str, Cause], int]
    """Calls whose agent was replaced, and those to which none came, by the event and its cause."""


@dataclass
class Metrics:
    """The metrics of one app."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self.requests = Histogram(
            "bionic_http_request_seconds",
            "Duration of HTTP requests in seconds.",
            ["method", "route", "status"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=self.registry,
        )
        self.agents = Gauge("bionic_agents", "Agents by status.", ["status"], registry=self.registry)
        self.calls = Gauge("bionic_active_calls", "Calls going on now.", registry=self.registry)

        # No counter: repairs are kept in Postgres, where old ones are forgotten, and counted there.
        self.repairs = Gauge(
            "bionic_repairs",
            "What the reconciler put right within the last 24 hours, by kind.",
            ["kind"],
            registry=self.registry,
        )

        self.trouble = Gauge(
            "bionic_calls_in_trouble",
            "How often an agent was replaced in a call, or none came to a caller, within the last 24 hours.",
            ["event", "cause"],
            registry=self.registry,
        )
        self.dropped = Gauge(
            "bionic_call_news_dropped",
            "What this process could not tell the workflows of calls since it began.",
            registry=self.registry,
        )

    def render(self, gauges: Gauges, news_dropped: int) -> bytes:
        """Everything in Prometheus' text format."""
        self.agents.clear()
        for status, count in gauges.agents.items():
            self.agents.labels(status).set(count)
        self.calls.set(gauges.active_calls)
        self.repairs.clear()
        for kind, count in gauges.repairs.items():
            self.repairs.labels(kind).set(count)
        for kind, cause in product((EventKind.CALL_RECOVERED, EventKind.CALL_UNANSWERED), Cause):
            self.trouble.labels(kind, cause).set(gauges.trouble.get((kind, cause), 0))
        self.dropped.set(news_dropped)
        return generate_latest(self.registry)


@dataclass(frozen=True)
class Observed:
    """The whole app, watched from outside: requests that find no route are seen as well."""

    app: ASGIApp
    metrics: Metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, then count and log it."""
        if scope["type"] != ScopeType.HTTP:
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watched)
        finally:
            seconds = time.perf_counter() - started
            # Labels must be few: routes and not paths, and no invented methods.
            route = str(scope.get("path_template") or "none")
            method = scope["method"] if scope["method"] in _METHODS else "other"
            if route not in _STREAMS:
                self.metrics.requests.labels(method, route, str(status)).observe(seconds)
            level = logging.DEBUG if scope["path"] in _QUIET else logging.INFO
            path = loggable(scope["path"])
            _log.log(level, "%s %s %d %.1f ms", method, path, status, seconds * 1000)


def loggable(path: str) -> str:
    """A path fit for a log: without the token of a login link, and in one line."""
    return _LOGIN_TOKEN.sub("/login/…", path).encode("unicode_escape").decode("ascii")
