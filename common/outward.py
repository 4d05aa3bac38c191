"""Requests to addresses that somebody entered: never to this machine or its network, and never without end.

Whoever may enter a URL would else have this platform ask the cloud's metadata service, a database's web page
or a router, which believe everybody who reaches them. So each address is looked at where the connection to it
is made, after its name was resolved: a name may lead anywhere, and elsewhere a moment later.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from common.lookups import Lookups

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 15.0
BODY_SECONDS = 2.0
"""For what is said after the status."""
MOST_BODY = 16_384
"""Bytes of an answer that are read; beyond it the connection is closed."""
AT_ONCE = 256

NOT_PUBLIC = "leads to an address that is not public, which BIONIC_WEBHOOK_ALLOW_PRIVATE does not name"

_NAT64 = ip_network("64:ff9b::/96")
_UNICAST = ip_network("2000::/3")
"""Of IPv6, all that is routed to somebody. Loopback, private, link-local, multicast and IPv4 in disguise lie
outside."""
_CLOSED = tuple(
    ip_network(each)
    for each in (
        "192.0.0.0/24",  # protocols' own, and the metadata of one cloud
        "192.88.99.0/24",  # 6to4 relays
        "168.63.129.16/32",  # the metadata of another cloud, at a public address
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "3fff::/20",  # documentation
    )
)
"""Not global, whatever Python's table of this version says."""


class OutwardFailed(Exception):
    """There was no answer; the text says why, and names neither the URL nor an address."""


class AddressRefused(OSError):
    """An address that we don't connect to."""


@dataclass(frozen=True)
class Guard:
    """Which addresses may be reached."""

    allowed: tuple[IPNetwork, ...] = ()
    """Private networks that may be reached all the same."""

    def permits(self, address: str) -> bool:
        """Whether this IP address may be reached."""
        try:
            found = _plain(ip_address(address))
        except ValueError:
            return False
        return is_public(found) or any(found in network for network in self.allowed)

    def permits_url(self, url: str) -> bool:
        """False where the URL itself says an address that may not be reached. What a name leads to is seen
        when it is connected to."""
        host = urlsplit(url).hostname or ""
        try:
            ip_address(host)
        except ValueError:
            return host != "localhost" or self.permits("127.0.0.1")
        return self.permits(host)

    def socket(self, info: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
        """A socket for an address that is about to be connected to.

        Raises:
            AddressRefused: it may not be reached.
        """
        family, kind, protocol, _, address = info
        if not self.permits(str(address[0])):
            raise AddressRefused(NOT_PUBLIC)
        return socket.socket(family, kind, protocol)


def is_public(address: IPAddress) -> bool:
    """Whether an address is somebody's on the internet."""
    address = _plain(address)
    if isinstance(address, IPv6Address) and address not in _UNICAST:
        return False
    if address.is_multicast or address.is_reserved or not address.is_global:
        return False
    return not any(address in network for network in _CLOSED)


def _plain(address: IPAddress) -> IPAddress:
    """The address that is meant: IPv4 within IPv6 is taken out."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


@dataclass(frozen=True)
class Answered:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    """How it begins."""


@dataclass(frozen=True)
class Outward:
    """Sends requests; no redirect is followed, no cookie kept, no proxy of the environment asked."""

    http: aiohttp.ClientSession = field(repr=False)
    seconds: float = TOTAL_SECONDS

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answered:
        """Send `body` to `url`.

        Raises:
            OutwardFailed: there was no answer.
        """
        try:
            async with self.http.post(url, data=body, headers=headers, allow_redirects=False) as response:
                head = await _beginning(response)
                return Answered(response.status, response.headers, head)
        except TimeoutError:
            raise OutwardFailed(f"no answer within {self.seconds:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise OutwardFailed(_words(error)) from None


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    """How the body begins. The status has said all that matters: what breaks afterwards is no failure."""
    body = b""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while len(body) < MOST_BODY:
                piece = await response.content.read(MOST_BODY - len(body))
                if not piece:
                    return body
                body += piece
    except (TimeoutError, aiohttp.ClientError, OSError):
        pass
    response.close()
    return body


@asynccontextmanager
async def outward(guard: Guard, seconds: float = TOTAL_SECONDS) -> AsyncIterator[Outward]:
    """What sends requests, for as long as the block lasts."""
    connector = aiohttp.TCPConnector(
        limit=AT_ONCE, resolver=_Resolver(), socket_factory=guard.socket, ttl_dns_cache=10
    )
    async with aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=CONNECT_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # a small answer can't become a large one
        trust_env=False,
        headers={"User-Agent": f"bionic-agents/{version('bionic-agents')}", "Accept-Encoding": "identity"},
    ) as http:
        yield Outward(http, seconds)


class _Resolver(AbstractResolver):
    """Names' addresses, by the system's own resolver."""

    def __init__(self) -> None:
        self._lookups = Lookups()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of `host`.

        Raises:
            OSError: it has none.
        """
        found = await self._lookups.addresses(host, port, family)
        numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(hostname=host, host=ip, port=port, family=kind, proto=protocol, flags=numeric)
            for kind, protocol, ip in found
        ]

    async def close(self) -> None:
        """Nothing is kept."""


def _words(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "its name can't be resolved"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError | ssl.SSLError):
        return f"TLS failed: {_cause(error)}"
    if isinstance(error, aiohttp.ClientConnectorError):
        return _cause(error)
    if isinstance(error, aiohttp.InvalidURL | ValueError):
        return "the URL is not valid"
    if isinstance(error, aiohttp.ServerDisconnectedError | OSError):
        return "the connection broke before there was an answer"
    return "what answered does not speak HTTP as it should"


def _cause(error: Exception) -> str:
    cause: object = error
    if isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
    elif isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return cause.verify_message
    if isinstance(cause, ssl.SSLError):
        return (cause.reason or "the handshake broke").lower().replace("_", " ")
    if isinstance(cause, OSError) and cause.errno:
        return os.strerror(cause.errno).lower()
    return str(cause)
