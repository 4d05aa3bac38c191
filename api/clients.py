"""The address of whoever is calling."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

from litestar import Request


@dataclass(frozen=True)
class Networks(Container[str]):
    """The addresses of some networks. What is no address is in none of them."""

    networks: tuple[IPv4Network | IPv6Network, ...]

    def __contains__(self, address: object) -> bool:
        try:
            found = ip_address(str(address))
        except ValueError:
            return False
        if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped  # how a socket for both families sees IPv4
        return any(found in network for network in self.networks)


def client_address(request: Request[Any, Any, Any], trusted_proxies: Container[str]) -> str:
    """The client's address.

    `X-Forwarded-For` is anybody's to write: it counts only as far as proxies that we trust vouch for it, from
    the right.
    """
    address = request.client.host if request.client else "unknown"
    hops = [hop.strip() for hop in request.headers.get("x-forwarded-for", "").split(",")]
    while address in trusted_proxies and hops and hops[-1]:
        address = hops.pop()
    return address
