"""Kafka and MongoDB of one stack, its own or given by address, until services can use them."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy.embedded import (
    broker_rights,
    credentials,
    database_rights,
    external,
    kafka,
    mongo,
)
from deploy.embedded.errors import StackProblem
from deploy.embedded.paths import Home
from deploy.embedded.progress import ProgressListener
from deploy.embedded.supervision import Supervision


class Brokers:
    """The broker and database of `$SAMRAAD_KAFKA` and `$SAMRAAD_MONGO`, or else our own."""

    def __init__(self, home: Home, supervision: Supervision, progress: ProgressListener) -> None:
        self._home = home
        self._supervision = supervision
        self._progress = progress
        self._login = external.kafka_login()
        self._uri = external.mongo_uri()
        self._given_up = threading.Event()

    @property
    def own_kafka(self) -> bool:
        """Whether the stack brings its own Kafka."""
        return self._login is None

    @property
    def own_mongo(self) -> bool:
        """Whether the stack brings its own MongoDB."""
        return self._uri is None

    def addresses(self, ports: dict[str, int]) -> tuple[str, str]:
        """Give where Kafka and MongoDB are, without logins."""
        return (
            kafka.bootstrap(ports) if self._login is None else self._login["bootstrap.servers"],
            f"127.0.0.1:{ports['mongo']}" if self._uri is None else external.hosts(self._uri),
        )

    def prepare(self, ports: dict[str, int]) -> None:
        """Write settings and logins, and make the data directories, of what is ours."""
        with ThreadPoolExecutor() as pool:
            tasks = []
            if self.own_kafka:
                tasks.append(pool.submit(kafka.prepare, self._home, ports))
            if self.own_mongo:
                tasks.append(pool.submit(mongo.prepare, self._home, ports))
            for task in tasks:
                task.result()

    def settle(self, ports: dict[str, int]) -> None:
        """Wait until both answer; make users, topics, collections and rights as declared.

        Raises StackProblem when one does not start or cannot be used.
        """
        with ThreadPoolExecutor() as pool:
            tasks = [pool.submit(self._settle_kafka), pool.submit(self._settle_mongo, ports)]
            try:
                for task in tasks:
                    task.result()
            except BaseException:
                self._given_up.set()  # a thread that still waits for the other broker stops
                raise

    def _settle_kafka(self) -> None:
        if self._login is not None:
            broker_rights.wait_until_answering(self._login)
            external.use_kafka(self._home, self._login, self._progress.report)
            return
        admin = credentials.read_kafka_login(self._home, "admin")
        broker_rights.wait_until_answering(admin, look=self._require_life("kafka"))
        broker_rights.upsert_users(self._home, admin, (*credentials.SERVICES, "inspector"))
        broker_rights.make_topics(admin, inspector=True)
        credentials.keep_inspector_password(self._home)

    def _settle_mongo(self, ports: dict[str, int]) -> None:
        if self._uri is not None:
            external.use_mongo(self._home, self._uri, self._progress.report)
            return
        mongo.wait_until_writable(self._home, ports, look=self._require_life("mongo"))
        admin = credentials.read_mongo_uri(self._home, "admin")
        database_rights.apply_rights(self._home, admin, inspector=True)

    def _require_life(self, name: str) -> Callable[[], None]:
        """Give a check that raises StackProblem once this process has died since now."""
        log = self._home.logs / f"{name}.log"
        start = log.stat().st_size if log.exists() else 0
        lives: set[int] = set()

        def look() -> None:
            if self._given_up.is_set():
                raise StackProblem("The start was broken off.")
            seen = self._supervision.look().get(name)
            if seen is not None and seen.pid:
                lives.add(seen.pid)
            if seen is None or not seen.runs or len(lives) > 1:
                taken = "ddress already in use" in _since(log, start)
                why = "its port was taken meanwhile: try again" if taken else f"see {log}"
                raise StackProblem(f"{name} does not start: {why}.")

        return look


def _since(log: Path, start: int) -> str:
    """Give what was logged after the first `start` bytes."""
    with log.open("rb") as stream:
        stream.seek(start)
        return stream.read().decode(errors="replace")
