"""Is Temporal ready for our workers? An open port is not enough: namespace and search attributes count."""

from __future__ import annotations

from datetime import timedelta

from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError

NAMESPACE = "default"
_TIMEOUT = timedelta(seconds=2)


async def temporal_serves(address: str, attributes: tuple[str, ...]) -> bool:
    """True when the server answers, has the namespace, and knows the search attributes."""
    try:
        client = await Client.connect(address, namespace=NAMESPACE)
        known = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=NAMESPACE), timeout=_TIMEOUT
        )
    except (RPCError, RuntimeError):  # RuntimeError: nobody listens yet
        return False
    return set(attributes) <= set(known.custom_attributes)
