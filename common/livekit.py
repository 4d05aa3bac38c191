"""What it takes to reach one LiveKit server."""

from __future__ import annotations

from dataclasses import dataclass, field

TYPED_METHOD = "bionic.typed"
"""Of an agent in a call (LiveKit RPC): hears what was typed for its caller through the API."""


@dataclass(frozen=True)
class LiveKitCredentials:
    """One LiveKit server and a key pair for it.

    Attributes:
        url: `ws(s)://` or `http(s)://` address, as browsers reach it.
        internal_url: the same server as our own services reach it, where that differs.
        source: where the three came from: ``agent``, ``settings`` or ``environment``.
    """

    url: str
    api_key: str
    api_secret: str = field(repr=False)
    source: str = "environment"
    internal_url: str | None = None

    @property
    def service_url(self) -> str:
        """The address for our own services."""
        return self.internal_url or self.url

    @property
    def http_url(self) -> str:
        """The address of the server's HTTP API."""
        return (
            self.service_url.replace("ws", "http", 1)
            if self.service_url.startswith("ws")
            else self.service_url
        )
