"""Storage: a folder, and what speaks S3.

The S3 server is moto's, which answers as S3 does and keeps everything in memory. Our client is the real one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from common.errors import NotFound, Unavailable
from common.storage import Storage, StoragePlace

pytestmark = pytest.mark.unit

SECRET = "a-secret-that-is-never-told"


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """An S3 server's URL."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    client = boto3.client(
        "s3",
        endpoint_url=url,
        region_name="eu-central-1",
        aws_access_key_id="key",
        aws_secret_access_key=SECRET,
    )
    client.create_bucket(Bucket="calls", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    yield url
    server.stop()


def _folder(tmp_path: Path) -> StoragePlace:
    return StoragePlace((tmp_path / "with a space" / "storage").as_uri())


def _bucket(url: str) -> StoragePlace:
    return StoragePlace("s3://calls/some/prefix", url, "eu-central-1", "key", SECRET)


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> StoragePlace:
    """Both kinds."""
    if request.param == "folder":
        return _folder(tmp_path)
    return _bucket(request.getfixturevalue("s3"))


async def _read(storage: Storage, key: str, start: int, end: int) -> list[bytes]:
    return [chunk async for chunk in await storage.read(key, start, end)]


async def test_what_is_kept_is_read_in_parts_and_deleted(place: StoragePlace, tmp_path: Path) -> None:
    storage, key = Storage(place), "recordings/a/b/1.ogg"
    content = os.urandom(12_000_000)  # more than one part of an upload
    (tmp_path / "sound").write_bytes(content)
    await storage.put(key, tmp_path / "sound", "audio/ogg")
    chunks = await _read(storage, key, 0, len(content))
    assert b"".join(chunks) == content
    assert max(map(len, chunks)) < 3_000_000
    assert b"".join(await _read(storage, key, 100, 5000)) == content[100:5000]
    (tmp_path / "sound").write_bytes(b"another")
    await storage.put(key, tmp_path / "sound", "audio/ogg")
    assert b"".join(await _read(storage, key, 0, 7)) == b"another"
    await storage.delete(key)
    await storage.delete(key)
    with pytest.raises(NotFound):
        await storage.read(key, 0, 7)


def test_a_bucket_knows_what_it_holds(s3: str) -> None:
    assert SECRET not in repr(_bucket(s3))


async def test_a_server_that_is_away_is_told_without_secrets(tmp_path: Path) -> None:
    away = StoragePlace("s3://calls", "http://127.0.0.1:9", "eu-central-1", "key", SECRET)
    (tmp_path / "sound").write_bytes(b"sound")
    with pytest.raises(Unavailable) as caught:
        await Storage(away).put("key", tmp_path / "sound", "audio/ogg")
    assert SECRET not in str(caught.value)
