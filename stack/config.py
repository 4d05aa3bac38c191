"""What a stack is made of: where its state lies, which ports it takes, which services it runs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
"""The checkout: the folder in which our own processes run."""


class Service(StrEnum):
    """The services, in the order in which they start; they stop in reverse."""

    POSTGRES = "postgres"
    TEMPORAL = "temporal"
    LIVEKIT = "livekit"
    MIGRATIONS = "migrations"
    API = "api"
    CONTROL = "control"
    RUNTIME = "runtime"


EXTERNAL = {
    Service.POSTGRES: "DATABASE_URL",
    Service.TEMPORAL: "TEMPORAL_ADDRESS",
    Service.LIVEKIT: "LIVEKIT_URL",
}
"""Where a variable says that someone else runs the service already."""

SETTING_PREFIXES = ("DATABASE_URL", "TEMPORAL_", "LIVEKIT_", "LANGFUSE_", "BIONIC_", "AGENT_RUNTIME_API_URL")
"""Variables that are settings of the product: a stack passes on its own, never by accident someone else's."""


class StackError(Exception):
    """The stack can't go on; the message says why and what cures it."""


@dataclass(frozen=True)
class Ports:
    """TCP ports on loopback. Postgres needs none: it listens on a unix socket."""

    api: int = 8080
    temporal: int = 7233
    temporal_ui: int = 8233
    livekit: int = 7880
    livekit_tcp: int = 7881

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Ports:
        """The usual ports, changed by the variables of `PORT_VARIABLES`. Raises `StackError` for nonsense."""
        chosen: dict[str, int] = {}
        for name, variable in PORT_VARIABLES.items():
            text = environment.get(variable, "")
            if not text:
                continue
            if not text.isdigit() or not 0 < int(text) < 65536:
                raise StackError(f"{variable}={text} is not a port. Give a number from 1 to 65535.")
            chosen[name] = int(text)
        return cls(**chosen)


PORT_VARIABLES = {
    "api": "BIONIC_API_PORT",
    "temporal": "BIONIC_TEMPORAL_PORT",
    "temporal_ui": "BIONIC_TEMPORAL_UI_PORT",
    "livekit": "BIONIC_LIVEKIT_PORT",
    "livekit_tcp": "BIONIC_LIVEKIT_TCP_PORT",
}


def is_setting(name: str) -> bool:
    """True for the name of a variable that configures the product."""
    return name.startswith(SETTING_PREFIXES)


@dataclass(frozen=True)
class StackConfig:
    """One stack. Two of them live side by side when their state folders and ports differ."""

    state_dir: Path = PROJECT / ".bionic"
    """Everything the stack keeps: data, logs, keys."""

    ports: Ports = field(default_factory=Ports)

    services: frozenset[Service] = frozenset(Service)
    """What to run; the dependencies among those present are kept, absent ones are taken as not needed."""

    env: Mapping[str, str] = field(default_factory=dict)
    """Variables for our own processes that win over the stack's. `DATABASE_URL`, `TEMPORAL_ADDRESS` or
    `LIVEKIT_URL` here means that the stack does not start that server."""

    verbose: bool = False
    """Show every line of every server, not only warnings."""

    start_seconds: float = 60.0
    """How long one service may take until it is healthy."""

    drain_seconds: float = 10.0
    """How long a runtime host may drain when it is stopped, before it is killed."""

    backoff_seconds: tuple[float, ...] = (0.2, 1.0, 2.0, 4.0, 8.0, 10.0)
    """Pauses before a crashed process is started again; the last one repeats."""

    steady_seconds: float = 30.0
    """A process that ran this long starts again with the first pause."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, **changes: object) -> StackConfig:
        """The stack of `make up`: the user's own variables win."""
        found = os.environ if environment is None else environment
        settings = {name: value for name, value in found.items() if value and is_setting(name)}
        known: dict[str, object] = {"ports": Ports.from_environment(found), "env": settings}
        return cls(**{**known, **changes})  # type: ignore[arg-type]  # the dataclass checks the names

    def runs(self, service: Service) -> bool:
        """True when this stack starts the service itself."""
        return service in self.services and EXTERNAL.get(service, "") not in self.env

    def taken_ports(self) -> dict[str, int]:
        """The ports that this stack will bind, by their name in `Ports`."""
        taken: dict[str, int] = {}
        if self.runs(Service.API):
            taken["api"] = self.ports.api
        if self.runs(Service.TEMPORAL):
            taken |= {"temporal": self.ports.temporal, "temporal_ui": self.ports.temporal_ui}
        if self.runs(Service.LIVEKIT):
            taken |= {"livekit": self.ports.livekit, "livekit_tcp": self.ports.livekit_tcp}
        return taken
