"""The kernel leaves the memory of calls as it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

STATUS = "print(open('/proc/self/status').read())"


def _status(before: str) -> str:
    """What the kernel says of a program that another one starts."""
    script = (
        f"import subprocess, sys; {before}; subprocess.run([sys.executable, '-c', {STATUS!r}], check=True)"
    )
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(
    not Path("/proc/self/status").exists() or "THP_enabled" not in Path("/proc/self/status").read_text(),
    reason="this kernel does not say",
)
def test_what_a_host_starts_has_no_huge_pages() -> None:
    assert "THP_enabled:\t1" in _status("pass")
    assert "THP_enabled:\t0" in _status("from agents.warm import start_forkserver; start_forkserver()")
