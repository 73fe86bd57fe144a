"""The relay against a bare one: from packed outbox documents to acknowledged records."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner
from prometheus_client import REGISTRY
from pymongo import AsyncMongoClient

from bench.pipeline import SAMRAAD
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
from bench.world import FOLLOWED_TOPIC, PARTITIONS, Followed, World
from shared.contracts import source_of
from shared.contracts.envelope import Envelope
from shared.engine import Message, Store
from shared.engine.outbox.relay import Relay
from shared.engine.store.writes import pack

__all__ = ["emptied", "fill_outbox", "ours", "subject"]

_READ_AT_ONCE: Final = 40
_BATCH_BYTES: Final = 1_040_000
_BARE, _OURS = "bench_bare", "bench_ours"


async def bare(world: World, _: int) -> Figures:
    """Read the oldest, send a batch a partition, delete what was acknowledged."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(world.mongo, tz_aware=True)
    outbox = client[_BARE].outbox
    producer = AIOKafkaProducer(
        **world.connection.aiokafka,
        acks="all",
        enable_idempotence=True,
        max_batch_size=_BATCH_BYTES,
        max_request_size=_BATCH_BYTES + 4096,
    )
    await producer.start()
    partitions = sorted(await producer.partitions_for(FOLLOWED_TOPIC))
    partition_of = DefaultPartitioner()
    sent, meter = 0, Meter(world)
    while documents := await outbox.find().sort("at", 1).limit(_READ_AT_ONCE).to_list():
        places: dict[int, list[Mapping[str, Any]]] = {}
        for document in documents:
            for message in document["messages"]:
                place = partition_of(message["key"].encode(), partitions, partitions)
                places.setdefault(place, []).append(message)
                sent += 1
        await asyncio.gather(*(_send(producer, place, each) for place, each in places.items()))
        await outbox.delete_many({"_id": {"$in": [each["_id"] for each in documents]}})
    figures = meter.figures(sent)
    await producer.stop()
    await client.close()
    return figures


async def _send(
    producer: AIOKafkaProducer, partition: int, messages: Sequence[Mapping[str, Any]]
) -> None:
    waiting = list(messages)
    while waiting:
        batch, taken = producer.create_batch(), 0
        for message in waiting:
            key, value = message["key"].encode(), bytes(message["value"])
            headers = _headers(message)
            if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
                break
            taken += 1
        batch.close()
        await (await producer.send_batch(batch, FOLLOWED_TOPIC, partition=partition))
        del waiting[:taken]


def _headers(message: Mapping[str, Any]) -> list[tuple[str, bytes]]:
    """Return the message of a fact."""
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", message["id"].encode()),
        ("ce_source", b"/bench/out"),
        ("ce_type", message["type"].encode()),
        ("ce_time", message["time"].isoformat().encode()),
        ("ce_subject", message["key"].encode()),
        ("content-type", b"application/json"),
        ("ce_sequence", b"%010d" % message["sequence"]),
        ("ce_sequencetype", b"Integer"),
    ]


async def ours(world: World, events: int) -> Figures:
    """Run the relay like every service until its outbox is empty."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(world.mongo, tz_aware=True)
    store = Store(client, _OURS, cases="cases")
    relay = Relay(store, world.connection, holder="bench")
    await relay.producer.open()  # the bare one's producer is started too before it counts
    meter = Meter(world)
    running = asyncio.create_task(relay.run())
    await until(lambda: _published() >= events)
    await emptied(store)
    figures = meter.figures(events)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await client.close()
    return figures


async def emptied(store: Store) -> None:
    """Wait until all was acknowledged and deleted."""
    while await store.db.outbox.estimated_document_count():  # noqa: ASYNC110 - there is no event to wait for
        await asyncio.sleep(0.005)


def _published() -> float:
    return REGISTRY.get_sample_value("samraad_published_total", {"topic": FOLLOWED_TOPIC}) or 0.0


def fill_outbox(world: World, database: str, messages: int) -> None:
    """Fill an outbox like full batches do."""
    now = datetime.now(UTC)
    with world.database_client() as client:
        outbox = client[database].outbox
        outbox.create_index("at")
        for start in range(0, messages, 10_000):
            some = (_message(now) for _ in range(min(10_000, messages - start)))
            for packed in pack(some):
                outbox.insert_one(packed)


def _message(now: datetime) -> Message:
    fact = Followed(case_id=uuid4(), number=1)
    stream = source_of(FOLLOWED_TOPIC)
    envelope = Envelope(
        f"{stream}/{fact.subject()}/1", stream, fact.type, now, fact.subject(), sequence=1
    )
    return Message(FOLLOWED_TOPIC, fact.subject(), envelope, fact.write())


CONTENDERS: Final = (
    Contender(
        "bare relay",
        bare,
        "At least once, deleted after the acknowledgement. Reads without a snapshot (a document "
        "may be published before its cause), continues after a failed send (the order is lost), "
        "sends twice when two relays run, ends on a missing topic.",
    ),
    Contender(
        SAMRAAD,
        ours,
        "At least once and in commit order within a partition: one snapshot, from the oldest, "
        "nothing after a failed send; a lease prevents double sends; missing topics delay no "
        "other topic.",
    ),
)


def _measure(world: World, size: RunSize) -> Findings:
    world.make_topic(FOLLOWED_TOPIC, PARTITIONS)
    bare_one = {"bare relay": _BARE}

    def before(world: World, contender: Contender) -> None:
        database = bare_one.get(contender.name, _OURS)
        world.empty(database)
        fill_outbox(world, database, size.events)

    runs = by_turns(world, CONTENDERS, size, before)
    rows = [row_of(name, figures) for name, figures in runs.items()]
    reached = ratio(runs[SAMRAAD], runs["bare relay"])
    return Findings(
        rows,
        [Target.at_least("Samråd's relay / bare relay", 0.85, reached)],
        {each.name: each.promises for each in CONTENDERS},
    )


subject = Subject("The relay: packed outbox documents to acknowledged records", _measure)
