"""Makes users, rights, topics and indexes once broker and database answer, and ends.

    python -m deploy.containers.settle

Its container shares the database's network, because a new MongoDB lets only its own machine make
the first user, and only once. A repeated run corrects what differs and leaves the rest; it also sets
new passwords (`rotate`).

Where the operator gave a login at a Kafka or MongoDB of his own, users and rights are made there,
as far as that login may, and each service gets its login.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Final

from confluent_kafka import KafkaException
from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from deploy.broker import Broker
from deploy.containers.deal import INNER_MONGO, MONGO_PORT, Places
from deploy.embedded import credentials, external
from deploy.embedded.broker_rights import connect, make_topics, upsert_users, wait_until_answering
from deploy.embedded.database_rights import apply_rights
from deploy.embedded.errors import StackProblem
from deploy.embedded.paths import Home, write_private
from deploy.kafka_settings import BROKER

__all__ = ["main", "settle_kafka", "settle_mongo"]

REPLICA_SET: Final = "rs0"
READY_SECONDS: Final = 120.0
_NOT_YET_A_SET: Final = frozenset({94, 13})
_LOCAL: Final = f"127.0.0.1:{MONGO_PORT}"

Client = MongoClient[dict[str, Any]]


def settle_mongo(home: Home, seconds: float = READY_SECONDS) -> None:
    """Make the replica set and its administrator, once, then every service's user and rights.

    Raises StackProblem when the database does not answer in time or knows another administrator.
    """
    password = credentials.mongo_password(home, "admin")
    until = time.monotonic() + seconds
    while True:
        try:
            if _is_ours(home, password):
                break
        except PyMongoError as problem:
            if time.monotonic() > until:
                raise StackProblem("MongoDB does not answer or does not take writes.") from problem
        if time.monotonic() > until:
            raise StackProblem("MongoDB does not take writes, or not from this administrator.")
        time.sleep(0.5)
    # not by its name: this container may have an outdated address for it
    local = f"mongodb://admin:{password}@{_LOCAL}/?directConnection=true&authSource=admin"
    apply_rights(home, local, inspector=False, at=_LOCAL)
    credentials.mongo_file(home, "admin").with_suffix(".uri.before").unlink(missing_ok=True)


def _is_ours(home: Home, password: str) -> bool:
    """Take one step towards a set that takes writes from our administrator; return whether it does."""
    with Client(_LOCAL, directConnection=True, serverSelectionTimeoutMS=2_000) as anyone:
        hello = anyone.admin.command("hello")
        if not hello.get("setName"):
            try:
                member = {"_id": 0, "host": f"{INNER_MONGO}:{MONGO_PORT}"}
                anyone.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [member]})
            except OperationFailure as refused:
                if refused.code not in _NOT_YET_A_SET:
                    raise
            return False
        if not hello.get("isWritablePrimary"):
            return False
        if _lets_in(password):
            return True
        before = credentials.mongo_file(home, "admin").with_suffix(".uri.before")
        if before.exists():
            _change_own_password(_password_in(before), password)
            return True
        anyone.admin.command(
            "createUser", "admin", pwd=password, roles=[{"role": "root", "db": "admin"}]
        )
        return True


def _lets_in(password: str) -> bool:
    with _as_admin(password) as client:
        try:
            client.admin.command("ping")
        except OperationFailure:
            return False
    return True


def _change_own_password(before: str, after: str) -> None:
    with _as_admin(before) as client:
        client.admin.command("updateUser", "admin", pwd=after)


def _as_admin(password: str) -> Client:
    return Client(
        _LOCAL,
        directConnection=True,
        username="admin",
        password=password,
        authSource="admin",
        serverSelectionTimeoutMS=5_000,
    )


def _password_in(uri_file: Path) -> str:
    return uri_file.read_text().split("://", 1)[1].split("@", 1)[0].split(":", 1)[1]


def settle_kafka(home: Home, seconds: float = READY_SECONDS) -> None:
    """Make or correct the users of services and broker, then topics and rights as declared.

    Raises StackProblem when the broker does not answer in time, KafkaException when it refuses.
    """
    admin = credentials.read_kafka_login(home, "admin")
    before = credentials.kafka_file(home, "admin").with_suffix(".json.before")
    if before.exists():
        old = json.loads(before.read_text())
        wait_until_answering(old, seconds)
        Broker(connect(old)).set_password("admin", admin["sasl.password"])
        before.unlink()
    wait_until_answering(admin, seconds)
    upsert_users(home, admin, credentials.SERVICES)
    Broker(connect(admin)).set_password(BROKER, credentials.controller_password(home))
    make_topics(admin, inspector=False)


def _settle_given(places: Places, kafka: Path, mongo: Path) -> None:
    """Use the stores of the operator's own, and give each service the login that was made there."""
    home = places.home
    if kafka.exists():
        login = json.loads(kafka.read_text())
        wait_until_answering(login, READY_SECONDS)
        external.use_kafka(home, login, _report)
    if mongo.exists():
        external.use_mongo(home, mongo.read_text().strip(), _report)
    for service in credentials.SERVICES:
        place = places.dealt / service
        for name, file in (
            ("kafka.json", credentials.kafka_file(home, service)),
            ("mongo.uri", credentials.mongo_file(home, service)),
        ):
            write_private(place / name, file.read_bytes())


def _report(sentence: str) -> None:
    sys.stdout.write(f"{sentence}\n")


def main() -> int:
    """Settle both; what cannot be is one sentence and exit code 1."""
    places = Places.read(os.environ)
    kafka, mongo = places.given / "kafka.json", places.given / "mongo.uri"
    try:
        if not mongo.exists():
            settle_mongo(places.home)
        if not kafka.exists():
            settle_kafka(places.home)
        if mongo.exists() or kafka.exists():
            _settle_given(places, kafka, mongo)
    except StackProblem as problem:
        _report(str(problem))
        return 1
    except (KafkaException, PyMongoError) as refused:
        _report(f"Users, rights or topics could not be made: {refused}")
        return 1
    _report("Users, rights, topics and indexes are as declared.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
