"""The name of a host: the same after a restart, and no two processes of a machine have the same."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, count, islice
from pathlib import Path

from activities.lease import NameTaken


@contextmanager
def host_name(wanted: str | None, platform: str) -> Iterator[str]:
    """Hold a name during the block: `wanted`, or the machine's, with a number when another process has that.

    The system frees it with the process, however that ends: who has it next knows that the last one is dead.
    `platform` tells one platform on this machine from another: their hosts may have the same names.

    Raises:
        NameTaken: another process of this machine has the wanted name.
    """
    # Descriptors are not inherited: a job process that outlives its host does not keep its name.
    for name in possible_names(wanted, None):
        lock = os.open(_lock_file(platform, name), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        try:
            yield name
        finally:
            os.close(lock)
        return
    raise NameTaken(f"Another process of this machine is host {wanted}: set another BIONIC_HOST_NAME.")


def possible_names(wanted: str | None, most: int | None = 4) -> Iterator[str]:
    """The names that a host may get, likeliest first; without `most` there is no end to them."""
    if wanted:
        return iter([wanted])
    machine = socket.gethostname()
    return islice(chain([machine], (f"{machine}-{number}" for number in count(2))), most)


def _lock_file(platform: str, name: str) -> Path:
    digest = hashlib.sha256(platform.encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"bionic-agents-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    harmless = re.sub(r"[^\w.-]", "_", name)
    return folder / f"host-{digest}-{harmless}.lock"
