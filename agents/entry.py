"""Where job processes begin. Light: the host refers to it, and boots the sooner for what it need not load."""

from __future__ import annotations

from livekit.agents import JobContext, JobProcess


def make_ready(process: JobProcess) -> None:
    """Runs in a fresh job process; the forkserver has loaded what this imports."""
    from agents import call  # noqa: PLC0415

    call.make_ready(process)


async def hold_call(ctx: JobContext) -> None:
    """Hold the call of a job that was assigned."""
    from agents import call  # noqa: PLC0415

    await call.hold_call(ctx)


async def end_call(ctx: JobContext) -> None:
    """The call's session is over."""
    from agents import call  # noqa: PLC0415

    await call.end_call(ctx)
