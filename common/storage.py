"""Where files are kept: a folder of this machine, or anything that speaks S3."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from common.errors import NotFound, Unavailable

if TYPE_CHECKING:
    from obstore.store import ObjectStore

CHUNK = 256 * 1024
"""Bytes that are held of a file that is read."""

SILENCE = "30s"
"""How long an S3 server may say nothing."""

LONGEST = "1h"
"""How long one answer may take in all: whoever listens to a recording may pause it."""


@dataclass(frozen=True)
class StoragePlace:
    """A folder (`file:///…`) or a bucket (`s3://bucket/prefix`), and how to get in."""

    url: str
    endpoint: str | None = None
    """An S3-compatible server; None: AWS."""
    region: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)

    def elsewhere(self, url: str) -> StoragePlace:
        """The place of a file that was kept when the settings were others."""
        return replace(self, url=url)


@dataclass(frozen=True)
class Storage:
    """Reads and writes files by key. The library behind it is loaded with the first one."""

    place: StoragePlace

    async def put(self, key: str, path: Path, content_type: str) -> None:
        """Keep a file; there is all of it under its key, or what was there before.

        Raises:
            Unavailable: it could not be kept.
        """
        import obstore  # noqa: PLC0415

        attributes = {"Content-Type": content_type} if self._remote else None
        try:
            await obstore.put_async(_store(self.place), key, path, attributes=attributes)
        except (obstore.exceptions.BaseError, OSError) as error:
            raise _unavailable(error) from None

    async def read(self, key: str, start: int, end: int) -> AsyncIterator[bytes]:
        """The bytes from `start` up to `end`, some at a time. The first are read before it is returned.

        Raises:
            NotFound: the file is not there.
            Unavailable: the storage does not answer.
        """
        import obstore  # noqa: PLC0415

        try:
            got = await obstore.get_async(_store(self.place), key, options={"range": (start, end)})
        except FileNotFoundError:
            raise NotFound("The file is not in its storage any more.") from None
        except (obstore.exceptions.BaseError, OSError) as error:
            raise _unavailable(error) from None
        return _chunks(got.stream(min_chunk_size=CHUNK))

    async def delete(self, key: str) -> None:
        """Keep a file no more; one that is not there is fine.

        Raises:
            Unavailable: the storage does not answer.
        """
        import obstore  # noqa: PLC0415

        try:
            await obstore.delete_async(_store(self.place), key)
        except FileNotFoundError:
            return
        except (obstore.exceptions.BaseError, OSError) as error:
            raise _unavailable(error) from None

    @property
    def _remote(self) -> bool:
        return not self.place.url.startswith("file:")


async def _chunks(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for chunk in stream:
        yield bytes(chunk)


@lru_cache(maxsize=16)
def _store(place: StoragePlace) -> ObjectStore:
    from obstore.store import LocalStore, S3Store  # noqa: PLC0415

    if place.url.startswith("file:"):
        folder = Path(unquote(urlsplit(place.url).path))
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return LocalStore(folder, automatic_cleanup=True)
    more = {
        "endpoint": place.endpoint,
        "region": place.region,
        "access_key_id": place.access_key_id,
        "secret_access_key": place.secret_access_key,
    }
    return S3Store.from_url(
        place.url,
        client_options={
            "allow_http": (place.endpoint or "").startswith("http://"),
            "connect_timeout": "5s",
            "read_timeout": SILENCE,
            "timeout": LONGEST,
        },
        retry_config={"max_retries": 3},
        **{name: value for name, value in more.items() if value},  # type: ignore[arg-type]
    )


def _unavailable(error: Exception) -> Unavailable:
    # What the library says has the request in it, and with it whatever a server made of its headers.
    return Unavailable(f"The storage of recordings did not do it: {type(error).__name__}.")
