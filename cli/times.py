"""Times for people: how long ago, how long it took."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SPAN = re.compile(r"(\d+)([smhd])")
_STEPS = ((60.0, 1.0, "s"), (3600.0, 60.0, "min"), (48 * 3600.0, 3600.0, "h"))


def parsed(text: object) -> datetime | None:
    """The moment that the API wrote; None where it wrote none."""
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def ago(at: datetime | None, now: datetime) -> str:
    """`12 s ago`, `3 min ago`, `5 days ago`. What lies ahead by a clock that differs is `just now`."""
    if at is None:
        return "—"
    seconds = (now - at).total_seconds()
    if seconds < 1:
        return "just now"
    for limit, size, unit in _STEPS:
        if seconds < limit:
            return f"{int(seconds / size)} {unit} ago"
    return f"{int(seconds / 86_400)} days ago"


def clock(at: datetime | None) -> str:
    """The time of day where the reader is."""
    return at.astimezone().strftime("%H:%M:%S") if at else "--:--:--"


def day(at: datetime) -> str:
    """The day where the reader is."""
    return at.astimezone().strftime("%Y-%m-%d")


def moment(at: datetime | None) -> str:
    """Day and time where the reader is."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else "—"


def lasted(seconds: float) -> str:
    """`40 ms`, `1.6 s`, `42 s`, `3:05 min`, `1:02:07 h`."""
    seconds = max(0.0, seconds)
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d} min"
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d} h"


def span(text: str) -> timedelta:
    """What `90s`, `15m`, `1h30m` or `2d` says.

    Raises:
        ValueError: it says nothing of the kind.
    """
    parts = _SPAN.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"“{text}” is no span of time. It looks like 90s, 15m, 1h30m or 2d.")
    seconds = sum(int(number) * _UNITS[unit] for number, unit in parts)
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        raise ValueError(f"“{text}” is longer than any log.") from None
