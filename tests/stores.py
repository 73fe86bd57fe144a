"""Kafka and MongoDB in containers, by testcontainers, for a stack whose services run here.

`SAMRAAD_TEST_STORES=testcontainers` is the switch; `DOCKER_HOST` names where Docker's API answers.
The same settings, users and rights as in the stack on one machine, and data and logs in folders here,
because some tests look at their bytes.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.broker import Broker
from deploy.embedded import credentials
from deploy.embedded.broker_rights import connect, make_topics, wait_until_answering
from deploy.embedded.paths import CLONE
from deploy.embedded.ports import draw
from deploy.kafka_settings import (
    BROKER,
    Listener,
    as_properties,
    broker_settings,
    java_quote,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from deploy.embedded.paths import Home

KAFKA, MONGO = "apache/kafka:4.3.0", "mongo:8.0"
DATA = "/var/lib/kafka/data"
WANTED = "testcontainers"


def are_wanted() -> bool:
    """Whether the switch is on."""
    return os.environ.get("SAMRAAD_TEST_STORES") == WANTED


class Stores:
    """One broker and one database, each in a container, both reached at an address of this host.

    Where that is not loopback, they are on the host's own network: a member of a replica set must
    reach itself by the name that others know it by, and an engine may lead no container to itself.
    """

    def __init__(self, place: Path, host: str = "127.0.0.1") -> None:
        self.place = place
        self.host = host
        self._on_loopback = host == "127.0.0.1"
        for folder in ("kafka", "mongo", "secrets"):
            (place / folder).mkdir(parents=True)
        self.kafka_port = draw(())
        self.mongo_port = draw((self.kafka_port,))
        self._passwords = {name: credentials.new_password() for name in ("admin", BROKER)}
        self._containers: list[Any] = []

    def start(self) -> dict[str, str]:
        """Start both; give the settings by which `samraad up` uses them."""
        kafka, mongo = self._start_kafka(), self._start_mongo()
        wait_until_answering(kafka, 120)
        files = {"kafka.json": json.dumps(kafka), "mongo.uri": mongo}
        for name, content in files.items():
            (self.place / name).write_text(content)
        return {
            "SAMRAAD_KAFKA": str(self.place / "kafka.json"),
            "SAMRAAD_MONGO": str(self.place / "mongo.uri"),
        }

    def let_the_inspector_in(self, home: Home) -> None:
        """Add what a stack of one's own never has: a user that sees everything; show the files."""
        password = credentials.new_password()
        admin = json.loads((self.place / "kafka.json").read_text())
        Broker(connect(admin)).set_password("inspector", password)
        make_topics(admin, inspector=True)
        credentials.write_kafka_login(home, "inspector", admin["bootstrap.servers"], password)
        credentials.keep_inspector_password(home)
        with MongoClient[dict[str, Any]]((self.place / "mongo.uri").read_text()) as client:
            client.admin.command(
                "createUser",
                "inspector",
                pwd=password,
                roles=[{"role": "readAnyDatabase", "db": "admin"}],
            )
        credentials.write_mongo_login(home, "inspector", self.mongo_port, password)
        for link, name, container in zip(
            (home.kafka, home.mongo), ("kafka", "mongo"), self._containers, strict=True
        ):
            link.symlink_to(self.place / name)
            output = container.get_wrapped_container().logs(stream=True, follow=True)
            log = home.logs / f"{name}.log"
            Thread(target=_write_down, args=[output, log], daemon=True).start()

    def stop(self) -> None:
        """End both and forget them."""
        for container in self._containers:
            container.stop()
        self._containers.clear()

    def _run(self, image: str, port: int, entrypoint: list[str], command: list[str]) -> Any:
        # Imported here, for it asks for Docker; its own cleaner would need an image of its own.
        os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
        os.environ.setdefault("TESTCONTAINERS_CONNECTION_MODE", "docker_host")
        os.environ.setdefault("TC_HOST", "127.0.0.1")
        from testcontainers.core.container import DockerContainer  # noqa: PLC0415

        user = f"{os.getuid()}:{os.getgid()}"
        container = (
            DockerContainer(image)
            .with_command(command)
            .with_volume_mapping(str(self.place / "kafka"), DATA, "rw")
            .with_volume_mapping(str(self.place / "mongo"), "/data/db", "rw")
            .with_volume_mapping(str(self.place / "secrets"), "/run/secrets", "ro")
            .with_volume_mapping(str(CLONE / "deploy"), "/deploy", "ro")
            .with_env("LOG_DIR", "/tmp/logs")  # noqa: S108 - inside
            .with_env(
                "KAFKA_LOG4J_OPTS",
                "-Dlog4j2.configurationFile=/deploy/embedded/kafka.log4j2.properties",
            )
            .with_kwargs(entrypoint=entrypoint, user=user)
        )
        if self._on_loopback:
            container.ports[f"{port}/tcp"] = (self.host, port)  # with_bind_ports takes no address
        else:
            container.with_kwargs(entrypoint=entrypoint, user=user, network_mode="host")
        container.start()
        self._containers.append(container)
        return container

    def _start_kafka(self) -> dict[str, str]:
        address = f"{self.host}:{self.kafka_port}"
        inside = "0.0.0.0" if self._on_loopback else self.host  # noqa: S104 - of its own network
        listener = Listener(bind=f"{inside}:{self.kafka_port}", advertised=address)
        controller = 9093 if self._on_loopback else draw((self.kafka_port, self.mongo_port))
        settings = broker_settings(
            {"CLIENT": listener},
            controller=f"127.0.0.1:{controller}",
            data=DATA,
            password=self._passwords[BROKER],
        )
        arguments = ["kafka.tools.StorageTool", "format", "--cluster-id", uuid4().hex[:22]]
        arguments += ["--config", "/run/secrets/server.properties"]
        for name, password in self._passwords.items():
            arguments += ["--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]"]
        (self.place / "secrets/server.properties").write_text(as_properties(settings))
        (self.place / "secrets/format.arguments").write_text("\n".join(map(java_quote, arguments)))
        self._run(KAFKA, self.kafka_port, ["/deploy/containers/kafka-start"], [])
        return {
            "bootstrap.servers": address,
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": "admin",
            "sasl.password": self._passwords["admin"],
        }

    def _start_mongo(self) -> str:
        """Start mongod without users to make the set and its administrator, then with them."""
        key = self.place / "secrets/replica-set.key"
        key.write_text(uuid4().hex * 3)
        key.chmod(0o400)
        address = f"{self.host}:{self.mongo_port}"
        inside = "0.0.0.0" if self._on_loopback else self.host  # noqa: S104 - of its own network
        command = [
            "--replSet=rs0",
            f"--bind_ip={inside}",
            "--nounixsocket",
            f"--port={self.mongo_port}",
        ]
        command += ["--setParameter=transactionLifetimeLimitSeconds=5", "--slowms=2000000000"]
        command += ["--wiredTigerCacheSizeGB=0.25", "--setParameter=enableTestCommands=1"]
        first = self._run(MONGO, self.mongo_port, ["mongod"], command)
        password = self._passwords["admin"]
        with MongoClient[dict[str, Any]](address, directConnection=True) as client:
            member = {"_id": 0, "host": address}
            client.admin.command("replSetInitiate", {"_id": "rs0", "members": [member]})
            _wait_for_primary(client)
            roles = [{"role": "root", "db": "admin"}]
            client.admin.command("createUser", "admin", pwd=password, roles=roles)
        self._containers.remove(first)
        first.get_wrapped_container().stop()
        first.stop()
        self._run(
            MONGO, self.mongo_port, ["mongod"], [*command, f"--keyFile=/run/secrets/{key.name}"]
        )
        uri = f"mongodb://admin:{password}@{address}/?replicaSet=rs0&authSource=admin"
        with MongoClient[dict[str, Any]](uri) as client:
            _wait_for_primary(client)
        return uri


def _write_down(output: Iterable[bytes], log: Path) -> None:
    """Keep a container's output where the tests look for what processes have logged."""
    with log.open("ab", buffering=0) as file:
        for part in output:
            file.write(part)


def _wait_for_primary(client: MongoClient[dict[str, Any]]) -> None:
    until = time.monotonic() + 90
    while True:
        try:
            if client.admin.command("hello").get("isWritablePrimary"):
                return
        except PyMongoError:
            if time.monotonic() > until:
                raise
        if time.monotonic() > until:
            raise AssertionError("MongoDB in a container takes no writes")
        time.sleep(0.2)
