"""Log lines: time, level, logger, message, and the extras as `key=value`; secrets are blotted out."""

from __future__ import annotations

import logging

from common.discretion import DISCRETION

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_QUIET = dict.fromkeys(("livekit", "livekit.agents", "httpx", "httpx2"), logging.WARNING)


class KeyValueFormatter(logging.Formatter):
    """Appends what was given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the traceback where there is one."""
        return DISCRETION.blot(self._format(record))

    def _format(self, record: logging.LogRecord) -> str:
        extras = {k: v for k, v in vars(record).items() if k not in _STANDARD and not k.startswith("_")}
        line = super().format(record)
        if not extras:
            return line
        head, separator, rest = line.partition("\n")
        return head + "".join(f" {key}={value}" for key, value in extras.items()) + separator + rest


def set_up_logs(level: int = logging.INFO) -> None:
    """Log to standard error; third parties only from warnings on."""
    handler = logging.StreamHandler()
    handler.setFormatter(KeyValueFormatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s", "%H:%M:%S"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, quiet in _QUIET.items():
        logging.getLogger(name).setLevel(max(level, quiet))
