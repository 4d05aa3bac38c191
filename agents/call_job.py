"""What a job process needs to know of its call."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from livekit.protocol.agent import Job
from pydantic import TypeAdapter

from agents.tracing import TraceTarget
from common.discretion import Discretion

_PARCEL = "bionic"


@dataclass(frozen=True)
class CallJob:
    """One version of an agent, as a job process needs it to hold a call.

    It is handed over with the job, through the pipe between a host and its own process, and goes nowhere
    else.
    """

    agent_id: UUID
    slug: str
    version: int
    config: dict[str, Any]
    secrets: dict[str, str] = field(repr=False)
    database_url: str = field(repr=False)
    traces: TraceTarget | None = None
    host: str = ""
    process: str = ""
    """Which process of which host holds the call."""
    spool: str = ""
    """The folder of that host in which recordings are made."""

    @property
    def discretion(self) -> Discretion:
        """What must not be told of the call."""
        known = [*self.secrets.values(), *([self.traces.secret_key] if self.traces else [])]
        return Discretion(*known)

    def put_into(self, job: Job) -> None:
        """Add this to the job's metadata: whichever process gets the job finds it there."""
        parcel = {_PARCEL: _ADAPTER.dump_python(self, mode="json"), "metadata": job.metadata}
        job.metadata = json.dumps(parcel)

    @classmethod
    def take_out_of(cls, job: Job) -> CallJob:
        """Undo `put_into`."""
        parcel = json.loads(job.metadata)
        job.metadata = parcel["metadata"]
        return _ADAPTER.validate_python(parcel[_PARCEL])


_ADAPTER = TypeAdapter(CallJob)
