"""The runtime hosts, as they last said how they are."""

from __future__ import annotations

from dataclasses import dataclass

from api.postgres import Postgres
from api.schemas.hosts import HostItem, HostPage
from db.repositories.hosts import HostRepository


@dataclass(frozen=True)
class HostService:
    """Lists hosts."""

    postgres: Postgres

    async def list(self) -> HostPage:
        """Every host that was heard of in the last hour, by name."""
        async with self.postgres.begin() as db_session:
            return HostPage(items=[HostItem.of(seen) for seen in await HostRepository(db_session).list()])
