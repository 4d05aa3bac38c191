"""The services of a stack: what each is run with, what it waits for, when it is healthy."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from common.settings import DEV_LIVEKIT_API_KEY, DEV_LIVEKIT_API_SECRET
from stack.config import PROJECT, Service, StackConfig, is_setting
from stack.health import http_answers, http_ok
from stack.keys import Keys, write_private
from stack.postgres import EmbeddedPostgres
from stack.service import ServiceSpec
from stack.temporal import temporal_serves, worker_polls
from workers.runtime.name import possible_names
from workflows.policy import CONTROL_QUEUE, RUNTIME_QUEUE, host_queue

LOOPBACK = "127.0.0.1"
SEARCH_ATTRIBUTES = {
    "AgentSlug": "Keyword",
    "AgentVersion": "Int",
    "AgentStatus": "Keyword",
    "DeploymentId": "Keyword",
    "LiveKitUrl": "Keyword",
}
"""Custom search attributes that our workflows set."""

_MEDIA_PORTS = (50000, 50999)
"""UDP, on loopback. LiveKit takes another one of the range when one is in use."""


@dataclass(frozen=True)
class Binaries:
    """Paths of the two servers; empty when the stack does not run them."""

    temporal: str = ""
    livekit: str = ""


@dataclass(frozen=True)
class Addresses:
    """Where the parts of a stack are reached, be they ours or someone else's."""

    database_url: str
    temporal_address: str
    temporal_namespace: str
    temporal_ui_url: str
    livekit_url: str
    livekit_api_key: str
    livekit_api_secret: str
    api_url: str

    @classmethod
    def of(cls, config: StackConfig) -> Addresses:
        """The user's own variables first, then what the stack runs."""
        env, ports = config.env, config.ports
        return cls(
            database_url=env.get("DATABASE_URL") or EmbeddedPostgres(config.state_dir).url(),
            temporal_address=env.get("TEMPORAL_ADDRESS") or f"{LOOPBACK}:{ports.temporal}",
            temporal_namespace=env.get("TEMPORAL_NAMESPACE") or "default",
            temporal_ui_url=env.get("TEMPORAL_UI_URL") or f"http://{LOOPBACK}:{ports.temporal_ui}",
            livekit_url=env.get("LIVEKIT_URL") or f"ws://{LOOPBACK}:{ports.livekit}",
            livekit_api_key=env.get("LIVEKIT_API_KEY") or DEV_LIVEKIT_API_KEY,
            livekit_api_secret=env.get("LIVEKIT_API_SECRET") or DEV_LIVEKIT_API_SECRET,
            api_url=f"http://{LOOPBACK}:{ports.api}",
        )


def service_specs(config: StackConfig, keys: Keys, binaries: Binaries) -> list[ServiceSpec]:
    """The services that this stack runs, in the order of `Service`."""
    postgres = EmbeddedPostgres(config.state_dir)
    at = Addresses.of(config)
    env = _environment(config, keys, at)
    plain = {name: value for name, value in os.environ.items() if not is_setting(name)}
    # The servers' heaps are small: collected less often, they cost a sixth less CPU under many deploys.
    go = {"GOGC": "400"} | plain

    async def create_database() -> None:
        if config.runs(Service.POSTGRES):
            await postgres.create_database()

    def ours(name: Service, module: str, *arguments: str, **more: object) -> ServiceSpec:
        command = (sys.executable, "-m", module, *arguments)
        return ServiceSpec(name, command, env, ours=True, start_seconds=config.start_seconds, **more)  # type: ignore[arg-type]

    async def livekit_serves(_: int) -> bool:
        return await http_ok(f"http://{LOOPBACK}:{config.ports.livekit}/")

    async def api_serves(_: int) -> bool:
        return await http_answers(f"{at.api_url}/health")

    def polls(*queues: str) -> Callable[[int], Awaitable[bool]]:
        return lambda pid: worker_polls(at.temporal_address, at.temporal_namespace, queues, pid)

    async def temporal_ready(_: int) -> bool:
        return await temporal_serves(at.temporal_address, at.temporal_namespace, tuple(SEARCH_ATTRIBUTES))

    migrated = frozenset({Service.MIGRATIONS, Service.TEMPORAL})
    specs = [
        ServiceSpec(
            Service.POSTGRES,
            postgres.command() if config.runs(Service.POSTGRES) else (),
            plain,
            prepare=postgres.prepare,
            ready=postgres.ready,
            user=postgres.user if config.runs(Service.POSTGRES) else None,
            stop_signal=signal.SIGINT,  # "fast": ends connections, writes everything, stops
            stop_seconds=10,
            start_seconds=config.start_seconds,
            cure=f"If its files are damaged, `rm -rf {postgres.data_dir}` starts anew and loses all agents.",
        ),
        ServiceSpec(
            Service.TEMPORAL,
            _temporal_command(config, at, binaries.temporal),
            go,
            ready=temporal_ready,
            stop_seconds=5,
            start_seconds=config.start_seconds,
            cure=f"If its file is damaged, `rm {config.state_dir / 'temporal.db'}*` starts anew.",
        ),
        ServiceSpec(
            Service.LIVEKIT,
            (binaries.livekit, "--config", str(_livekit_config_path(config))),
            go,
            prepare=lambda: _write_livekit_config(config, at),
            ready=livekit_serves,
            stop_seconds=3,
            repeat_stop_after=0.5,  # the first signal waits for rooms to empty, the second does not
            start_seconds=config.start_seconds,
        ),
        ours(
            Service.MIGRATIONS,
            "db",
            "upgrade",
            needs=frozenset({Service.POSTGRES}),
            prepare=create_database,
            one_shot=True,
        ),
        ours(Service.API, "api", needs=migrated, ready=api_serves),
        ours(Service.CONTROL, "workers.control", needs=migrated, ready=polls(CONTROL_QUEUE)),
        ours(
            Service.RUNTIME,
            "workers.runtime",
            needs=migrated | {Service.LIVEKIT},
            stop_seconds=config.drain_seconds,
            # A host that is cordoned asks for no agents, and listens at its own queue all the same.
            ready=polls(RUNTIME_QUEUE, *map(host_queue, possible_names(env.get("BIONIC_HOST_NAME")))),
        ),
    ]
    return [spec for spec in specs if config.runs(spec.name)]


def _environment(config: StackConfig, keys: Keys, at: Addresses) -> dict[str, str]:
    """Environment of our own processes: the user's, the stack's, and what the config adds."""
    inherited = {name: value for name, value in os.environ.items() if not is_setting(name)}
    if inherited.pop("PYTHONDONTWRITEBYTECODE", None):
        # Compiling every module at every start costs seconds. This keeps the folders of the code clean too.
        inherited.setdefault("PYTHONPYCACHEPREFIX", str(PROJECT / ".bionic" / "pycache"))
    return {
        **inherited,
        "PYTHONUNBUFFERED": "1",
        "DATABASE_URL": at.database_url,
        "TEMPORAL_ADDRESS": at.temporal_address,
        "TEMPORAL_UI_URL": at.temporal_ui_url,
        "LIVEKIT_URL": at.livekit_url,
        "LIVEKIT_API_KEY": at.livekit_api_key,
        "LIVEKIT_API_SECRET": at.livekit_api_secret,
        "AGENT_RUNTIME_API_URL": at.api_url,
        "BIONIC_MASTER_KEY": keys.master,
        "BIONIC_API_KEY": keys.api,
        # Whoever tries webhooks out has the receiver here; the servers beside it listen for no POST.
        "BIONIC_WEBHOOK_ALLOW_PRIVATE": "127.0.0.0/8,::1/128",
        "BIONIC_STORAGE": str(config.state_dir / "storage"),
        "BIONIC_SPOOL": str(config.state_dir / "spool"),
        **config.env,
        "BIONIC_API_PORT": str(config.ports.api),
    }


def _temporal_command(config: StackConfig, at: Addresses, binary: str) -> tuple[str, ...]:
    ports = config.ports
    attributes = [
        part for name, kind in SEARCH_ATTRIBUTES.items() for part in ("--search-attribute", f"{name}={kind}")
    ]
    return (
        *(
            binary,
            "server",
            "start-dev",
            "--ip",
            LOOPBACK,
            "--db-filename",
            str(config.state_dir / "temporal.db"),
        ),
        *("--port", str(ports.temporal), "--ui-port", str(ports.temporal_ui), "--log-level", "error"),
        *("--namespace", at.temporal_namespace),
        # With a write-ahead log 40 deploys at once took 6 s, not 30. It survives a crash of the process;
        # a power cut may cost the last moments, and what the API accepted then is handed over again.
        *("--sqlite-pragma", "journal_mode=WAL", "--sqlite-pragma", "synchronous=NORMAL"),
        # An activity of the worker that asked for it comes with the answer, without another round trip.
        *("--dynamic-config-value", "system.enableActivityEagerExecution=true"),
        # A host that is frozen would be given agents for another minute: its connections look well.
        *("--dynamic-config-value", 'frontend.keepAliveTime="4s"'),
        *("--dynamic-config-value", 'frontend.keepAliveTimeout="4s"'),
        # Else timers that are due within a second wait for its end: the next try of a lost agent is one.
        *("--dynamic-config-value", 'history.timerProcessorMaxTimeShift="100ms"'),
        *attributes,
    )


def _livekit_config_path(config: StackConfig) -> Path:
    return config.state_dir / "livekit.yaml"


async def _write_livekit_config(config: StackConfig, at: Addresses) -> None:
    """Everything on loopback: calls work on a machine without any network."""
    settings = {
        "port": config.ports.livekit,
        "bind_addresses": [LOOPBACK],
        "keys": {at.livekit_api_key: at.livekit_api_secret},
        "logging": {"level": "info"},
        "rtc": {
            "tcp_port": config.ports.livekit_tcp,
            "port_range_start": _MEDIA_PORTS[0],
            "port_range_end": _MEDIA_PORTS[1],
            "node_ip": LOOPBACK,
            "enable_loopback_candidate": True,
            "interfaces": {"includes": ["lo" if sys.platform == "linux" else "lo0"]},
        },
        "webhook": {"api_key": at.livekit_api_key, "urls": [f"{at.api_url}/api/webhooks/livekit"]},
    }
    # JSON is YAML, and quotes whatever a key may contain.
    write_private(_livekit_config_path(config), json.dumps(settings, indent=2) + "\n")
