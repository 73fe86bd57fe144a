"""Figures of the engine, as whoever watches a service reads them: each moves when its cause does."""

import re

import httpx
import pytest

from shared.runtime import restart_counter
from tests.edge.engine_world import a_case, an_engine_world, until

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

AWAY = 91
"""The server is shutting down: an error that passes."""


@pytest.fixture
async def world(kafka_and_mongo):
    async with an_engine_world(kafka_and_mongo) as world:
        yield world


async def figures(service):
    transport = httpx.ASGITransport(service.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        text = (await client.get("/metrics")).text
    return {
        name: float(value)
        for name, value in re.findall(r"^(samraad_\S+) (\S+)$", text, re.MULTILINE)
    }


async def reaches(service, name, value):
    """Wait until a figure is what it should be; what is not told is None."""
    seen = {}

    async def look():
        seen["now"] = (await figures(service)).get(name)
        return seen["now"] == value

    try:
        await until(look, f"{name} is {value}")
    except AssertionError:
        raise AssertionError(f"{name} is {seen['now']}, not {value}") from None


def of(name, world):
    return f'{name}{{topic="{world.topic}"}}'


def at(name, world):
    return f'{name}{{partition="0",topic="{world.topic}"}}'


async def test_events_and_what_is_told_of_them_are_counted(world):
    case = a_case()

    async with world.service() as service:
        world.send(case, 1, 2, 3)
        await world.counted(case, 1, 2, 3)
        await world.settled()
        told = await figures(service)

    assert told[of("samraad_events_total", world)] == 3
    assert told[of("samraad_slice_seconds_count", world)] >= 1
    assert told[of("samraad_transaction_seconds_count", world)] >= 1
    assert told[f'samraad_published_total{{topic="{world.told}"}}'] == 3
    assert told["samraad_last_step_timestamp_seconds"] > 1e9
    assert told["samraad_ready"] == told["samraad_database_answers"] == 1


async def test_repeats_are_counted_as_they_are_dropped(world):
    case = a_case()

    async with world.service() as service:
        world.send(case, 1, 2, 1, 2)
        await reaches(service, of("samraad_duplicates_dropped_total", world), 2)


async def test_a_gap_shows_until_it_is_filled(world):
    case = a_case()

    async with world.service() as service:
        world.send(case, 2, 3)
        await reaches(service, "samraad_gaps_held_events", 2)
        assert (await figures(service))["samraad_gap_oldest_seconds"] > 0
        assert (await figures(service))["samraad_parked_events"] == 0
        world.send(case, 1)
        await reaches(service, "samraad_gaps_held_events", 0)
        assert (await figures(service))["samraad_gap_oldest_seconds"] == 0


async def test_what_waits_behind_a_parked_event_is_no_gap(world):
    case = a_case()

    async with world.service() as service:
        world.send(case, 1, does="fail")
        world.send(case, 2, 3)
        await reaches(service, "samraad_parked_events", 1)
        await reaches(service, at("samraad_lag_events", world), 0)
        told = await figures(service)

    assert told[of("samraad_parked_total", world)] == 1
    assert told["samraad_gaps_held_events"] == 0


async def test_a_record_that_no_case_can_be_found_for_is_counted_as_refused(world):
    async with world.service() as service:
        world.put(world.topic, "key", b"{}", [("ce_id", b"alone")])
        world.flush()
        await reaches(service, of("samraad_records_refused_total", world), 1)


async def test_a_halt_shows_until_it_is_lifted(world):
    async with world.service() as service:
        for _ in range(20):
            world.post(a_case(), 1, does="reject")
        world.flush()
        await reaches(service, "samraad_halted_partitions", 1)
        assert (await figures(service))[of("samraad_halts_total", world)] == 1
        world.behaviour.mended = True
        for worker in service.workers.values():
            worker.resume()
        await reaches(service, "samraad_halted_partitions", 0)


async def test_a_fence_that_was_lost_is_counted(world):
    case = a_case()

    async with world.service() as service:
        world.send(case, 1)
        await world.counted(case, 1)
        await world.db.watermarks.update_many({}, {"$inc": {"epoch": 1}})
        world.send(case, 2)
        await reaches(service, of("samraad_fences_lost_total", world), 1)
        await world.counted(case, 1, 2)


async def test_lag_and_delay_stand_while_the_database_is_away_and_go_with_it(world):
    case = a_case()

    async with world.service() as service:
        world.send(case, 1)
        await world.counted(case, 1)
        await reaches(service, at("samraad_delay_seconds", world), 0)
        async with world.failing("find", "commitTransaction", errorCode=AWAY):
            world.send(case, 2, 3)
            await reaches(service, at("samraad_lag_events", world), 2)
            told = await figures(service)
            assert told[at("samraad_delay_seconds", world)] > 0
            await reaches(service, "samraad_database_answers", 0)
            assert "samraad_outbox_oldest_seconds" not in await figures(service)
        await world.counted(case, 1, 2, 3)
        await reaches(service, at("samraad_lag_events", world), 0)
        await reaches(service, "samraad_database_answers", 1)


async def test_an_outbox_that_cannot_be_emptied_grows_old(world):
    case = a_case()
    await world.remove_topic(world.told)

    async with world.service() as service:
        world.send(case, 1)
        await world.counted(case, 1)

        async def is_old():
            return (await figures(service))["samraad_outbox_oldest_seconds"] >= 2

        await until(is_old, "the oldest message is two seconds old")
        assert (await figures(service))["samraad_outbox_documents"] == 1
        await world.make_topic(world.told)
        await reaches(service, "samraad_outbox_oldest_seconds", 0)


async def test_restarts_and_endings_are_read_from_beside_the_process(world, monkeypatch, tmp_path):
    monkeypatch.setenv("RESTART_COUNTS", str(tmp_path / "one"))
    restart_counter.restarts(tmp_path / "one").add()
    restart_counter.restarts(tmp_path / "one").add()
    restart_counter.endings(tmp_path / "one").add()

    async with world.service() as service:
        told = await figures(service)

    assert (told["samraad_restarts_total"], told["samraad_restarts_last_hour"]) == (2, 2)
    assert told["samraad_watchdog_endings_total"] == 1
    assert told["samraad_watchdog_endings_last_hour"] == 1


def test_a_tally_keeps_the_whole_count_and_the_last_times_alone(tmp_path, monkeypatch):
    tally = restart_counter.restarts(tmp_path / "lives" / "intake")

    for hour in range(250):
        monkeypatch.setattr("shared.runtime.restart_counter.time", lambda hour=hour: hour * 3_600.0)
        tally.add()

    total, times = tally.read()
    assert (total, len(times)) == (250, 100)
    assert tally.within(1.5 * 3_600) == 2


def test_a_tally_without_a_place_counts_nothing():
    tally = restart_counter.endings(None)

    tally.add()

    assert tally.read() == (0, [])
