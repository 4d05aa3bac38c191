"""What a stack takes from the environment, and what it hands on."""

from __future__ import annotations

from pathlib import Path

import pytest

from stack.config import Service, StackConfig, StackError
from stack.keys import Keys
from stack.services import Binaries, service_specs

pytestmark = pytest.mark.unit


def test_variables_of_the_user_replace_servers() -> None:
    config = StackConfig.from_environment(
        {"LIVEKIT_URL": "wss://example.test", "BIONIC_API_PORT": "9090", "HOME": "/"}
    )
    assert not config.runs(Service.LIVEKIT)
    assert config.runs(Service.TEMPORAL)
    assert config.ports.api == 9090
    assert "HOME" not in config.env


def test_an_empty_variable_counts_as_unset() -> None:
    assert StackConfig.from_environment({"DATABASE_URL": ""}).runs(Service.POSTGRES)


def test_nonsense_port_is_told() -> None:
    with pytest.raises(StackError, match="BIONIC_API_PORT=web"):
        StackConfig.from_environment({"BIONIC_API_PORT": "web"})


def test_our_processes_get_no_stray_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGFUSE_SECRET_KEY", "someone-else's")
    config = StackConfig(
        state_dir=tmp_path, services=frozenset({Service.API}), env={"LANGFUSE_HOST": "http://x"}
    )
    (spec,) = service_specs(config, Keys("master", "key"), Binaries())
    assert "LANGFUSE_SECRET_KEY" not in spec.env
    assert spec.env["LANGFUSE_HOST"] == "http://x"
    assert spec.env["BIONIC_MASTER_KEY"] == "master"
    assert "master" not in repr(spec)


def test_our_processes_keep_compiled_modules_where_nobody_minds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    config = StackConfig(state_dir=tmp_path, services=frozenset({Service.API}))
    (spec,) = service_specs(config, Keys("master", "key"), Binaries())
    assert "PYTHONDONTWRITEBYTECODE" not in spec.env
    assert "PYTHONPYCACHEPREFIX" in spec.env
