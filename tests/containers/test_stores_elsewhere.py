"""A Kafka and a MongoDB that exist already, outside the set: used by the override file."""

from __future__ import annotations

import json
import socket
from contextlib import closing
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from tests.containers.flow import Flow
from tests.containers.running import SERVICES
from tests.stores import Stores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.containers.running import Running

REPORTS = 12
WHO = """
import json, pathlib
login = json.loads(pathlib.Path("/run/secrets/kafka.json").read_text())
uri = pathlib.Path("/run/secrets/mongo.uri").read_text()
print(login["sasl.username"], uri.split("://")[1].split(":")[0], login["bootstrap.servers"])
"""


def address_of_this_host() -> str:
    """Where containers reach this host; nothing is sent to find out."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])


@pytest.fixture
def stores(docker_host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stores]:
    if docker_host:
        monkeypatch.setenv("DOCKER_HOST", docker_host)
    stores = Stores(tmp_path / "stores", address_of_this_host())
    try:
        stores.start()
        yield stores
    finally:
        stores.stop()


def test_stores_that_exist_already_get_users_topics_and_rights_and_are_used(
    stores: Stores, make_running: Callable[..., Running]
):
    running = make_running("docker-compose.external.yml")
    given = running.operator / "given"
    given.mkdir()
    for name in ("kafka.json", "mongo.uri"):
        (given / name).write_bytes((stores.place / name).read_bytes())
    try:
        running.up()

        settled = running.container("settle").logs().decode()
        assert settled.splitlines() == ["Users, rights, topics and indexes are as declared."]
        kafka = json.loads((given / "kafka.json").read_text())["bootstrap.servers"]
        for service in SERVICES:
            assert running.python(service, WHO).split() == [service, service, kafka]
        for store in ("kafka", "mongo"):
            assert "deploy.containers.elsewhere" in running.inspect(store)[0]["Config"]["Cmd"]
        flow = Flow(running, running.add_partner(f"elsewhere-{uuid4().hex[:8]}"))
        with flow.flowing():
            flow.wait_for(REPORTS)
        flow.check()
        assert running.samraad("parked", "list", "--json").stdout.strip() == "[]"
    finally:
        running.discard()
