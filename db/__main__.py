"""`python -m db upgrade`: apply the migrations."""

from __future__ import annotations

import argparse

from common.settings import get_settings
from db.migrate import upgrade


def main() -> None:
    """Parse the command line and migrate."""
    parser = argparse.ArgumentParser(prog="python -m db", description="The database's schema.")
    parser.add_argument("command", choices=["upgrade"], help="bring the schema to the newest version")
    parser.parse_args()
    upgrade(get_settings().database_url)


if __name__ == "__main__":
    main()
