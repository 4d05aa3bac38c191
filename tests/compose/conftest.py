"""What `docker compose` makes of docker-compose.yml."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml

from stack.config import PROJECT

KEYS = {"BIONIC_MASTER_KEY": "the-master-key", "BIONIC_API_KEY": "the-api-key"}
"""The two settings that have no default."""

Compose = Callable[[Mapping[str, str]], "subprocess.CompletedProcess[str]"]


def _works(command: list[str]) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


@pytest.fixture(scope="session")
def compose_command() -> list[str]:
    """`docker-compose`, or `docker compose` where that is the one installed."""
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    docker = shutil.which("docker")
    if docker and _works([docker, "compose", "version"]):
        return ["docker", "compose"]
    pytest.fail(
        "Neither `docker-compose` nor `docker compose` is here, so docker-compose.yml can't be checked. "
        "Install one, for example with: apt-get install docker-compose (no Docker engine is needed)."
    )


@pytest.fixture(scope="session")
def compose(compose_command: list[str], tmp_path_factory: pytest.TempPathFactory) -> Compose:
    """Run `config` with these variables only: neither this shell's nor those of somebody's `.env`."""
    no_settings = tmp_path_factory.mktemp("compose") / "empty.env"
    no_settings.touch()

    def run(variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        files = ["--env-file", str(no_settings), "--file", str(PROJECT / "docker-compose.yml")]
        own = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return subprocess.run(
            [*compose_command, *files, "config"],
            env={**own, **variables},
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


@pytest.fixture(scope="session")
def services(compose: Compose) -> dict[str, dict[str, Any]]:
    """The services of somebody who gives the two keys and nothing else."""
    done = compose(KEYS)
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, Any]] = yaml.safe_load(done.stdout)["services"]
    return found
