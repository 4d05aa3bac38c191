"""The two secrets of a stack, made once and readable by their owner only."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from common.keys import make_api_key, make_master_key
from stack.config import StackConfig

MASTER_KEY_FILE = "master-key"
API_KEY_FILE = "api-key"


@dataclass(frozen=True)
class Keys:
    """`master` encrypts secrets and signs login links; `api` is what callers of the API send."""

    master: str = field(repr=False)
    api: str = field(repr=False)


def load_keys(config: StackConfig) -> Keys:
    """The keys of this stack: the user's own variables first, else the files, which are made when absent."""
    return Keys(
        master=config.env.get("BIONIC_MASTER_KEY")
        or _once(config.state_dir / MASTER_KEY_FILE, make_master_key),
        api=config.env.get("BIONIC_API_KEY") or _once(config.state_dir / API_KEY_FILE, make_api_key),
    )


def _once(path: Path, make: Callable[[], str]) -> str:
    if not path.exists():
        write_private(path, make() + "\n")
    return path.read_text().strip()


def write_private(path: Path, text: str) -> None:
    """Writes a file of mode 600 whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    temporary.unlink(missing_ok=True)
    # The mode is given at creation: there is no moment in which others could read it.
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    temporary.replace(path)
