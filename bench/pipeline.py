"""The same work in three ways: a bare loop, our engine, and the way of tutorials.

Each reads facts of different cases, keeps a document for each, and emits one fact for each. The
bare loop does nothing else; ours validates the model, applies a rule, numbers and guards, and
writes an audit row; the tutorial way commits once for each event.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from bson import Timestamp
from faststream import AckPolicy
from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

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
from bench.world import FOLLOWED_TOPIC, PARTITIONS, Followed, Happened, World, fact_of
from deploy.embedded.database_rights import SMALL_PAGES
from shared.contracts import Fact
from shared.engine import Inbox, ParkingLot, Store, Subscription, Unit
from shared.engine.consume.batch import BatchCommitter
from shared.engine.consume.circuit_breaker import CircuitBreaker
from shared.engine.consume.health_probe import HealthProbe
from shared.engine.limits.memory_budget import Pool
from shared.observability.tracing import TraceFile, Tracing
from shared.runtime.broker import make_broker

__all__ = [
    "MAJORITY",
    "SAMRAAD",
    "WORKERS",
    "bare_consumer",
    "bare_loop",
    "decide",
    "ours",
    "service",
    "subject",
    "taken",
]

SAMRAAD: Final = "Samråd"
TRACED: Final = "Samråd, every event traced"
BARE: Final = "bare loop"
TUTORIAL: Final = "the tutorial way"
PLAIN: Final = ", default settings"
"""With asyncio's own event loop and the collector's own settings: what nobody tuned."""
MAJORITY: Final = WriteConcern("majority", j=True)
SLICE: Final = 500
WORKERS: Final = 2
_TUTORIAL_EVENTS: Final = 1_500
_COLLECTIONS: Final = ("cases", "outbox", "audit", "watermarks", "parked", "leases", "inbox")

Document = dict[str, Any]
Write = Callable[["_Body"], Document]
Decide = Callable[[Any, Unit], None]


class _Body(msgspec.Struct):
    case_id: str
    municipality: str
    number: int


@asynccontextmanager
async def bare_consumer(world: World) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer that reads all partitions from their beginning, in no group."""
    consumer = AIOKafkaConsumer(**world.connection.aiokafka, enable_auto_commit=False)
    await consumer.start()
    try:
        places = [TopicPartition(world.topic, each) for each in range(world.partitions)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        yield consumer
    finally:
        await consumer.stop()


async def bare_loop(world: World, events: int) -> Figures:
    """getmany, gather, decode, one transaction for a batch; no rule, no guard, no model."""
    return await _bare_loop(world, events, lambda body: {"municipality": body.municipality})


async def same_documents(world: World, events: int) -> Figures:
    """The bare loop, with the same writes as the engine, also an audit row."""
    protocol = {"marks": {"/bench/in": 1}, "sequences": {"/bench/out": 1}}
    return await _bare_loop(
        world,
        events,
        lambda body: {"municipality": body.municipality, "protocol": protocol},
        audit=lambda body: {"at": datetime.now(UTC), "what": body.case_id},
    )


async def _bare_loop(world: World, events: int, case: Write, audit: Write | None = None) -> Figures:
    client: AsyncMongoClient[Document] = AsyncMongoClient(world.mongo, tz_aware=True)
    loop = _BareLoop(client, case, audit)
    await _make_collections(loop.database)
    async with bare_consumer(world) as consumer:
        places = consumer.assignment()
        queues: dict[TopicPartition, asyncio.Queue[Any]] = {
            place: asyncio.Queue() for place in places
        }
        servers = [asyncio.create_task(loop.serve(place, queue)) for place, queue in queues.items()]
        meter = Meter(world)
        while loop.done < events:
            polled = await consumer.getmany(timeout_ms=20, max_records=2_000)
            for place, records in polled.items():
                for record in records:
                    queues[place].put_nowait(record)
        figures = meter.figures(events)
        for server in servers:
            server.cancel()
    await client.close()
    return figures


class _BareLoop:
    """The minimum of work for a batch."""

    def __init__(
        self, client: AsyncMongoClient[Document], case: Write, audit: Write | None
    ) -> None:
        self.client = client
        self.database = client["bench_bare"]
        self.done = 0
        self._case = case
        self._audit = audit
        self._turns = asyncio.Semaphore(WORKERS)
        self._decoder = msgspec.json.Decoder(_Body)

    async def serve(self, place: TopicPartition, queue: "asyncio.Queue[Any]") -> None:
        """Process batches until all facts are done."""
        while True:
            records = [await queue.get()]
            while not queue.empty() and len(records) < SLICE:
                records.append(queue.get_nowait())
            bodies = [self._decoder.decode(record.value) for record in records]
            async with (
                self._turns,
                self.client.start_session() as session,
                await session.start_transaction(
                    read_concern=ReadConcern("snapshot"), write_concern=MAJORITY
                ),
            ):
                mark = {"$set": {"offset": records[-1].offset + 1}}
                await self.database.watermarks.update_one(
                    {"_id": f"{place}"}, mark, upsert=True, session=session
                )
                await self._write(bodies, session)
            self.done += len(records)

    async def _write(self, bodies: list[_Body], session: AsyncClientSession) -> None:
        ids = [body.case_id for body in bodies]
        await self.database.cases.find({"_id": {"$in": ids}}, session=session).to_list()
        rows = [{"_id": body.case_id, "version": 1, **self._case(body)} for body in bodies]
        await self.database.cases.insert_many(rows, ordered=False, session=session)
        if self._audit is not None:
            log = [self._audit(body) for body in bodies]
            await self.database.audit.insert_many(log, ordered=False, session=session)
        now = datetime.now(UTC)
        messages = [
            {
                "topic": FOLLOWED_TOPIC,
                "key": body.case_id,
                "value": b'{"case_id": "%b", "number": 1}' % body.case_id.encode(),
                "id": body.case_id,
                "type": "bench.told.v1",
                "time": now,
                "sequence": 1,
                "traceparent": None,
            }
            for body in bodies
        ]
        packed = {"at": Timestamp(0, 0), "messages": messages}
        await self.database.outbox.insert_one(packed, session=session)


def decide(fact: Happened, unit: Unit) -> None:
    """The rule: a new case is stored, a fact of it is emitted, and both are logged."""
    known = unit.load("cases", fact.subject())
    if known is None:
        unit.save("cases", {"_id": fact.subject(), "municipality": fact.municipality})
        unit.emit(Followed(case_id=fact.case_id, number=fact.number))
        unit.add("audit", {"at": unit.now, "what": fact.subject()})


async def ours(world: World, events: int) -> Figures:
    """The engine with everything on: model, rule, sequence, version guard, outbox, audit row."""
    return await _ours(world, events, None)


async def ours_traced(world: World, events: int) -> Figures:
    """The same, with a span written to a file for every event."""
    process = f"bench-{uuid4()}"
    file = TraceFile(world.home / "traces", service="bench", process=process)
    return await _ours(world, events, Tracing([file]))


async def _ours(world: World, events: int, tracing: Tracing | None) -> Figures:
    async with service(world, decide, tracing=tracing) as subscription:
        meter = Meter(world)
        subscription.start()
        await until(lambda: _taken(subscription) >= events)
        return meter.figures(events)


@asynccontextmanager
async def service(
    world: World,
    decide: Decide,
    make_committer: type[BatchCommitter] = BatchCommitter,
    *,
    database: str = "bench_ours",
    fact: type[Fact] = Happened,
    tracing: Tracing | None = None,
) -> AsyncIterator[Subscription]:
    """Return a service with one handler for one fact, with its partitions assigned."""
    client: AsyncMongoClient[Document] = AsyncMongoClient(world.mongo, tz_aware=True)
    store = Store(client, database, cases="cases")
    store.tracing = tracing
    await _make_collections(store.db)
    facts = Inbox()
    facts.on(fact)(decide)
    await ParkingLot(store, facts, {}).ensure_indexes()
    subscription = Subscription(world.topic, processor=facts, group=f"bench-{uuid4()}")
    async with taken(world, subscription, make_committer(store, facts, CircuitBreaker())):
        yield subscription
    await client.close()


@asynccontextmanager
async def taken(
    world: World, subscription: Subscription, committer: BatchCommitter
) -> AsyncIterator[None]:
    """Return a subscription wired like `shared.runtime.process`, with all partitions assigned."""
    broker = make_broker(world.connection, instance=None)
    budget = committer.store.budget
    subscription.declare(
        broker,
        committer=committer,
        turns=asyncio.Semaphore(WORKERS),
        pool=Pool(budget.records),
        fetched=budget.fetched,
        instance=None,
        health_probe=HealthProbe(
            connection=world.connection, mongo_uri=world.mongo, database=committer.store.db.name
        ),
        end=_give_up,
    )
    await broker.start()
    await until(lambda: _ready(subscription, world.partitions))
    yield
    await subscription.stop()
    await broker.stop()


async def tutorial(world: World, events: int) -> Figures:
    """A FastStream handler with a model and one transaction for each event."""
    client: AsyncMongoClient[Document] = AsyncMongoClient(world.mongo, tz_aware=True)
    database = client["bench_tutorial"]
    await _make_collections(database)
    broker = make_broker(world.connection, instance=None)
    done = 0

    @broker.subscriber(
        world.topic,
        group_id=f"bench-tutorial-{uuid4()}",
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.ACK,
    )
    async def on_happened(fact: Happened) -> None:
        nonlocal done
        async with (
            client.start_session() as session,
            await session.start_transaction(
                read_concern=ReadConcern("snapshot"), write_concern=MAJORITY
            ),
        ):
            await database.inbox.insert_one({"_id": str(uuid4())}, session=session)
            known = await database.cases.find_one({"_id": fact.subject()}, session=session)
            if known is None:
                case = {"_id": fact.subject(), "municipality": fact.municipality}
                await database.cases.insert_one(case, session=session)
            body = Followed(case_id=fact.case_id, number=fact.number).model_dump_json()
            now = datetime.now(UTC)
            await database.outbox.insert_one({"at": now, "body": body}, session=session)
        done += 1

    await broker.start()
    await until(lambda: done > 0)  # joining the group is not what is measured
    already, meter = done, Meter(world)
    await until(lambda: done >= events)
    figures = meter.figures(done - already)
    await broker.stop()
    await client.close()
    return figures


CONTENDERS: Final = (
    Contender(
        BARE,
        bare_loop,
        "One transaction per batch, so a crash neither loses nor duplicates what Kafka delivers "
        "again. Does not validate, does not order the events of a case, and does not handle "
        "repeats at a new offset, rival owners or writers: one bad record ends it. No audit row.",
    ),
    Contender(
        "bare loop, our documents",
        same_documents,
        "The same, and writes the documents of the engine: marks, sequences and an audit row.",
    ),
    Contender(
        SAMRAAD,
        ours,
        "All guarantees: each effect once and in the order of its case, also after repeats, gaps, "
        "rivals, zombies and unclear commits; a failing event parks only its own case; the event "
        "is validated, the rule applied, the new event numbered, the audit row written.",
    ),
    Contender(TRACED, ours_traced, "The same, and each event's step is in a trace."),
    Contender(
        TUTORIAL,
        tutorial,
        "One transaction per event with an inbox row, always acknowledged: an event whose handler "
        "raises is lost. No order after a repeat, no relay that keeps the order.",
        events=_TUTORIAL_EVENTS,
    ),
    Contender(BARE + PLAIN, bare_loop, "As the bare loop.", tuned=False),
    Contender(
        TUTORIAL + PLAIN, tutorial, "As the tutorial way.", events=_TUTORIAL_EVENTS, tuned=False
    ),
)


def _measure(world: World, size: RunSize) -> Findings:
    world.make_topic(world.topic, PARTITIONS)
    world.fill(world.topic, ((fact_of(number), 1) for number in range(size.events)))

    def before(world: World, _: Contender) -> None:
        world.empty("bench_bare", "bench_ours", "bench_tutorial")

    runs = by_turns(world, CONTENDERS, size, before)
    rows = [row_of(name, figures) for name, figures in runs.items()]
    for row, figures in zip(rows, runs.values(), strict=True):
        row["samraad_is"] = ratio(runs[SAMRAAD], figures)
    wanted = ((SAMRAAD, BARE, 0.8), (TRACED, BARE, 0.65), (SAMRAAD, TUTORIAL, 90))
    return Findings(
        rows,
        [
            Target.at_least(f"{one} / {other}{as_}", least, ratio(runs[one], runs[other + as_]))
            for one, other, least in (*wanted, (TRACED, TUTORIAL, 70))
            for as_ in ("", PLAIN)
        ],
        {each.name: each.promises for each in CONTENDERS},
    )


subject = Subject("A service: each event opens a case and emits an event, 16 partitions", _measure)


async def _make_collections(database: Any) -> None:
    there = await database.list_collection_names()
    for name in _COLLECTIONS:
        if name not in there:
            pages = {} if name == "audit" else {"storageEngine": SMALL_PAGES}
            await database.create_collection(name, **pages)


def _ready(subscription: Subscription, partitions: int) -> bool:
    workers = subscription.workers.values()
    return len(workers) == partitions and all(worker.mark is not None for worker in workers)


def _taken(subscription: Subscription) -> int:
    return sum(worker.mark.offset for worker in subscription.workers.values() if worker.mark)


def _give_up(reason: str) -> None:
    raise RuntimeError(reason)
