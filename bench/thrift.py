"""The savings of the protocol's optional rules: each on, and left out in a variant of ours.

Nothing is lost or doubled without them (docs/protocol.md, rules 9, 12 and 18); work is. The
variants live here alone: a function of the engine is replaced in a process of its own.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from statistics import median
from typing import Any, Final
from uuid import UUID, uuid4

from msgspec.structs import replace as changed
from pymongo import AsyncMongoClient
from pymongo.asynchronous.client_session import AsyncClientSession

from bench import relaying
from bench.running import Figures, Findings, Meter, Run, RunSize, Subject, run_alone
from bench.world import FOLLOWED_TOPIC, PARTITIONS, Happened, World, fact_of
from shared.contracts import source_of
from shared.contracts.envelope import Envelope, write_envelope
from shared.engine import Inbox, ParkingLot, Record, Store, Unit
from shared.engine.consume import offset_store
from shared.engine.consume.batch import BatchCommitter
from shared.engine.consume.circuit_breaker import CircuitBreaker
from shared.engine.consume.offset_store import Watermark
from shared.engine.outbox.relay import Relay
from shared.engine.store import lease
from shared.errors import Conflict, Fenced, Unavailable

__all__ = ["subject"]

_DATABASE: Final = "bench_thrift"
_TOPIC: Final = "bench.in"
_MESSAGES: Final = 60_000
_BATCHES: Final = 40
_IN_A_BATCH: Final = 50
_POISONED: Final = 5
"""Below the number that would halt the worker."""
_BEHIND: Final = 9


async def two_relays(world: World, _: int, *, with_lease: bool) -> Figures:
    """Two relays of one outbox, until it is empty."""
    if not with_lease:

        async def everybody(*_: object) -> bool:
            return True

        lease.acquire = everybody  # type: ignore[assignment]
    clients = [AsyncMongoClient[dict[str, Any]](world.mongo, tz_aware=True) for _ in range(2)]
    stores = [Store(client, "bench_ours", cases="cases") for client in clients]
    before, meter = world.ends(FOLLOWED_TOPIC), Meter(world)
    relays = [Relay(each, world.connection, holder=str(n)) for n, each in enumerate(stores)]
    running = [asyncio.create_task(each.run()) for each in relays]
    await relaying.emptied(stores[0])
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    figures = meter.figures(_MESSAGES)
    messages = (world.ends(FOLLOWED_TOPIC) - before) / _MESSAGES
    for client in clients:
        await client.close()
    return replace(figures, more={"measured": messages})


async def a_zombie(world: World, _: int, *, with_epoch: bool) -> Figures:
    """A replaced owner continues beside its successor, because it does not know of it."""
    if not with_epoch:
        offset_store.move = _move_without_epoch
        offset_store.read = _read_without_epoch
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(world.mongo, tz_aware=True)
    store = Store(client, _DATABASE, cases="cases")

    def keep(fact: Happened, unit: Unit) -> None:
        unit.save("cases", {"_id": fact.subject(), "number": fact.number})

    facts = Inbox()
    facts.on(Happened)(keep)
    committer = BatchCommitter(store, facts, CircuitBreaker())
    records = list(_records(_BATCHES * _IN_A_BATCH))
    owners = [await _take(store) for _ in range(2)]
    meter = Meter(world)
    refused = await asyncio.gather(*(_own(committer, owner, records) for owner in owners))
    figures = meter.figures(len(records))
    await client.close()
    return replace(figures, more={"measured": float(sum(refused))})


async def _own(committer: BatchCommitter, mark: Watermark, records: Sequence[Record]) -> int:
    """Work like a worker: a batch, after any doubt back to the watermark; return how often."""
    refused = 0
    with suppress(Fenced):
        while mark.offset < len(records):
            try:
                some = records[mark.offset : mark.offset + _IN_A_BATCH]
                mark, _ = await committer.commit(mark, some)
            except (Fenced, Conflict, Unavailable):
                refused += 1
                mark = await offset_store.read(committer.store, mark)
    return refused


async def _take(store: Store) -> Watermark:
    return await offset_store.take(
        store, topic=_TOPIC, topic_id="bench", partition=0, log_start=0, log_end=1_000_000
    )


async def _move_without_epoch(
    store: Store, mark: Watermark, to: int, session: AsyncClientSession
) -> None:
    here = {"_id": mark.id, "offset": mark.offset}
    moved = await store.db.watermarks.update_one(here, {"$set": {"offset": to}}, session=session)
    if moved.matched_count != 1:
        raise Fenced("the watermark is not where this slice begins")


async def _read_without_epoch(store: Store, mark: Watermark) -> Watermark:
    row = await store.db.watermarks.find_one({"_id": mark.id})
    return replace(mark, offset=row["offset"] if row else 0)


async def poison(world: World, _: int, *, with_parking: bool) -> Figures:
    """Process cases whose first event always fails, with events behind it and the sweeper."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(world.mongo, tz_aware=True)
    store = Store(client, _DATABASE, cases="cases")
    attempts = 0

    def fail(fact: Happened, unit: Unit) -> None:  # noqa: ARG001 - a handler's shape
        nonlocal attempts
        attempts += 1
        raise ZeroDivisionError

    facts = Inbox() if with_parking else _NeverParked()
    facts.on(Happened)(fail)
    parking_lot = ParkingLot(store, facts, {})
    await parking_lot.ensure_indexes()
    committer = BatchCommitter(store, facts, CircuitBreaker())
    cases = [uuid4() for _ in range(_POISONED)]
    records = list(_records(_POISONED * (1 + _BEHIND), cases))
    meter = Meter(world)
    mark = await _take(store)
    for start in range(0, len(records), _POISONED):
        mark = (await committer.commit(mark, records[start : start + _POISONED]))[0]
    await parking_lot.sweep()
    figures = meter.figures(len(records))
    await client.close()
    return replace(figures, more={"measured": attempts / _POISONED})


class _NeverParked(Inbox):
    """Parks a failed event, but leaves its case open."""

    def park(self, arrival: Any, unit: Unit, reason: str, cause: str) -> None:
        """Park the event only."""
        super().park(arrival, unit, reason, cause)
        protocol = unit.document(unit.cases, arrival.case_id).protocol
        unit.touch(unit.cases, arrival.case_id, changed(protocol, parked=None))


def _records(how_many: int, cases: Sequence[UUID] = ()) -> Iterator[Record]:
    """Return records of a partition: each of another case, or of these cases in turn."""
    now = datetime.now(UTC)
    for offset in range(how_many):
        case = cases[offset % len(cases)] if cases else uuid4()
        fact = fact_of(offset, case)
        sequence = 1 + (offset // len(cases) if cases else 0)
        envelope = Envelope(
            str(offset), source_of(_TOPIC), fact.type, now, fact.subject(), sequence=sequence
        )
        key, headers = fact.subject().encode(), tuple(write_envelope(envelope))
        yield Record(_TOPIC, 0, offset, int(now.timestamp() * 1000), key, fact.write(), headers)


_MEASURES: Final[tuple[tuple[str, str, Run, Run], ...]] = (
    (
        "9: the relay's lease",
        "records published per message, with two relays",
        partial(two_relays, with_lease=True),
        partial(two_relays, with_lease=False),
    ),
    (
        "12: the owner's epoch",
        f"batches refused in {_BATCHES}, beside a replaced owner that does not know it",
        partial(a_zombie, with_epoch=True),
        partial(a_zombie, with_epoch=False),
    ),
    (
        "18: the rest of the case is parked too",
        f"attempts at a failing event with {_BEHIND} behind it, until the sweeper ran once",
        partial(poison, with_parking=True),
        partial(poison, with_parking=False),
    ),
)


def _measure(world: World, size: RunSize) -> Findings:
    rows = []
    for rule, what, with_it, without in _MEASURES:
        row: dict[str, Any] = {"rule": rule, "what": what}
        for name, run in (("on", with_it), ("left_out", without)):
            found = []
            for _ in range(size.runs):
                _make_ready(world, rule)
                found.append(run_alone(run, world, 1).more["measured"])
            row[name] = round(median(found), 2)
            row[f"{name}_spread"] = f"{min(found):.2f} - {max(found):.2f}"
        rows.append({**row, "runs": size.runs})
    return Findings(rows)


def _make_ready(world: World, rule: str) -> None:
    world.empty(_DATABASE, "bench_ours")
    if rule.startswith("9"):
        world.make_topic(FOLLOWED_TOPIC, PARTITIONS)
        relaying.fill_outbox(world, "bench_ours", _MESSAGES)


subject = Subject("Savings: what the rules save that correctness does not need", _measure)
