"""Whether an event costs the same with many cases in store, and with few or many partitions."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from hashlib import sha256
from itertools import islice
from random import Random
from typing import Any, Final
from uuid import UUID

from bench.pipeline import SAMRAAD, bare_loop, ours, service
from bench.running import (
    Asked,
    Contender,
    Figures,
    Meter,
    Subject,
    Target,
    by_turns,
    ratio,
    row_of,
    until,
)
from bench.running import Told as Findings
from bench.world import PARTITIONS, Happened, Told, World, fact_of
from shared.engine import Unit

__all__ = ["cases", "partitions"]

_IN_STORE: Final = (10_000, 100_000, 1_000_000)
_PARTITIONS: Final = (1, 16, 64)
_INSERTED_AT_ONCE: Final = 5_000


def change(fact: Happened, unit: Unit) -> None:
    """The rule: a case that is known takes the fact in, tells of it, and it is logged."""
    known = unit.load("cases", fact.subject())
    if known is None:
        raise LookupError("the store does not hold the case")
    unit.save("cases", {**known, "municipality": fact.municipality, "number": fact.number})
    unit.emit(Told(case_id=fact.case_id, number=fact.number))
    unit.add("audit", {"at": unit.now, "what": fact.subject()})


async def _among(world: World, events: int, *, database: str) -> Figures:
    async with service(world, change, database=database) as subscription:
        meter = Meter(world)
        subscription.start()
        lanes = subscription.lanes.values()
        await until(lambda: sum(each.mark.offset for each in lanes if each.mark) >= events)
        return meter.figures(events)


def _case(number: int) -> UUID:
    """The id of a case: spread over all ids, as theirs are."""
    return UUID(bytes=sha256(str(number).encode()).digest()[:16])


def _store(world: World, database: str, how_many: int) -> None:
    """Fill a store with cases as the engine leaves them."""

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
        client.drop_database(database)
        rest = documents()
        while some := list(islice(rest, _INSERTED_AT_ONCE)):
            client[database].cases.insert_many(some, ordered=False)


def _topic_of(how_many: int, run: int) -> str:
    return f"bench.in.{how_many}.{run}"


def _measure_cases(world: World, asked: Asked) -> Findings:
    events = min(asked.events, 20_000)
    contenders = []
    for how_many in _IN_STORE:
        database = f"bench_{how_many}"
        _store(world, database, how_many)
        name = f"{how_many:,} cases"
        promises = f"{SAMRAAD}; each event changes one of {how_many:,} stored cases, at random."
        run = partial(_among, database=database)
        contenders.append(Contender(name, run, promises, events=events))
    turn = dict.fromkeys((each.name for each in contenders), 0)

    def before(world: World, contender: Contender) -> World:
        run = turn[contender.name] = turn[contender.name] + 1
        how_many = _IN_STORE[[each.name for each in contenders].index(contender.name)]
        topic, dice = _topic_of(how_many, run), Random(run)  # noqa: S311 - which case is hit
        world.make_topic(topic, PARTITIONS)
        chosen = dice.sample(range(how_many), min(how_many, events))
        chosen += chosen[: events - len(chosen)]
        taken: dict[int, int] = {}

        def facts() -> Iterator[tuple[Happened, int]]:
            for number in chosen:
                taken[number] = taken.get(number, 0) + 1
                yield fact_of(number, _case(number)), taken[number]

        world.fill(topic, facts())
        return replace(world, topic=topic)

    runs = by_turns(world, contenders, asked, before)
    rows = [row_of(name, figures) for name, figures in runs.items()]
    few, many = contenders[0].name, contenders[-1].name
    for row, figures in zip(rows, runs.values(), strict=True):
        row["cost_to_10_000"] = ratio(figures, runs[few], _cost)
    reached = ratio(runs[many], runs[few], _cost)
    return Findings(rows, [Target.at_most("cost at 1,000,000 cases / at 10,000", 1.3, reached)])


def _cost(figures: Figures) -> float:
    """CPU of client and database for an event."""
    return figures.cpu_us + figures.mongod_us


def _measure_partitions(world: World, asked: Asked) -> Findings:
    contenders = []
    worlds = {}
    for how_many in _PARTITIONS:
        here = replace(world, topic=f"bench.in.p{how_many}", partitions=how_many)
        here.make_topic(here.topic, how_many)
        here.fill(here.topic, ((fact_of(number), 1) for number in range(asked.events)))
        for name, run in (("bare loop", bare_loop), (SAMRAAD, ours)):
            contender = Contender(f"{name}, {how_many} partitions", run, "")
            contenders.append(contender)
            worlds[contender.name] = here

    def before(world: World, contender: Contender) -> World:
        world.empty("bench_bare", "bench_ours")
        return worlds[contender.name]

    runs = by_turns(world, contenders, asked, before)
    return Findings([row_of(name, figures) for name, figures in runs.items()])


cases = Subject("Cases in store: each event changes one of them, at random", _measure_cases)
partitions = Subject("Partitions: the service of `pipeline` on fewer and more", _measure_partitions)
