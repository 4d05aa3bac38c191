"""Imported once by the forkserver, so that every job process is born with the models and pays for none.

Starts no thread and no event loop, for those would not survive the fork (NumPy's BLAS has one, and its
own way through a fork). Never raises, for then no call could be taken: a provider that failed to load is
loaded, and fails by name, in the job that wants it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

logger = logging.getLogger(__name__)


def _imports() -> None:
    import livekit.agents.voice  # noqa: F401, PLC0415

    import agents.providers.registry  # noqa: F401, PLC0415


def _voice() -> None:
    from agents.providers.offline.espeak import espeak  # noqa: PLC0415

    espeak().speak("hello", voice="en", rate=175, pitch=50, on_audio=lambda _audio: True)


def _voice_activity() -> None:
    import livekit.local_inference as local  # noqa: PLC0415

    local.init_vad()


def _recogniser() -> None:
    from agents.providers.offline.recogniser import POOL  # noqa: PLC0415

    POOL.warm(dictation=False)
    POOL.warm(dictation=True)


def preload() -> None:
    """Load what every job needs: 5 s on two busy cores, most of it imports; 270 MB that the jobs share."""
    steps: tuple[Callable[[], None], ...] = (_imports, _voice, _voice_activity, _recogniser)
    for step in steps:
        try:
            step()
        except Exception:  # the forkserver must come up whatever is broken
            logger.exception("preloading %s failed", step.__name__.strip("_"))


preload()
