"""URLs in configs: the check that names the cure."""

from __future__ import annotations

from urllib.parse import urlsplit


def _checked(url: str, schemes: tuple[str, ...]) -> str:
    """``url`` if it is absolute and of one of ``schemes``, else ValueError. The text of the error never
    repeats it.
    """
    allowed = ", ".join(f"{scheme}://" for scheme in schemes)
    if any(ord(char) <= 32 or ord(char) == 127 for char in url):
        raise ValueError("must not contain spaces or control characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("is not a valid URL; check the host and the port") from None
    if parts.scheme not in schemes:
        raise ValueError(f"must start with {allowed}")
    if not parts.hostname or port == 0:
        raise ValueError(f"needs a host, as in {schemes[-1]}://host.example.com")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not contain a user name or password")
    return url


def http_url(url: str) -> str:
    """An http or https URL."""
    return _checked(url, ("http", "https"))


def livekit_url(url: str) -> str:
    """A LiveKit server's URL."""
    return _checked(url, ("http", "https", "ws", "wss"))


def bucket_url(url: str) -> str:
    """A bucket of S3-compatible storage, with or without a prefix."""
    if urlsplit(url).query or urlsplit(url).fragment:
        raise ValueError("must be a bucket and a prefix alone, as in s3://bucket/prefix")
    return _checked(url, ("s3",))
