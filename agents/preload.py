"""Imported once in the forkserver: every job process inherits it copy-on-write and starts at once.

What a process would make anew for itself, and never changes, is made here as well.
"""

from __future__ import annotations

import asyncpg  # noqa: F401
import sqlalchemy.dialects.postgresql.asyncpg  # noqa: F401
from livekit.agents.utils import http_context
from sqlalchemy.orm import configure_mappers

import agents.call
import agents.providers.preload  # noqa: F401
from agents.trust import have_roots

have_roots()
# It parses every root certificate there is, and livekit-agents needs it in each job, if only to close it.
http_context._create_ssl_context()  # noqa: SLF001
configure_mappers()
