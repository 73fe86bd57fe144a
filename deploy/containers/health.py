"""Asks this container's service whether it is ready: exit code 0 if it is, else 1.

    python -m deploy.containers.health

The port is the one that the service was given; there is one service in a container.
"""

import http.client
import os
import sys

__all__ = ["main"]

SECONDS = 4.0


def main() -> int:
    """Ask `/health/ready` on the loopback interface."""
    ports = {int(value) for name, value in os.environ.items() if name.endswith("_PORT")}
    port = min(ports, default=8000)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET", "/health/ready")
        return 0 if connection.getresponse().status == http.HTTPStatus.OK else 1
    except OSError:
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
