"""Intake with sealed reports against a bare loop that opens, validates, encrypts and writes."""

import asyncio
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final
from uuid import uuid4

from aiokafka import ConsumerRecord, TopicPartition
from bson import Timestamp
from bson.binary import STANDARD, Binary
from bson.codec_options import CodecOptions
from joserfc import jwe
from joserfc.jwk import ECKey
from pymongo import AsyncMongoClient
from pymongo.asynchronous.encryption import AsyncClientEncryption
from pymongo.encryption_shared import Algorithm
from pymongo.read_concern import ReadConcern

from bench.pipeline import MAJORITY, SAMRAAD, WORKERS, bare_consumer, taken
from bench.running import (
    Contender,
    Figures,
    Findings,
    Meter,
    RunSize,
    Subject,
    Target,
    by_turns,
    ratio,
    row_of,
    until,
)
from bench.world import World
from cli.invention import Inventor
from deploy.embedded.paths import CLONE
from services.intake import cases
from services.intake.blind import BlindIndex
from services.intake.handlers import ReportProcessor
from services.intake.indexes import make_indexes
from services.intake.partners import Partner
from services.intake.preparing import LetterReader
from services.intake.seal_keys import SealKeyDirectory
from shared.contracts.envelope import (
    LETTER_CONTENT_TYPE,
    REPORT_SUBMITTED,
    Envelope,
    partner_source,
    write_envelope,
)
from shared.contracts.processes import PartnerKind, Process
from shared.contracts.report import Report
from shared.engine import ParkingLot, Store, Subscription
from shared.engine.consume.batch import BatchCommitter
from shared.engine.consume.circuit_breaker import CircuitBreaker
from shared.security.data_keys import Keys, MasterKey
from shared.security.sealed_letters import seal

__all__ = ["Letter", "letters", "subject"]

Letter = tuple[str, str, bytes, list[tuple[str, bytes]]]
"""Topic, key, value and headers of a record."""

_PARTNER: Final = "bench"
_TOPIC: Final = f"partner.{_PARTNER}.reports"
_PARTITIONS: Final = 3
_LETTERS: Final = 2_000
_MOST: Final = 100
_BARE, _OURS = "bench_bare", "bench_intake"
_REGISTRY: Final = jwe.JWERegistry(algorithms=["ECDH-ES+A256KW", "A256GCM"])

Document = dict[str, Any]


async def bare(world: World, events: int, *, keys: Path) -> Figures:
    """Open, validate, make a key per person and case, encrypt and write, in batches of 100."""
    client: AsyncMongoClient[Document] = AsyncMongoClient(world.mongo, tz_aware=True)
    loop = _BareIntake(client, keys)
    await loop.make_ready()
    async with bare_consumer(world) as consumer:
        queues: dict[TopicPartition, asyncio.Queue[ConsumerRecord]] = {
            place: asyncio.Queue() for place in consumer.assignment()
        }
        servers = [asyncio.create_task(loop.serve(queue)) for queue in queues.values()]
        meter = Meter(world)
        while loop.done < events and not any(server.done() for server in servers):
            for place, records in (await consumer.getmany(timeout_ms=20)).items():
                for record in records:
                    queues[place].put_nowait(record)
        figures = meter.figures(events)
        for server in servers:
            server.cancel()
        failed = await asyncio.gather(*servers, return_exceptions=True)
        if loop.done < events:
            raise RuntimeError(f"a partition ended: {failed}")
    await client.close()
    return figures


class _BareIntake:
    """The minimum of work for a letter."""

    def __init__(self, client: AsyncMongoClient[Document], keys: Path) -> None:
        self.client = client
        self.database = client[_BARE]
        self.done = 0
        self._turns = asyncio.Semaphore(WORKERS)
        self._seal_key = ECKey.import_key(json.loads((keys / "seal" / "first.json").read_text()))
        self._cipher: AsyncClientEncryption[Document] = AsyncClientEncryption(
            {"local": {"key": (keys / "master.key").read_bytes()}},
            f"{_BARE}.keys",
            client,
            CodecOptions(uuid_representation=STANDARD),
        )

    async def make_ready(self) -> None:
        """Make the collections and the index of key names."""
        for name in ("reports", "cases", "said", "outbox", "watermarks"):
            await self.database.create_collection(name)
        await self.database["keys"].create_index(
            "keyAltNames",
            unique=True,
            partialFilterExpression={"keyAltNames": {"$exists": True}},
        )

    async def serve(self, queue: "asyncio.Queue[ConsumerRecord]") -> None:
        """Process batches until all letters are done."""
        while True:
            records = [await queue.get()]
            while not queue.empty() and len(records) < _MOST:
                records.append(queue.get_nowait())
            async with self._turns:
                await self._take(records)

    async def _take(self, records: Sequence[ConsumerRecord]) -> None:
        reports = [self._open(record) for record in records]
        written = await asyncio.gather(*(self._encrypted(each) for each in reports))
        async with (
            self.client.start_session() as session,
            await session.start_transaction(
                read_concern=ReadConcern("snapshot"), write_concern=MAJORITY
            ),
        ):
            mark = {"$set": {"offset": records[-1].offset + 1}}
            await self.database.watermarks.update_one(
                {"_id": f"{records[0].partition}"}, mark, upsert=True, session=session
            )
            for name in ("reports", "cases", "said"):
                rows = [row for each in written for row in each[name]]
                await self.database[name].insert_many(rows, ordered=False, session=session)
            messages = [row for each in written for row in each["messages"]]
            packed = {"at": Timestamp(0, 0), "messages": messages}
            await self.database.outbox.insert_one(packed, session=session)
        self.done += len(records)

    def _open(self, record: ConsumerRecord) -> Report:
        opened = jwe.decrypt_compact(record.value, self._seal_key, registry=_REGISTRY).plaintext
        return Report.model_validate_json(opened or b"")

    async def _encrypted(self, report: Report) -> dict[str, list[Document]]:
        report_id, case_id = str(uuid4()), str(uuid4())
        rest, *people = await asyncio.gather(
            self._encrypt(f"case:{case_id}", report.model_dump_json(exclude={"people"}).encode()),
            *(
                self._encrypt(f"person:{uuid4()}", person.model_dump_json().encode())
                for person in report.people
            ),
        )
        return {
            "reports": [{"_id": report_id, "reference": report.reference, "case_id": case_id}],
            "cases": [{"_id": case_id, "municipality": report.municipality, "sealed": rest}],
            "said": [
                {"_id": f"{report_id}:{place}", "report_id": report_id, "sealed": sealed}
                for place, sealed in enumerate(people)
            ],
            "messages": [
                {"topic": "partner.bench.replies", "key": report.reference, "value": b"accepted"},
                {"topic": "intake.cases.mediation", "key": case_id, "value": b"opened"},
            ],
        }

    async def _encrypt(self, name: str, opened: bytes) -> Binary:
        await self._cipher.create_data_key("local", key_alt_names=[name])
        algorithm = Algorithm.AEAD_AES_256_CBC_HMAC_SHA_512_Random
        return await self._cipher.encrypt(Binary(opened), algorithm, key_alt_name=name)


async def ours(world: World, events: int, *, keys: Path) -> Figures:
    """Intake with its real letter reader, keys and stores behind the engine."""
    client: AsyncMongoClient[Document] = AsyncMongoClient(world.mongo, tz_aware=True)
    store = Store(client, _OURS, cases=cases.COLLECTION)
    data_keys = Keys(client, _OURS, MasterKey.read(keys / "master.key"))
    index = BlindIndex((keys / "index.key").read_bytes())
    seal_keys = SealKeyDirectory(keys / "seal")
    reader = LetterReader(store.db, keys=data_keys, index=index, seal_keys=seal_keys)
    processor = ReportProcessor(reader, index)
    await make_indexes(store.db)
    await ParkingLot(store, None, {}).ensure_indexes()
    await data_keys.prepare()
    partner = Partner(
        id=_PARTNER, kind=PartnerKind.SCHOOL, municipalities=(), added_at=datetime.now(UTC)
    )
    await store.db.partners.insert_one(partner.as_document())
    subscription = Subscription(_TOPIC, processor=processor, group=f"bench-{uuid4()}")
    async with taken(world, subscription, BatchCommitter(store, processor, CircuitBreaker())):
        workers = subscription.workers
        meter = Meter(world)
        subscription.start()
        await until(
            lambda: sum(each.mark.offset for each in workers.values() if each.mark) >= events
        )
        figures = meter.figures(events)
        accepted = await store.db.reports.count_documents({"status": "accepted"})
        if accepted != events:
            raise RuntimeError(f"{accepted} of {events} reports were accepted")
    await client.close()
    return figures


def letters(partner: str, how_many: int, public: Mapping[str, Any]) -> Iterator[Letter]:
    """Invented reports about invented people, sealed, each under a reference of its own."""
    dice, now = Random(7), datetime.now(UTC)  # noqa: S311 - nothing here is a secret
    inventor = Inventor(CLONE / "examples", dice)
    for number in range(how_many):
        _, example = inventor.example(Process.MEDIATION, [PartnerKind.SCHOOL.value])
        report = inventor.report(example, partner=partner, municipalities=(), now=now)
        report["reference"] = f"B-{number:06d}"
        opened = json.dumps(report, ensure_ascii=False).encode()
        envelope = Envelope(
            str(uuid4()),
            partner_source(partner),
            REPORT_SUBMITTED,
            now,
            report["reference"],
            LETTER_CONTENT_TYPE,
        )
        topic = f"partner.{partner}.reports"
        yield topic, report["reference"], seal(opened, public), write_envelope(envelope)


def _measure(world: World, size: RunSize) -> Findings:
    keys = world.home / "bench-keys"
    keys.mkdir(mode=0o700)
    (keys / "master.key").write_bytes(os.urandom(96))
    (keys / "index.key").write_bytes(os.urandom(32))
    SealKeyDirectory(keys / "seal").make_first()
    how_many = min(_LETTERS, size.events)
    public = SealKeyDirectory(keys / "seal").published()["keys"][-1]
    world.make_topic(_TOPIC, _PARTITIONS)
    world.send(letters(_PARTNER, how_many, public))
    contenders = (
        Contender(
            "bare open-validate-encrypt-write",
            partial(bare, keys=keys),
            "The same encryption, the same model and the same kind of key for each person and case, "
            "one transaction per batch. Accepts a repeated report twice, does not recognise people, "
            "applies none of the rules of docs/rules.md, rejects nothing, ends on a letter that it "
            "cannot decrypt, has no guards and no audit log.",
            events=how_many,
        ),
        Contender(
            SAMRAAD,
            partial(ours, keys=keys),
            "Each report once, however often its partner repeats it; people are recognised by a blind "
            "index; all rules are applied and all errors reported; receipt and event in the same "
            "transaction, with an audit row; letters that cannot be read are parked, encrypted.",
            events=how_many,
        ),
    )
    here = replace(world, topic=_TOPIC, partitions=_PARTITIONS)

    def before(_: World, __: Contender) -> World:
        world.empty(_BARE, _OURS)
        return here

    runs = by_turns(world, contenders, size, before)
    reached = ratio(runs[SAMRAAD], runs[contenders[0].name])
    return Findings(
        [row_of(name, figures) for name, figures in runs.items()],
        [Target.at_least("intake / its bare loop", 0.8, reached)],
        {each.name: each.promises for each in contenders},
    )


subject = Subject(
    "Intake: encrypted reports, each with its people, to receipts and cases", _measure
)
