"""A small service on the engine, and the broker and database around it: what the attacks are on.

Its facts name what its handler does with them, so a test writes its own poison. The handler counts
every effect as a row that nobody loads: an effect that happened twice is there twice.
"""

import asyncio
import atexit
import fcntl
import json
import os
import time
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import ClassVar
from uuid import UUID, uuid4

import httpx
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from pymongo import AsyncMongoClient

from shared.contracts import CaseFact, source_of
from shared.contracts.envelope import Envelope, write_envelope
from shared.engine import Inbox, Rejected, Subscription, Timers
from shared.engine.timers.timers import sync_timers
from shared.runtime.process import make_service
from shared.runtime.settings import ServiceSettings
from shared.runtime.wiring import make_engine
from tests.forked import create_forked_process
from tests.signing import KeyPairs

SECONDS = 15.0
NAMES = ("first", "second", "third", "fails", "cannot be stored", "takes a taken id")
"""Of deadlines."""


class Counted(CaseFact):
    """A numbered thing that happened to a case, and what the handler is to do with it."""

    type: ClassVar[str] = "test.counted.v1"

    number: int
    does: str = "count"
    on: str
    at: datetime | None = None
    """For what sets or moves a deadline: when it is due."""

    def topic(self):
        return self.on


class Emitted(CaseFact):
    """The event that the service emits for each effect."""

    type: ClassVar[str] = "test.emitted.v1"

    number: int
    on: str
    padding: str = ""

    def topic(self):
        return self.on


class Behaviour:
    """What the handlers do; `fixed` is a roll-out of better code."""

    def __init__(self, topic):
        self.facts_topic = topic
        self.fixed = False

    def facts(self):
        facts = Inbox()

        @facts.on(Counted, needs=self._needs)
        def on_counted(fact, unit):
            self._count(fact, unit)

        return facts

    def deadlines(self):
        deadlines = Timers()
        for name in NAMES:
            deadlines.on(name)(self._remind)
        return deadlines

    def _remind(self, due, unit):
        case = unit.load("cases", due.case_id)
        reminded = {"name": due.name, "due_at": due.due_at, "at": unit.now}
        unit.add("effects", {"_id": uuid4().hex, "case_id": due.case_id, "number": due.name})
        unit.emit(Emitted(case_id=due.subject, number=NAMES.index(due.name), on=self.facts_topic))
        if due.name == "fails" and not self.fixed:
            raise ZeroDivisionError("secret")
        if due.name == "cannot be stored" and not self.fixed:
            unit.add("effects", {"_id": uuid4().hex, "number": 2**70})
        if due.name == "takes a taken id" and not self.fixed:
            unit.add("effects", {"_id": "taken", "number": 0})
        left = {name: at for name, at in case.get("due", {}).items() if name != due.name}
        log = [*case.get("reminded", []), reminded]
        unit.save("cases", case | {"due": left, "reminded": log})

    def _needs(self, fact):
        if fact.does == "need badly" and not self.fixed:
            raise KeyError(fact.number)
        return {"helpers": [f"helper-{fact.number}"]} if fact.does == "help" else {}

    def _count(self, fact, unit):
        case = unit.load("cases", fact.subject()) or {"_id": fact.subject(), "numbers": []}
        if fact.does == "change and fail" and not self.fixed:
            case["numbers"].append(-1)
            case["trace"] = "of a failed attempt"
        unit.add("effects", {"_id": uuid4().hex, "case_id": case["_id"], "number": fact.number})
        unit.emit(Emitted(case_id=fact.case_id, number=fact.number, on=self.facts_topic))
        if not self.fixed:
            self._fail(fact, unit)
        follow_fact(fact, case, unit)
        unit.save("cases", case | {"numbers": [*case["numbers"], fact.number]})

    def _fail(self, fact, unit):
        match fact.does:
            case "fail" | "change and fail":
                raise ZeroDivisionError(f"secret {fact.number}")
            case "reject":
                raise Rejected("this can never be")
            case "take a taken id":
                unit.add("effects", {"_id": "taken", "case_id": "nobody", "number": fact.number})
            case "emit too much":
                event = Emitted(
                    case_id=fact.case_id, number=0, on=self.facts_topic, padding="x" * 1_100_000
                )
                unit.emit(event)
            case "write what cannot be stored":
                unit.add("effects", {"_id": uuid4().hex, "number": 2**70})
            case _:
                pass


def follow_fact(fact, case, unit):
    """Set or move the deadline that the fact names, or cancel them all."""
    before = case.get("due", {})
    if fact.does in NAMES:
        case["due"] = {**before, fact.does: fact.at}
    elif fact.does == "close":
        case["due"] = {}
    sync_timers(unit, case["_id"], before=before, now=case.get("due", {}))


class Service:
    """One running process of the test service."""

    def __init__(self, app, engine):
        self.app = app
        self.engine = engine
        self.store = engine.store
        self.parking_lot = engine.parking_lot
        self.workers = engine.subscriptions[0].workers

    def operator(self, **headers):
        """A client of the operator's interface."""
        token = self.engine.settings.operator_token
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app),
            base_url="http://service/operator",
            headers={"Authorization": f"Bearer {token}", **headers},
        )

    async def health(self):
        return (await self.get("/health/ready")).json()

    async def get(self, path):
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.get(path)


def _lock_of(port):
    return Path(gettempdir(), f"samraad-failing-{port}.lock").open("w")


class EngineWorld:
    """Topics and a database of one test, the service's code, and eyes to see what it did."""

    def __init__(self, stack):
        self.name = f"test_{uuid4().hex[:10]}"
        self.topic = f"{self.name}.cases"
        self.facts_topic = f"{self.name}.facts"
        self.home = stack.home
        self.kafka_file = stack.home.secrets / "kafka" / "admin.json"
        self.mongo_file = stack.home.secrets / "mongo" / "admin.uri"
        self.login = stack.kafka("admin") | {"log_level": 0}
        self.admin = AdminClient(self.login)
        self.client = AsyncMongoClient(stack.mongo("admin"), tz_aware=True)
        self.db = self.client[self.name]
        self.behaviour = Behaviour(self.facts_topic)
        self._refused = []
        self.use_codec("none")

    def use_codec(self, codec):
        """Send as batches that are packed in this way from now on."""
        settings = {"acks": "all", "linger.ms": 5, "compression.codec": codec}
        settings |= {"enable.idempotence": True, "message.timeout.ms": 60_000}
        self._producer = Producer({**self.login, **settings})

    async def make_topic(self, name, partitions=1):
        made = self.admin.create_topics([NewTopic(name, partitions, 1)])
        await asyncio.to_thread(made[name].result, 10)

    async def remove_topic(self, name):
        removed = self.admin.delete_topics([name])
        await asyncio.to_thread(removed[name].result, 10)

    def make_app(self, *topics, instance="one", group=None, behaviour=None):
        return an_app(
            self.name,
            topics or (self.topic,),
            behaviour or self.behaviour,
            kafka_file=self.kafka_file,
            mongo_file=self.mongo_file,
            operator_token_file=self.home.secrets / "operator-tokens" / "intake",
            instance=instance,
            group=group or self.name,
        )

    @asynccontextmanager
    async def service(self, *topics, **changed):
        """Run a process of the service in this one, from its start to its orderly end."""
        app, engine = self.make_app(*topics, **changed)
        async with app.router.lifespan_context(app):
            await until(lambda: engine.ready, "the service is ready")
            yield Service(app, engine)

    @asynccontextmanager
    async def process(
        self, *topics, instance="other", group=None, crash="", wait=True, heard=False, **more
    ):
        """Run it in a process of its own, which a test may stop and kill.

        `crash` is the value of SAMRAAD_CRASH: where it is to die, or to stop, by itself; who has
        it `heard` reads its standard error too; `more` is for `engine_process`.
        """
        options = {
            "name": self.name,
            "topics": topics or [self.topic],
            "facts_topic": self.facts_topic,
            "kafka_file": str(self.kafka_file),
            "mongo_file": str(self.mongo_file),
            "instance": instance,
            "group": group or self.name,
            **more,
        }
        faults = {"SAMRAAD_FAULTS": "1", "SAMRAAD_CRASH": crash} if crash else {}
        process = await create_forked_process(
            "tests.edge.engine_process",
            json.dumps(options),
            environment={**os.environ, **faults},
            pipes={"stdout", "stderr"} if heard else {"stdout"},
        )
        try:
            if wait and not crash:
                await asyncio.wait_for(process.stdout.readuntil(b"ready\n"), SECONDS)
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def send(self, case, *numbers, **changes):
        """Send facts of a case under these sequence numbers, as an upstream relay does."""
        for number in numbers:
            self.post(case, number, **changes)
        self.flush()

    def post(
        self,
        case,
        number,
        *,
        does="count",
        at=None,
        topic=None,
        type_=Counted.type,
        partition=None,
    ):
        """Hand one fact to the client library."""
        topic = topic or self.topic
        fact = Counted(case_id=case, number=number, does=does, on=topic, at=at)
        envelope = Envelope(
            id=f"{case}-{number}",
            source=source_of(topic),
            type=type_,
            subject=str(case),
            sequence=number,
        )
        self.put(topic, str(case), fact.write(), write_envelope(envelope), partition)

    def put(self, topic, key, value, headers, partition=None, **more):
        """Send any record."""
        place = {} if partition is None else {"partition": partition}
        self._producer.produce(
            topic, value, key=key, headers=headers, on_delivery=self._on_delivery, **place, **more
        )

    def flush(self):
        assert self._producer.flush(60) == 0
        assert self._refused == []

    def _on_delivery(self, error, _):
        if error is not None:
            self._refused.append(str(error))

    async def numbers(self, case):
        """The events that the case's own document has taken in, in that order."""
        document = await self.db.cases.find_one({"_id": str(case)})
        return (document or {}).get("numbers", [])

    async def effects(self, case):
        """Every effect that was ever written for the case."""
        rows = self.db.effects.find({"case_id": str(case)}).sort("number", 1)
        return [row["number"] async for row in rows]

    async def parked(self, **query):
        return await self.db.parked.find(query).sort("_id", 1).to_list()

    async def counted(self, case, *numbers, seconds=SECONDS):
        """Wait until the case took in exactly these, in this order, each once."""
        await until(
            self._has(case, list(numbers)),
            f"{case} took in {numbers[:9]}",
            seconds=seconds,
            was=self.db,
        )
        assert await self.effects(case) == sorted(numbers)

    def _has(self, case, numbers):
        async def look():
            return await self.numbers(case) == numbers

        return look

    @asynccontextmanager
    async def failing(self, *commands, **how):
        """Let the database fail these commands of the test service, and of nobody else.

        The database has one such switch. Another process that tests on it waits until it is free.
        """
        mode = how.pop("mode", "alwaysOn")
        data = {"failCommands": commands, "appName": self.name, **how}
        on = {"configureFailPoint": "failCommand", "mode": mode, "data": data}
        _, port = await self.client.address
        with _lock_of(port) as lock:
            await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
            await self.client.admin.command(on)
            try:
                yield
            finally:
                off = {"configureFailPoint": "failCommand", "mode": "off"}
                await self.client.admin.command(off)

    async def settled(self):
        """Wait until the outbox is empty."""

        async def look():
            return await self.db.outbox.count_documents({}) == 0

        await until(look, "the outbox is empty")

    async def published(self, topic=None):
        """Every record of a topic, oldest first within each partition."""
        return [
            Published(each) for each in await asyncio.to_thread(self.raw, topic or self.facts_topic)
        ]

    def raw(self, topic):
        """Every record of a topic as the client library gives it."""
        settings = {"group.id": f"{self.name}.eyes", "enable.auto.commit": False}
        consumer = Consumer({**self.login, **settings, "auto.offset.reset": "earliest"})
        found = []
        try:
            for partition in consumer.list_topics(topic, timeout=10).topics[topic].partitions:
                place = TopicPartition(topic, partition)
                start, end = consumer.get_watermark_offsets(place, timeout=10)
                consumer.assign([TopicPartition(topic, partition, start)])
                while start < end:
                    message = consumer.poll(10)
                    if message is None or message.error():
                        raise KafkaException(message and message.error())
                    found.append(message)
                    start = message.offset() + 1
        finally:
            consumer.close()
        return found

    def segment(self, topic, partition=0):
        """The file that holds a partition's records."""
        return self.home.kafka / f"{topic}-{partition}" / f"{0:020d}.log"

    async def close(self):
        await self.client.drop_database(self.name)
        await self.client.close()
        mine = [
            name for name in self.admin.list_topics(timeout=10).topics if name.startswith(self.name)
        ]
        for removed in self.admin.delete_topics(mine).values():
            await asyncio.to_thread(removed.result, 10)


class Published:
    """A record that the service published."""

    def __init__(self, message):
        self.partition = message.partition()
        self.offset = message.offset()
        self.headers = dict(message.headers())
        self.case = message.key().decode()
        self.sequence = int(self.headers["ce_sequence"])
        self.number = json.loads(message.value())["number"]
        self.bytes = (message.key(), message.value(), tuple(sorted(self.headers.items())))

    def __repr__(self):
        return f"{self.case[:4]}#{self.sequence}"


def an_app(name, topics, behaviour, *, group, **settings):
    """Wire the test service as every service is wired."""
    given = {"port": 1, **_key_pair().settings("test"), **settings}
    settings = settings_class(name)(**given)
    facts = behaviour.facts()
    subscription = Subscription(*topics, processor=facts, group=group)
    engine = make_engine(
        settings,
        cases="cases",
        subscriptions=[subscription],
        inbox=facts,
        timers=behaviour.deadlines(),
        owned_topics={behaviour.facts_topic: "cases"},
    )
    return make_service(engine, title="test"), engine


@cache
def _key_pair():
    folder = TemporaryDirectory(prefix="samraad-keys-")
    atexit.register(folder.cleanup)
    return KeyPairs.lay(Path(folder.name), "test")


def settings_class(name):
    return type("Settings", (ServiceSettings,), {"service": name, "__module__": __name__})


@asynccontextmanager
async def an_engine_world(stack, partitions=1):
    world = EngineWorld(stack)
    await world.make_topic(world.topic, partitions)
    await world.make_topic(world.facts_topic, partitions)
    # one that its first transaction makes is not seen by all at the moment when its rows are
    await world.db.create_collection("effects")
    try:
        yield world
    finally:
        await world.close()


async def until(condition, what, *, seconds=SECONDS, was=None):
    """Look again and again until it is so; else fail with what was there instead."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if asyncio.iscoroutine(found):
            found = await found
        if found:
            return
        if time.monotonic() > end:
            seen = "" if was is None else await _seen(was)
            raise AssertionError(f"after {seconds} s it is not so that {what}{seen}")
        await asyncio.sleep(0.02)


async def _seen(db):
    cases = await db.cases.find().to_list()
    parked = await db.parked.find({}, {"value": 0, "headers": 0}).to_list()
    return f"\n{str(cases)[:2_000]}\n{str(parked)[:2_000]}"


def a_case(number=0):
    """A case id; the same number gives the same one."""
    return UUID(int=0x5A3A0000_0000_4000_8000_000000000000 + number) if number else uuid4()


__all__ = [
    "Behaviour",
    "Counted",
    "Emitted",
    "EngineWorld",
    "a_case",
    "an_app",
    "an_engine_world",
    "until",
]
