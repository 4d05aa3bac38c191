"""Whether a version on trial does worse than the one that it shall replace."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError
from temporalio import activity

from db.engine import Database
from db.repositories.trials import TrialFigures, TrialRepository
from workflows.canary_types import TrialInput, TrialResult

logger = logging.getLogger(__name__)

LOOK_SECONDS = 2.0

PATIENCE = timedelta(seconds=10)
"""A caller to whom no agent came within this time was left alone."""

LEAST_CALLS = 5
"""With fewer there is little to judge by: a step waits for them as long again as it should have lasted."""

FEW = 2
"""One failure may be an accident."""

WORSE_SHARE = 0.05
"""How much greater the share of failed calls may be: five in a hundred."""

ENOUGH_TURNS = 10
"""Answers on both sides before their latency is compared."""

WORSE_FACTOR, WORSE_SECONDS = 1.3, 0.2
"""The median latency may grow by so much, both together: a third of very little is noise."""


def breach(trial: TrialFigures, live: TrialFigures) -> str | None:
    """Why `trial` is worse than `live`; None when it is not, as far as can be told."""
    for what, bad, bad_live in (
        ("found no agent", trial.unanswered, live.unanswered),
        ("crashed", trial.crashed, live.crashed),
    ):
        share, share_live = bad / max(trial.calls, 1), bad_live / max(live.calls, 1)
        if bad >= FEW and share > share_live + WORSE_SHARE:
            return (
                f"{bad} of {trial.calls} calls {what} ({share:.0%}); "
                f"of the live version {bad_live} of {live.calls} ({share_live:.0%})."
            )
    if trial.latency is None or live.latency is None or min(trial.turns, live.turns) < ENOUGH_TURNS:
        return None
    if trial.latency > live.latency * WORSE_FACTOR + WORSE_SECONDS:
        return (
            f"Its answers take {trial.latency:.2f} s in the median of {trial.turns}; "
            f"those of the live version {live.latency:.2f} s."
        )
    return None


@dataclass(frozen=True)
class TrialActivities:
    """What the control worker does for canaries."""

    database: Database

    @activity.defn
    async def judge_canary(self, trial: TrialInput) -> TrialResult:
        """Watch a version on trial until its step is over, or until it is worse than the live one.

        The verdict waits for Postgres: a version that nobody could look at has not passed.
        """
        latest = trial.latest or trial.until
        while True:
            now = datetime.now(UTC)
            found = await self._look(trial)
            if found is not None and (found.breach or now >= latest):
                return found
            if found is not None and now >= trial.until and found.calls >= LEAST_CALLS:
                return found
            activity.heartbeat()
            left = (trial.until - datetime.now(UTC)).total_seconds()
            await asyncio.sleep(min(LOOK_SECONDS, left) if left > 0 else LOOK_SECONDS)

    async def _look(self, trial: TrialInput) -> TrialResult | None:
        """What there is to see; None while Postgres is away."""
        versions = (trial.version, trial.live_version)
        try:
            async with self.database.begin() as db_session:
                trials = TrialRepository(db_session)
                figures = await trials.of(UUID(trial.agent_id), versions, trial.since, PATIENCE)
        except (SQLAlchemyError, OSError) as error:
            logger.warning("a canary can't be judged now: %s", type(error).__name__)
            return None
        on_trial = figures[trial.version]
        return TrialResult(breach(on_trial, figures[trial.live_version]), on_trial.calls)
