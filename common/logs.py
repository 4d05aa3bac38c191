"""Log lines: time, level, logger, message, and the extras as `key=value`; secrets are blotted out."""

from __future__ import annotations

import copy
import logging
from collections.abc import Collection
from enum import StrEnum

from common.discretion import DISCRETION

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_QUIET = dict.fromkeys(("livekit", "livekit.agents", "httpx", "httpx2"), logging.WARNING)


_NOISE = "Attempted to drop unknown FFI handle"
"""LiveKit's client warns of it when a call ends well."""


def is_news(record: logging.LogRecord) -> bool:
    """A filter for handlers: what is said at the end of every call, and means nothing, is not passed on."""
    return not (isinstance(record.msg, str) and _NOISE in record.msg)


class LogLevel(StrEnum):
    """How much a line matters, in words; each word stands for its own number and all up to the next."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @property
    def number(self) -> int:
        """The least number of that level, as `logging` has it."""
        return logging.getLevelNamesMapping()[self.name]

    @classmethod
    def of(cls, number: int) -> LogLevel:
        """The word for a number."""
        return max((level for level in cls if level.number <= number), key=_number, default=cls.DEBUG)


def _number(level: LogLevel) -> int:
    return level.number


class KeyValueFormatter(logging.Formatter):
    """Appends what was given as `extra`, but for the names in `without`."""

    def __init__(self, fmt: str, datefmt: str | None = None, *, without: Collection[str] = ()) -> None:
        super().__init__(fmt, datefmt)
        self._left_out = _STANDARD | frozenset(without)

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the traceback where there is one."""
        return DISCRETION.blot(self._format(record))

    def _format(self, record: logging.LogRecord) -> str:
        extras = {k: v for k, v in vars(record).items() if k not in self._left_out and not k.startswith("_")}
        if record.exc_text and not record.exc_info and record.exc_text in record.getMessage():
            # It comes from a job process, which has put its traceback into the message already.
            record = copy.copy(record)
            record.exc_text = None
        line = super().format(record)
        if not extras:
            return line
        head, separator, rest = line.partition("\n")
        return head + "".join(f" {key}={value}" for key, value in extras.items()) + separator + rest


def set_up_logs(level: int = logging.INFO) -> None:
    """Log to standard error; third parties only from warnings on."""
    handler = logging.StreamHandler()
    handler.addFilter(is_news)
    handler.setFormatter(KeyValueFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, quiet in _QUIET.items():
        logging.getLogger(name).setLevel(max(level, quiet))
