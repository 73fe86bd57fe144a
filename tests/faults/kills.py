"""Hundreds of deaths beneath one engine, by a seed: six processes of a small service, killed in turn.

The service counts: each fact is a number of a case, each effect one row (`tests/edge`). Its processes
are forked, so that dying is cheap; broker and database are real, and die now and then too. What the
broker acknowledged to the sender is the ledger, and all that counts.
"""

import asyncio
import hashlib
import json
import os
import signal
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any, Final, Self

from confluent_kafka import KafkaException, Producer

from deploy.embedded.paths import CLONE
from shared.contracts import source_of
from shared.contracts.envelope import Envelope, write_envelope
from shared.crash_points import POINTS
from tests.edge.engine_world import Counted as CountedFact
from tests.edge.engine_world import EngineWorld, a_case, an_engine_world, until
from tests.faults.checker.effects import Counted, judge_counts
from tests.faults.checker.folding import Finding
from tests.live import LiveStack

__all__ = ["KillsOutcome", "run_lives"]

SLOTS: Final = ("a", "b", "c", "d", "e", "f")
PARTITIONS: Final = 6
CASES: Final = 24
_TICK_S: Final = 0.1
_LOOK_S: Final = 0.02
_READY_S, _PATIENCE_S = 30.0, 5.0
_AFTER_READY: Final = 0.8
"""Of those killed anywhere: the rest may be killed while they begin."""
_SETTLE_S: Final = 150.0
_BROKERS_EVERY: Final = 90
"""Kills of processes from one kill of broker or database to the next."""
_AREAS: Final = ("lane.", "watermark.", "slice.", "relay.", "group.", "lease.taken")
_REACHED: Final = [
    point for point in POINTS if point.startswith(_AREAS) and point != "relay.before_keeping_rest"
]


@dataclass(slots=True, kw_only=True)
class KillsOutcome:
    """What came of a seed."""

    seed: int
    kills: Counter[str] = field(default_factory=Counter)
    """`crash`, `anywhere`, `woken` (a zombie, killed once it had gone on), `mongo`, `kafka`."""
    points: Counter[str] = field(default_factory=Counter)
    facts: int = 0
    records: int = 0
    """The records of its output topic: more than the facts, by what was sent again."""
    findings: list[Finding] = field(default_factory=list)
    ready_s: list[float] = field(default_factory=list)
    """Seconds from the birth of an heir until it was ready."""
    settle_s: float = 0.0
    whole_s: float = 0.0
    digest: str = ""

    @property
    def died(self) -> int:
        """All that were killed."""
        return self.kills.total()

    def as_document(self) -> dict[str, Any]:
        """Give it for a file."""
        counts = {"kills": dict(self.kills), "points": dict(self.points)}
        return asdict(replace(self, kills=Counter(), points=Counter())) | counts


class Nursery:
    """Begins lives, and knows which have ended."""

    def __init__(self, world: EngineWorld, log: Path) -> None:
        self._options = {
            "log": str(log),
            "service": world.name,
            "topics": [world.topic],
            "facts_topic": world.facts_topic,
            "kafka_file": str(world.kafka_file),
            "mongo_file": str(world.mongo_file),
        }
        self._ends: dict[int, asyncio.Future[int]] = {}
        self._births: dict[str, asyncio.Future[int]] = {}
        self._ready: dict[int, asyncio.Event] = {}
        self._number = 0

    async def __aenter__(self) -> Self:
        """Import everything once."""
        command = (sys.executable, "-m", "tests.faults.nursery", json.dumps(self._options))
        self._process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=CLONE,
        )
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        """End it, and with it all that live."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
        await self._listening

    async def begin(self, instance: str, crash: str = "") -> int:
        """Begin a life; it dies or stops at a crash point, if one is named."""
        assert self._process.stdin is not None
        self._number += 1
        name = f"{instance}/{self._number}"
        born = self._births[name] = asyncio.get_running_loop().create_future()
        asked = {"name": name, "instance": instance, "crash": crash}
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        return await born

    async def ready(self, pid: int, seconds: float) -> bool:
        """Wait until a life is ready, or over; whether it was ready."""
        began = time.monotonic()
        while not self._ready[pid].is_set() and not self._ends[pid].done():
            if time.monotonic() - began > seconds:
                return False
            await asyncio.sleep(_LOOK_S)
        return self._ready[pid].is_set()

    async def ended(self, pid: int, seconds: float) -> int | None:
        """Wait for a life's end; its exit code, or None if it goes on."""
        with suppress(TimeoutError):
            return await asyncio.wait_for(asyncio.shield(self._ends[pid]), seconds)
        return None

    async def kill(self, pid: int) -> bool:
        """Kill it; whether it was this that it died of."""
        if self._ends[pid].done():
            return False
        os.kill(pid, signal.SIGKILL)
        return await asyncio.shield(self._ends[pid]) == -signal.SIGKILL

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            line_read = json.loads(line)
            if "born" in line_read:
                self._ends[line_read["pid"]] = asyncio.get_running_loop().create_future()
                self._ready[line_read["pid"]] = asyncio.Event()
                self._births.pop(line_read["born"]).set_result(line_read["pid"])
            elif "ready" in line_read:
                self._ready[line_read["ready"]].set()
            else:
                self._ends[line_read["pid"]].set_result(line_read["code"])


class Storm:
    """One seed."""

    def __init__(self, stack: LiveStack, world: EngineWorld, seed: int, kills: int) -> None:
        self._stack = stack
        self._world = world
        self._wanted = kills
        self._seed = seed
        self._cases = [str(a_case()) for _ in range(CASES)]
        self._sent: Counter[str] = Counter()
        self._acknowledged: list[tuple[str, int]] = []
        self._zombies: list[asyncio.Task[None]] = []
        self.outcome = KillsOutcome(seed=seed)

    def _dice(self, what: str) -> Random:
        return Random(f"{self._seed} {what}")  # noqa: S311 - a run that can be repeated

    async def run(self, ledger: Path) -> None:
        """Kill until it is enough, let an heir finish, and judge."""
        began = time.monotonic()
        async with Nursery(self._world, ledger.with_suffix(".log")) as nursery:
            sending = asyncio.create_task(self._send(ledger))
            await asyncio.gather(
                *(self._live(nursery, slot) for slot in SLOTS), self._hit_brokers()
            )
            await asyncio.gather(*self._zombies)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            await asyncio.to_thread(self._flush)
            quiet = time.monotonic()
            for slot in SLOTS:
                await nursery.begin(slot)
            await until(self._is_whole, "all had its effect", seconds=_SETTLE_S, was=self._world.db)
            self.outcome.settle_s = round(time.monotonic() - quiet, 1)
        seen = await self._look()
        self.outcome.findings = judge_counts(self._acknowledged, seen)
        self.outcome.facts = len(set(self._acknowledged))
        self.outcome.records = len(seen.published)
        self.outcome.digest = hashlib.sha256(await asyncio.to_thread(ledger.read_bytes)).hexdigest()
        self.outcome.whole_s = round(time.monotonic() - began, 1)

    @property
    def _is_enough(self) -> bool:
        return self.outcome.died >= self._wanted

    async def _live(self, nursery: Nursery, slot: str) -> None:
        """One life after the other under one name, now and then under a guest's."""
        dice, guests = self._dice(slot), 0
        while not self._is_enough:
            kind = dice.choices(("crash", "anywhere", "zombie", "guest"), (60, 32, 6, 2))[0]
            point, times = dice.choice(_REACHED), dice.choice((1, 1, 2, 3, 5))
            lasts = dice.uniform(0.1, 2.0)
            if kind == "crash":
                pid = await nursery.begin(slot, f"{point}:{times}")
                await self._see_ready(nursery, pid)
                if await nursery.ended(pid, _PATIENCE_S) == -signal.SIGKILL:
                    self.outcome.kills["crash"] += 1
                    self.outcome.points[point] += 1
                    continue
            elif kind == "zombie":
                pid = await nursery.begin(slot, f"{point}:{times}:stop")
                await nursery.ready(pid, _PATIENCE_S)
                await asyncio.sleep(1.0 + lasts)
                self._zombies.append(asyncio.create_task(self._wake(nursery, pid, lasts)))
                continue
            else:
                guests += kind == "guest"
                pid = await nursery.begin(f"{slot}-{guests}" if kind == "guest" else slot)
                if dice.random() < _AFTER_READY:
                    await self._see_ready(nursery, pid)
                await asyncio.sleep(lasts)
            self.outcome.kills["anywhere"] += await nursery.kill(pid)

    async def _see_ready(self, nursery: Nursery, pid: int) -> None:
        began = time.monotonic()
        if await nursery.ready(pid, _READY_S):
            self.outcome.ready_s.append(round(time.monotonic() - began, 2))

    async def _wake(self, nursery: Nursery, pid: int, seconds: float) -> None:
        """Its heir lives by now: let it go on, and then die."""
        await asyncio.sleep(seconds)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
        await asyncio.sleep(seconds)
        self.outcome.kills["woken"] += await nursery.kill(pid)

    async def _hit_brokers(self) -> None:
        dice, due = self._dice("brokers"), _BROKERS_EVERY
        while not self._is_enough:
            await asyncio.sleep(0.2)
            if self.outcome.died >= due:
                due += _BROKERS_EVERY
                which = dice.choice(("mongo", "kafka"))
                with suppress(Exception):  # it may be away just now: then it was hit already
                    await asyncio.to_thread(self._stack.kill, which)
                    self.outcome.kills[which] += 1

    async def _send(self, ledger: Path) -> None:
        """Send facts at a rate that waits for nobody: in order, swapped, and again."""
        dice = self._dice("facts")
        settings = {"acks": "all", "enable.idempotence": True, "message.timeout.ms": 120_000}
        self._producer = Producer({**self._world.login, **settings})
        with ledger.open("a", encoding="utf-8") as lines:
            self._lines = lines
            try:
                while True:
                    for case in dice.sample(self._cases, 3):
                        first = self._sent[case] + 1
                        numbers = list(range(first, first + dice.randint(1, 3)))
                        self._sent[case] = numbers[-1]
                        if dice.random() < 0.2:
                            dice.shuffle(numbers)
                        if dice.random() < 0.2:
                            numbers.append(dice.randint(1, numbers[-1]))
                        for number in numbers:
                            self._put(case, number)
                    self._producer.poll(0)
                    await asyncio.sleep(_TICK_S)
            finally:
                await asyncio.to_thread(self._flush)

    def _put(self, case: str, number: int) -> None:
        topic = self._world.topic
        fact = CountedFact(case_id=case, number=number, on=topic)
        envelope = Envelope(
            id=f"{case}-{number}",
            source=source_of(topic),
            type=CountedFact.type,
            subject=case,
            sequence=number,
        )

        def on_delivery(error: Any, _: Any) -> None:
            if error is not None:
                raise KafkaException(error)
            self._acknowledged.append((case, number))
            self._lines.write(json.dumps({"acked": number, "case": case}) + "\n")

        headers: Any = write_envelope(envelope)
        self._producer.produce(
            topic, fact.write(), key=case, headers=headers, on_delivery=on_delivery
        )

    def _flush(self) -> None:
        assert self._producer.flush(90) == 0, "the broker did not take every fact"

    async def _is_whole(self) -> bool:
        """Whether nothing is on its way any more; what it comes to is judged afterwards."""
        db = self._world.db
        if await db.outbox.count_documents({}):
            return False
        ends = await asyncio.to_thread(self._ends)
        return await self._watermarks() == ends

    async def _watermarks(self) -> dict[int, int]:
        rows = self._world.db.watermarks.find({"topic": self._world.topic})
        return {row["partition"]: row["offset"] async for row in rows if row["offset"]}

    def _ends(self) -> dict[int, int]:
        raw = self._world.raw(self._world.topic)
        ends: Counter[int] = Counter()
        for record in raw:
            ends[record.partition()] = max(ends[record.partition()], record.offset() + 1)
        return dict(ends)

    async def _look(self) -> Counted:
        db = self._world.db
        records = await self._world.published()
        return Counted(
            documents={row["_id"]: row async for row in db.cases.find()},
            effects=[(row["case_id"], row["number"]) async for row in db.effects.find()],
            published=[
                (each.case, each.sequence, each.number, repr(each.bytes).encode())
                for each in records
            ],
            outbox=await db.outbox.count_documents({}),
            parked=await db.parked.count_documents({}),
            watermarks=await self._watermarks(),
            ends=await asyncio.to_thread(self._ends),
        )


async def run_lives(stack: LiveStack, seed: int, kills: int, folder: Path) -> KillsOutcome:
    """Carry a seed out on brokers that run, and return its outcome."""
    async with an_engine_world(stack, partitions=PARTITIONS) as world:
        storm = Storm(stack, world, seed, kills)
        await storm.run(folder / f"lives-{seed}.jsonl")
        return storm.outcome
