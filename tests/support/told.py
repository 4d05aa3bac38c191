"""What the servers of a stack said while a test ran, for a failure that can't be repeated at will."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

MOST_LINES = 40
"""Of each server."""

MOST_CHARACTERS = 300
"""Of a line."""

OURS = ("api.log", "control.log", "runtime.log", "livekit.log")
"""The servers whose words tell what became of a call."""


@dataclass
class Told:
    """The logs of all stacks below `folder`, from the moment at which this was made."""

    folder: Path
    before: dict[Path, int] = field(init=False)

    def __post_init__(self) -> None:
        self.before = {path: path.stat().st_size for path in self._logs()}

    def _logs(self) -> list[Path]:
        # pytest links the newest folder of a name: its logs would be told twice.
        folders = [each for each in self.folder.iterdir() if not each.is_symlink()]
        return sorted(path for each in folders for path in each.glob("logs/*.log") if path.name in OURS)

    def since(self) -> list[tuple[str, str]]:
        """What was said since then, by log; the last lines of each."""
        return [(path.parts[-3] + "/" + path.name, said) for path in self._logs() if (said := self._of(path))]

    def _of(self, path: Path) -> str:
        begin = self.before.get(path, 0)
        with path.open("rb") as file:
            # A log that has grown too long was begun anew meanwhile.
            file.seek(begin if begin <= path.stat().st_size else 0)
            lines = file.read().decode(errors="replace").splitlines()
        return "\n".join(line[:MOST_CHARACTERS] for line in lines[-MOST_LINES:])
