"""The same work three ways: as little as can be done, by our engine, and as tutorials do it.

Each reads facts of different cases, keeps a document for each, and tells one fact of each. The
bare loop does nothing else; ours validates the model, applies a rule, numbers and guards, and
writes an audit row; the tutorial way commits once for each event.
"""

import asyncio
import resource
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from time import perf_counter
from typing import Any
from uuid import uuid4

import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition
from bson import Timestamp
from faststream import AckPolicy
from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from bench.world import PARTITIONS, Happened, Told, World
from shared.engine import Facts, Store, Subscription, Unit
from shared.engine.alarms import MassParking
from shared.engine.slices import Slices
from shared.process import collect_rarely, make_broker

__all__ = ["Contender", "Figures", "bare_loop", "ours", "run_alone", "same_documents", "tutorial"]

_MAJORITY = WriteConcern("majority", j=True)
_SLICE = 500
_LANES = 2


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run came to."""

    events: int
    seconds: float
    cpu_us: float
    """Client CPU for each event."""

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds


class _Body(msgspec.Struct):
    case_id: str
    municipality: str
    number: int


Write = Callable[[_Body], dict[str, Any]]
Contender = Callable[[World, int], Coroutine[Any, Any, Figures]]


def run_alone(contender: Contender, world: World, events: int) -> Figures:
    """Run one contender in a process of its own."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(_run, (contender, world, events))


def _run(contender: Contender, world: World, events: int) -> Figures:
    collect_rarely()  # all contenders alike
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(contender(world, events))


async def bare_loop(world: World, events: int) -> Figures:
    """getmany, gather, decode, one transaction for a slice; no rule, no guard, no model."""
    return await _bare_loop(world, events, lambda body: {"municipality": body.municipality})


async def same_documents(world: World, events: int) -> Figures:
    """The bare loop, but what it writes is what the engine has to write, an audit row too."""
    protocol = {"marks": {"/bench/in": 1}, "sequences": {"/bench/out": 1}}
    return await _bare_loop(
        world,
        events,
        lambda body: {"municipality": body.municipality, "protocol": protocol},
        audit=lambda body: {"at": datetime.now(UTC), "what": body.case_id},
    )


async def _bare_loop(world: World, events: int, case: Write, audit: Write | None = None) -> Figures:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(world.mongo, tz_aware=True)
    loop = _BareLoop(client, case, audit)
    for name in ("cases", "outbox", "audit", "watermarks"):
        await loop.database.create_collection(name)
    consumer = AIOKafkaConsumer(**world.connection.aiokafka, enable_auto_commit=False)
    await consumer.start()
    places = [TopicPartition("bench.in", each) for each in range(PARTITIONS)]
    consumer.assign(places)
    await consumer.seek_to_beginning(*places)
    queues: dict[TopicPartition, asyncio.Queue[Any]] = {place: asyncio.Queue() for place in places}
    servers = [asyncio.create_task(loop.serve(place, queue)) for place, queue in queues.items()]
    started, cpu = perf_counter(), _cpu()
    while loop.done < events:
        polled = await consumer.getmany(timeout_ms=20, max_records=2_000)
        for place, records in polled.items():
            for record in records:
                queues[place].put_nowait(record)
    figures = _figures(events, started, cpu)
    for server in servers:
        server.cancel()
    await consumer.stop()
    await client.close()
    return figures


class _BareLoop:
    """What must be done for a slice, and nothing else."""

    def __init__(
        self, client: AsyncMongoClient[dict[str, Any]], case: Write, audit: Write | None
    ) -> None:
        self.client = client
        self.database = client["bench_bare"]
        self.done = 0
        self._case = case
        self._audit = audit
        self._turns = asyncio.Semaphore(_LANES)
        self._decoder = msgspec.json.Decoder(_Body)

    async def serve(self, place: TopicPartition, queue: "asyncio.Queue[Any]") -> None:
        """Take what is there, again and again."""
        while True:
            records = [await queue.get()]
            while not queue.empty() and len(records) < _SLICE:
                records.append(queue.get_nowait())
            bodies = [self._decoder.decode(record.value) for record in records]
            async with (
                self._turns,
                self.client.start_session() as session,
                await session.start_transaction(
                    read_concern=ReadConcern("snapshot"), write_concern=_MAJORITY
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
        told = [
            {
                "topic": "bench.out",
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
        packed = {"at": Timestamp(0, 0), "messages": told}
        await self.database.outbox.insert_one(packed, session=session)


async def ours(world: World, events: int) -> Figures:
    """The engine with everything on: model, rule, sequence, version guard, outbox, audit row."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(world.mongo, tz_aware=True)
    store = Store(client, "bench_ours", cases="cases")
    for name in ("cases", "outbox", "audit", "watermarks", "parked", "leases"):
        await store.db.create_collection(name)
    facts = Facts()

    @facts.on(Happened)
    def on_happened(fact: Happened, unit: Unit) -> None:
        known = unit.load("cases", fact.subject())
        if known is None:
            unit.save("cases", {"_id": fact.subject(), "municipality": fact.municipality})
            unit.emit(Told(case_id=fact.case_id, number=fact.number))
            unit.add("audit", {"at": unit.now, "what": fact.subject()})

    subscription = Subscription("bench.in", door=facts, group="bench-ours")
    broker = make_broker(world.connection, instance=None)
    subscription.declare(
        broker,
        world.connection,
        slices=Slices(store, facts, MassParking()),
        turns=asyncio.Semaphore(_LANES),
        instance=None,
        on_stuck=_give_up,
    )
    await broker.start()
    await _until(lambda: _ready(subscription))
    started, cpu = perf_counter(), _cpu()
    subscription.start()
    await _until(lambda: _taken(subscription) >= events)
    figures = _figures(events, started, cpu)
    await subscription.stop()
    await broker.stop()
    await client.close()
    return figures


async def tutorial(world: World, events: int) -> Figures:
    """A FastStream handler with a model and one transaction for each event."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(world.mongo, tz_aware=True)
    database = client["bench_tutorial"]
    for name in ("cases", "outbox", "inbox"):
        await database.create_collection(name)
    broker = make_broker(world.connection, instance=None)
    done = 0

    @broker.subscriber(
        "bench.in",
        group_id=f"bench-tutorial-{uuid4()}",
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.ACK,
    )
    async def on_happened(fact: Happened) -> None:
        nonlocal done
        async with (
            client.start_session() as session,
            await session.start_transaction(
                read_concern=ReadConcern("snapshot"), write_concern=_MAJORITY
            ),
        ):
            await database.inbox.insert_one({"_id": str(uuid4())}, session=session)
            known = await database.cases.find_one({"_id": fact.subject()}, session=session)
            if known is None:
                case = {"_id": fact.subject(), "municipality": fact.municipality}
                await database.cases.insert_one(case, session=session)
            told = Told(case_id=fact.case_id, number=fact.number).model_dump_json()
            now = datetime.now(UTC)
            await database.outbox.insert_one({"at": now, "body": told}, session=session)
        done += 1

    started, cpu = perf_counter(), _cpu()
    await broker.start()
    await _until(lambda: done >= events)
    figures = _figures(done, started, cpu)
    await broker.stop()
    await client.close()
    return figures


async def _until(reached: Callable[[], bool]) -> None:
    while not reached():  # noqa: ASYNC110 - what is waited for tells nobody
        await asyncio.sleep(0.005)


def _ready(subscription: Subscription) -> bool:
    lanes = subscription.lanes.values()
    return bool(lanes) and all(lane.mark is not None for lane in lanes)


def _taken(subscription: Subscription) -> int:
    return sum(lane.mark.offset for lane in subscription.lanes.values() if lane.mark)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _figures(events: int, started: float, cpu: float) -> Figures:
    return Figures(events, perf_counter() - started, (_cpu() - cpu) / events * 1e6)


def _give_up(reason: str) -> None:
    raise RuntimeError(reason)
