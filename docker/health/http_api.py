"""Health of the API's container: exit code 0 when it answers at all.

503 says that a neighbour is away, which is no fault of the API.
"""

from __future__ import annotations

import http.client
import sys


def main() -> None:
    """Ask for `/health`."""
    connection = http.client.HTTPConnection("127.0.0.1", 8080, timeout=8)
    connection.request("GET", "/health")
    sys.exit(0 if connection.getresponse().status in {200, 503} else 1)


if __name__ == "__main__":
    main()
