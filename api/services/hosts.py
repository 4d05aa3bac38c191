"""The runtime hosts, as they last said how they are, and what operators want of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func

from api.postgres import Postgres
from api.schemas.hosts import HostItem, HostPage
from common.errors import Conflict, NotFound
from common.status import Standing
from db.repositories.hosts import HostRepository, SeenHost


@dataclass(frozen=True)
class HostService:
    """Lists hosts and takes orders to them. Needs Postgres alone: hosts read there what is wanted of them."""

    postgres: Postgres

    async def list(self) -> HostPage:
        """Every host that was heard of lately, by name."""
        async with self.postgres.moment() as db_session:
            return HostPage(items=[HostItem.of(seen) for seen in await HostRepository(db_session).list()])

    async def order(self, name: str, standing: Standing, actor: str) -> HostItem:
        """Want `standing` of a host from now on; wanted already, nothing happens.

        Raises:
            NotFound: there is no such host.
            Conflict: its agents would have nowhere to go.
        """
        async with self.postgres.begin() as db_session:
            # Locked, all of them: of two orders at once, one sees what the other did.
            hosts = await HostRepository(db_session).list(lock=True)
            seen = next((each for each in hosts if each.host.name == name), None)
            if seen is None:
                raise NotFound(f"There is no host “{name}”. GET /api/hosts lists those there are.")
            others = _open_ones(hosts, but=seen)
            if seen.host.standing != standing:
                if standing is Standing.DRAINED and not others:
                    raise Conflict(
                        f"No other host takes agents, so those of “{name}” would have nowhere to go. "
                        "Start another host or uncordon one, then drain this one."
                    )
                seen.host.standing, seen.host.ordered_by = standing, actor
                seen.host.ordered_at = func.now()
                await db_session.flush()
                await db_session.refresh(seen.host)
            if seen.gone and standing is Standing.OPEN:
                # There is nothing left to remember it for.
                await db_session.delete(seen.host)
            return HostItem.of(seen, None if others or standing is Standing.OPEN else _NOBODY_ELSE)


_NOBODY_ELSE = "No other host takes agents: what is deployed now waits until one does."


def _open_ones(hosts: Sequence[SeenHost], *, but: SeenHost) -> list[SeenHost]:
    return [each for each in hosts if each is not but and HostItem.of(each).status == "up"]
