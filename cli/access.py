"""Which API is meant, and with which key."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path

import httpx
import typer

from cli.errors import KeyRefused

DEFAULT_URL = "http://127.0.0.1:8080"
KEY_FILE = Path(".bionic") / "api-key"
_GIVEN = "the one in --key or BIONIC_API_KEY"


@dataclass(frozen=True)
class Access:
    """An address and what opens it."""

    url: str
    key: str | None = field(repr=False)
    key_source: str
    """Where the key comes from, in words that follow “the API key is”."""

    @property
    def local(self) -> bool:
        """Whether the API is on this machine: no proxy leads there."""
        host = httpx.URL(self.url).host
        if host == "localhost":
            return True
        try:
            return ip_address(host).is_loopback
        except ValueError:
            return False


def find_access(url: str | None, key: str | None, folder: Path) -> Access:
    """What was given, else the usual address and the key of the stack in `folder` or one of its parents.

    Raises:
        typer.BadParameter: the address is none.
        KeyRefused: the key can't be one, or its file can't be read.
    """
    address = _checked_url(url or DEFAULT_URL)
    if key is not None and key.strip():
        return Access(address, _checked_key(key, _GIVEN), _GIVEN)
    path = next((each / KEY_FILE for each in (folder, *folder.parents) if (each / KEY_FILE).is_file()), None)
    if path is None:
        return Access(address, None, "missing")
    try:
        content = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        message = f"The API key in {path} can't be read: {error.strerror}. Give one with BIONIC_API_KEY."
        raise KeyRefused(message) from error
    return Access(address, _checked_key(content, f"the one in {path}"), f"the one in {path}")


def _checked_url(text: str) -> str:
    try:
        url = httpx.URL(text.strip())
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in {"http", "https"} or not url.host or url.userinfo:
        raise typer.BadParameter(
            f"“{text}” is no address of an API. It looks like {DEFAULT_URL}.",
            param_hint="--api or BIONIC_API_URL",
        )
    return str(url).rstrip("/")


def _checked_key(text: str, source: str) -> str:
    key = text.strip()
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise KeyRefused(
            f"The API key is {source}, and that is no key: keys are one word of plain characters."
        )
    return key
