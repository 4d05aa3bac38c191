"""What handlers are given by name."""

from __future__ import annotations

from typing import Any, TypeAlias

from litestar import Request
from litestar.datastructures import State
from litestar.di import NamedDependency

from api.metrics import Metrics
from api.platform import Platform

ThePlatform: TypeAlias = NamedDependency[Platform]
"""Handlers call it `platform`."""

TheMetrics: TypeAlias = NamedDependency[Metrics]
"""Handlers call it `metrics`."""

TheActor: TypeAlias = NamedDependency[str]
"""Handlers call it `actor`: how the caller signed in, `api-key` or `console`."""


def provide_platform(state: State) -> Platform:
    """The platform that the app's lifespan made."""
    platform: Platform = state.platform
    return platform


def provide_actor(request: Request[Any, Any, Any]) -> str:
    """The actor that the guard noted."""
    return str(request.state.actor)
