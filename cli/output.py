"""Where words go: people's to the terminal, scripts' documents to standard output, never both there."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console
from rich.text import Text

from cli.errors import CliError
from cli.table import note, write
from cli.words import plain


class Output:
    """With `as_json`, standard output carries JSON alone and everything human goes to standard error."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self.errors = Console(file=sys.stderr, highlight=False)
        """Where trouble is told, whatever happens to standard output."""
        # One console for each stream: a line that changes in place makes room for what its console prints.
        self.people = self.errors if as_json else Console(file=sys.stdout, highlight=False)
        """Where people read."""

    def say(self, text: Text | str) -> None:
        """One line for people."""
        write(self.people, text)

    def document(self, value: Any) -> None:
        """The one JSON document."""
        self._write(json.dumps(value, indent=2, ensure_ascii=False))

    def line(self, value: Any) -> None:
        """One of many JSON documents: a line each."""
        self._write(json.dumps(value, ensure_ascii=False))

    def _write(self, text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def error(self, error: CliError) -> None:
        """What went wrong, one line for each field."""
        note(self.errors, error.message, indent=0, style="red")
        for pointer, detail in error.fields:
            write(self.errors, Text.assemble("  ", (plain(pointer), "bold"), f"  {plain(detail)}"))
        if self.as_json:
            self.document(error.document())

    def usage(self, message: str, command: str) -> None:
        """How the command line was wrong."""
        note(self.errors, message, indent=0, style="red")
        write(self.errors, f"See `{command} --help`.")
