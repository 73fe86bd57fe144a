"""Replaces the container of a store that runs elsewhere, so that the order of the start is kept.

    python -m deploy.containers.elsewhere kafka|mongo        waits until SIGTERM
    python -m deploy.containers.elsewhere ask kafka|mongo    0 when that store takes our login

The login is the one that the operator gave, as `deal` copied it into the vault.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.containers.deal import Places
from deploy.embedded.broker_rights import connect

__all__ = ["main"]

SECONDS = 5.0


def _asks(store: str, given: Path) -> bool:
    """Whether the store takes our login."""
    try:
        if store == "kafka":
            login = json.loads((given / "kafka.json").read_text())
            return bool(connect(login).list_topics(timeout=SECONDS).brokers)
        uri = (given / "mongo.uri").read_text().strip()
        with MongoClient[dict[str, Any]](
            uri, serverSelectionTimeoutMS=int(SECONDS * 1000)
        ) as client:
            return bool(client.admin.command("hello").get("isWritablePrimary"))
    except (OSError, ValueError, KafkaException, PyMongoError):
        return False


def main(arguments: list[str]) -> int:
    """Ask, or wait; wrong use is one sentence and exit code 2."""
    match arguments:
        case ["ask", "kafka" | "mongo" as store]:
            return 0 if _asks(store, Places.read(os.environ).given) else 1
        case ["kafka" | "mongo"]:
            signal.sigwait({signal.SIGTERM, signal.SIGINT})
            return 0
    sys.stderr.write("Use: [ask] kafka|mongo\n")
    return 2


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    sys.exit(main(sys.argv[1:]))
