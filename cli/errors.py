"""How a command ends when it does not end well.

CliError              message · exit code · what a script is told
├── Failed            the platform refused, or what was asked for did not come true
├── ApiAway           nobody answers, or somebody who is not the API
├── KeyRefused        no API key, or one that the API does not know
└── Interrupted       Ctrl-C before anything was known
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any


class ExitCode(IntEnum):
    """What a script can rely on."""

    OK = 0
    FAILED = 1
    USAGE = 2
    AWAY = 3
    INTERRUPTED = 130
    """Ctrl-C, as shells have it: 128 and the number of the signal."""


class CliError(Exception):
    """Something that a person reads as one message, with a line for each field that is wrong."""

    exit_code = ExitCode.FAILED

    def __init__(
        self, message: str, fields: Sequence[tuple[str, str]] = (), *, status: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.fields = tuple(fields)
        """JSON pointers and what is wrong there."""
        self.status = status
        """Of HTTP, where the API answered."""

    @property
    def passing(self) -> bool:
        """Whether the same question may be answered a moment later."""
        return self.status in {429, 500, 502, 503, 504}

    def document(self) -> dict[str, Any]:
        """The same for scripts."""
        errors = [{"pointer": pointer, "detail": detail} for pointer, detail in self.fields]
        content = {"detail": self.message, "status": self.status, "exitCode": int(self.exit_code)}
        return {"error": content | {"errors": errors}}


class Failed(CliError):
    """The platform refused, or what was asked for did not come true."""


class ApiAway(CliError):
    """Nobody answers at the address, or somebody who is not the API."""

    exit_code = ExitCode.AWAY

    @property
    def passing(self) -> bool:
        """It may be starting just now."""
        return True


class KeyRefused(CliError):
    """There is no API key, or the API does not know it."""

    exit_code = ExitCode.AWAY


class Interrupted(CliError):
    """Ctrl-C was pressed before it was known what became of the wish."""

    exit_code = ExitCode.INTERRUPTED
