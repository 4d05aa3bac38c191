"""Whom TLS trusts on a machine without a trust store."""

from __future__ import annotations

from livekit.agents.utils import http_context


def have_roots() -> None:
    """Point this process, and those it forks or spawns, at the bundled roots where the system has none.

    LiveKit's Rust part finds no roots otherwise.
    """
    http_context._set_default_cert_env()  # noqa: SLF001
