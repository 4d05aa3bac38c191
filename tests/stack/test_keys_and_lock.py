"""The secrets' files and the lock of a state folder."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from stack.config import StackConfig, StackError
from stack.keys import load_keys
from stack.lock import StateLock

pytestmark = pytest.mark.unit


def test_keys_are_made_once_and_private(tmp_path: Path) -> None:
    config = StackConfig(state_dir=tmp_path)
    keys = load_keys(config)
    assert len(base64.b64decode(keys.master)) == 32
    assert keys.api.startswith("bk_")
    for name in ("master-key", "api-key"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert load_keys(config) == keys


def test_keys_of_the_user_win_and_are_not_written(tmp_path: Path) -> None:
    keys = load_keys(StackConfig(state_dir=tmp_path, env={"BIONIC_MASTER_KEY": "m", "BIONIC_API_KEY": "a"}))
    assert (keys.master, keys.api) == ("m", "a")
    assert list(tmp_path.iterdir()) == []


def test_keys_hide_themselves(tmp_path: Path) -> None:
    keys = load_keys(StackConfig(state_dir=tmp_path))
    assert keys.master not in repr(keys)
    assert keys.api not in repr(keys)


def test_lock_refuses_twice_and_names_the_pid(tmp_path: Path) -> None:
    first, second = StateLock(tmp_path), StateLock(tmp_path)
    first.acquire()
    with pytest.raises(StackError, match=rf"pid {os.getpid()}\b"):
        second.acquire()
    first.release()
    second.acquire()
    second.release()
