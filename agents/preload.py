"""Imported once in the forkserver: every job process inherits it copy-on-write and starts at once."""

from __future__ import annotations

import asyncpg  # noqa: F401
import sqlalchemy.dialects.postgresql.asyncpg  # noqa: F401

import agents.call
import agents.providers.preload  # noqa: F401
from agents.trust import have_roots

have_roots()
