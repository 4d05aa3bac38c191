"""Imported once in the forkserver: every job process inherits it copy-on-write and starts at once."""

from __future__ import annotations

import agents.call
import agents.providers.preload  # noqa: F401
