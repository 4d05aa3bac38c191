"""What git knows of histories that are not in their folder any more, and that none is recorded over."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.workflows.earlier import NoGit, earlier
from tests.workflows.keeping import new_file

pytestmark = pytest.mark.unit

NOBODY = {
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@b",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@b",
}


def _git(folder: Path, *words: str) -> None:
    nobody = {**os.environ, **NOBODY, "GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, env=nobody)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of histories, in a repository."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    folder = tmp_path / "project" / "histories"
    folder.mkdir(parents=True)
    _git(folder.parent, "init", "--quiet")
    return folder


def _commit(folder: Path, **histories: str) -> None:
    for name, text in histories.items():
        (folder / f"{name}.json").write_text(text)
    _git(folder, "add", "--all", ".")
    _git(folder, "commit", "--quiet", "--message", "Recorded")


def _found(folder: Path) -> list[tuple[str, str]]:
    return [(each.name, each.text) for each in earlier(folder)]


def test_what_was_recorded_over_or_removed_is_found(folder: Path) -> None:
    _commit(folder, agent="1", host="10", gone="0")
    _commit(folder, agent="2")
    _commit(folder, agent="3")
    (folder / "gone.json").unlink()
    assert _found(folder) == [("agent.json", "2"), ("agent.json", "1"), ("gone.json", "0")]


def test_what_is_recorded_over_and_not_committed_yet_is_found(folder: Path) -> None:
    _commit(folder, agent="1")
    (folder / "agent.json").write_text("2")
    assert _found(folder) == [("agent.json", "1")]


def test_a_history_that_has_another_name_by_now_is_there(folder: Path) -> None:
    _commit(folder, agent="1")
    (folder / "agent.json").rename(folder / "agent-as-it-was.json")
    _commit(folder, agent="2")
    assert _found(folder) == []


def test_one_without_its_stack_traces_is_there(folder: Path) -> None:
    _commit(folder, agent='{"events": [{"failure": {"message": "No.", "stackTrace": "somewhere"}}]}')
    _commit(folder, agent='{"events": [{"failure": {"message": "No."}}]}')
    assert _found(folder) == []


def test_a_shallow_clone_knows_what_it_has(folder: Path, tmp_path: Path) -> None:
    _commit(folder, agent="1")
    _commit(folder, agent="2")
    _git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{folder.parent}", "clone")
    clone = tmp_path / "clone" / "histories"
    assert _found(clone) == []
    (clone / "agent.json").write_text("3")
    assert _found(clone) == [("agent.json", "2")]


def test_where_git_knows_nothing_it_is_said_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(NoGit):
        earlier(tmp_path)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NoGit, match="git is not installed"):
        earlier(tmp_path)


def test_a_new_recording_takes_a_name_of_its_own(tmp_path: Path) -> None:
    names = []
    for _ in range(3):
        path = new_file(tmp_path, "agent")
        path.touch()
        names.append(path.name)
    assert names == ["agent.json", "agent.2.json", "agent.3.json"]
