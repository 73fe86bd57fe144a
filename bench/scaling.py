"""The cost of an event with many stored cases, and with few or many partitions."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from hashlib import sha256
from itertools import islice
from random import Random
from time import monotonic, sleep
from typing import Any, Final
from uuid import UUID

from bench.pipeline import SAMRAAD, bare_loop, ours, service
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
from bench.world import PARTITIONS, Followed, Happened, World, fact_of
from deploy.embedded.database_rights import SMALL_PAGES
from shared.engine import Unit

__all__ = ["cases", "partitions"]

_IN_STORE: Final = (10_000, 100_000, 1_000_000)
_ROOMY_MB: Final = 1_024
_AS_SHIPPED_MB: Final = 256
"""The cache of the database in the embedded stack; a million cases do not fit in it."""
_EVENTS: Final = 10_000
"""Each event is of another case, in the smallest store too."""
_SETTLED_S: Final = 60
_PARTITIONS: Final = (1, 16, 64)
_INSERTED_AT_ONCE: Final = 5_000


def change(fact: Happened, unit: Unit) -> None:
    """The rule: a known case stores the fact, emits one, and both are logged."""
    known = unit.load("cases", fact.subject())
    if known is None:
        raise LookupError("the store does not hold the case")
    unit.save("cases", {**known, "municipality": fact.municipality, "number": fact.number})
    unit.emit(Followed(case_id=fact.case_id, number=fact.number))
    unit.add("audit", {"at": unit.now, "what": fact.subject()})


async def _among(world: World, events: int, *, database: str) -> Figures:
    async with service(world, change, database=database) as subscription:
        meter = Meter(world)
        subscription.start()
        workers = subscription.workers.values()
        await until(lambda: sum(each.mark.offset for each in workers if each.mark) >= events)
        return meter.figures(events)


def _case(number: int) -> UUID:
    """Return the id of a case, evenly distributed like real ones."""
    return UUID(bytes=sha256(str(number).encode()).digest()[:16])


def _store(world: World, database: str, how_many: int) -> None:
    """Fill a store with cases as the engine stores them."""

    def documents() -> Iterator[dict[str, Any]]:
        for number in range(how_many):
            yield {
                "_id": str(_case(number)),
                "version": 1,
                "municipality": "0630",
                "number": 0,
                "parties": [str(_case(-number)), str(_case(-number - 1))],
                "protocol": {
                    "marks": {"/bench/before": 1},
                    "sequences": {"/bench/out": 1},
                },
            }

    with world.database_client() as client:
        client[database].create_collection("cases", storageEngine=SMALL_PAGES)
        rest = documents()
        while some := list(islice(rest, _INSERTED_AT_ONCE)):
            client[database].cases.insert_many(some, ordered=False)


def _give_cache(world: World, megabytes: int) -> None:
    """Set the size of the database's cache, and wait until all writes are on disk."""
    with world.database_client() as client:
        setting = f"cache_size={megabytes}M"
        client.admin.command("setParameter", 1, wiredTigerEngineRuntimeConfig=setting)
        client.admin.command("fsync")
        until = monotonic() + _SETTLED_S
        while monotonic() < until:
            cache = client.admin.command("serverStatus")["wiredTiger"]["cache"]
            if cache["bytes currently in the cache"] < megabytes * 1024 * 1024:
                break
            sleep(0.2)


def _measure_cases(world: World, size: RunSize) -> Findings:
    events = min(size.events, _EVENTS)
    contenders, sizes = [], {}
    wanted = [(how_many, _ROOMY_MB) for how_many in _IN_STORE]
    for how_many, cache in [*wanted, (_IN_STORE[-1], _AS_SHIPPED_MB)]:
        run = partial(_among, database=f"bench_{how_many}")
        contender = Contender(f"{how_many:,} cases, cache of {cache} MB", run, "", events=events)
        contenders.append(contender)
        sizes[contender.name] = how_many, cache
    _give_cache(world, _ROOMY_MB)
    for how_many in _IN_STORE:
        world.empty(f"bench_{how_many}")
        _store(world, f"bench_{how_many}", how_many)
    topics = [f"bench.in.{number}" for number in range(size.runs * len(contenders), 0, -1)]

    def before(world: World, contender: Contender) -> World:
        how_many, cache = sizes[contender.name]
        topic, dice = topics.pop(), Random(len(topics))  # noqa: S311 - which case is hit
        world.make_topic(topic, PARTITIONS)
        chosen = dice.sample(range(how_many), events)
        world.fill(topic, ((fact_of(number, _case(number)), 1) for number in chosen))
        _give_cache(world, cache)
        return replace(world, topic=topic)

    runs = by_turns(world, contenders, size, before)
    rows = [row_of(name, figures) for name, figures in runs.items()]
    few, _, many, _ = (each.name for each in contenders)
    for row, figures in zip(rows, runs.values(), strict=True):
        row["cost_to_10_000"] = ratio(figures, runs[few], _cost)
    reached = ratio(runs[many], runs[few], _cost)
    return Findings(
        rows,
        [Target.at_most("cost at 1,000,000 cases / at 10,000, in a cache for both", 1.3, reached)],
    )


def _cost(figures: Figures) -> float:
    """Return the CPU time of client and database for an event."""
    return figures.cpu_us + figures.mongod_us


def _measure_partitions(world: World, size: RunSize) -> Findings:
    contenders = []
    worlds = {}
    for how_many in _PARTITIONS:
        here = replace(world, topic=f"bench.in.p{how_many}", partitions=how_many)
        here.make_topic(here.topic, how_many)
        here.fill(here.topic, ((fact_of(number), 1) for number in range(size.events)))
        for name, run in (("bare loop", bare_loop), (SAMRAAD, ours)):
            contender = Contender(f"{name}, {how_many} partitions", run, "")
            contenders.append(contender)
            worlds[contender.name] = here

    def before(world: World, contender: Contender) -> World:
        world.empty("bench_bare", "bench_ours")
        return worlds[contender.name]

    runs = by_turns(world, contenders, size, before)
    return Findings([row_of(name, figures) for name, figures in runs.items()])


cases = Subject("Stored cases: each event changes one of them, at random", _measure_cases)
partitions = Subject(
    "Partitions: the service of `pipeline` with fewer and more of them", _measure_partitions
)
