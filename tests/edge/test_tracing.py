"""Spans of the engine: exported once committed, to a file or a collector, without failed attempts."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from shared.contracts import source_of
from shared.contracts.envelope import Envelope, write_envelope
from shared.observability.tracing import TraceFile, Tracing
from tests.edge.engine_world import Counted, a_case, an_engine_world, until

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
ABOVE = "00f067aa0ba902b7"


@pytest.fixture
async def world(kafka_and_mongo):
    async with an_engine_world(kafka_and_mongo) as world:
        yield world


def send_traced(world, case, number, *, flags="01", does="count"):
    envelope = Envelope(
        id=f"{case}-{number}",
        source=source_of(world.topic),
        type=Counted.type,
        subject=str(case),
        sequence=number,
        traceparent=f"00-{TRACE}-{ABOVE}-{flags}",
    )
    fact = Counted(case_id=case, number=number, does=does, on=world.topic)
    world.put(world.topic, str(case), fact.write(), write_envelope(envelope))
    world.flush()


def steps_in(folder):
    file = folder / "one.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.fixture
def traces(monkeypatch, tmp_path):
    monkeypatch.setenv("SAMRAAD_TRACE_DIR", str(tmp_path))
    return lambda: steps_in(tmp_path)


async def test_what_a_service_does_and_sends_hangs_below_what_set_it_off(world, traces):
    case = a_case()

    async with world.service():
        send_traced(world, case, 1)
        await world.counted(case, 1)
        await until(lambda: len(traces()) == 2, "both steps are exported")

    taken, published = traces()
    assert (taken["trace"], taken["parent"]) == (TRACE, ABOVE)
    assert taken["name"] == "take test.counted.v1"
    assert (published["trace"], published["parent"]) == (TRACE, taken["span"])
    assert published["name"] == "publish test.emitted.v1"
    (record,) = await world.published()
    assert record.headers["traceparent"].decode() == f"00-{TRACE}-{taken['span']}-01"


async def test_a_fact_without_a_trace_begins_one(world, traces):
    case = a_case()

    async with world.service():
        world.send(case, 1)
        await world.counted(case, 1)
        await until(lambda: len(traces()) == 2, "both steps are exported")

    taken, published = traces()
    assert taken["parent"] is None
    assert taken["trace"] == published["trace"]


async def test_a_trace_that_is_not_to_be_recorded_is_passed_on_and_not_written(world, traces):
    case = a_case()

    async with world.service():
        send_traced(world, case, 1, flags="00")
        await world.counted(case, 1)
        await world.settled()

    (record,) = await world.published()
    assert record.headers["traceparent"].decode() == f"00-{TRACE}-{ABOVE}-00"
    assert traces() == []


async def test_an_event_that_waited_in_the_parking_lot_has_its_step_in_its_own_trace(world, traces):
    case = a_case()

    async with world.service():
        send_traced(world, case, 2)
        await until(world.parked, "it waits")
        world.send(case, 1)
        await world.counted(case, 1, 2)
        await until(lambda: len(traces()) == 4, "all steps are exported")

    mine = [step for step in traces() if step["trace"] == TRACE]
    assert [step["name"] for step in mine] == ["take test.counted.v1", "publish test.emitted.v1"]
    assert mine[0]["parent"] == ABOVE


class Broken:
    def take(self, steps):
        raise ZeroDivisionError(len(steps))

    def close(self):
        pass


async def test_a_trace_that_cannot_be_exported_stops_nothing(world):
    case = a_case()

    async with world.service() as service:
        service.store.tracing = Tracing([Broken()])
        send_traced(world, case, 1)
        send_traced(world, case, 2)
        await world.counted(case, 1, 2)
        await world.settled()

    assert [each.sequence for each in await world.published()] == [1, 2]


async def test_a_repeat_leaves_no_second_step(world, traces):
    case, other = a_case(), a_case()

    async with world.service():
        send_traced(world, case, 1)
        send_traced(world, case, 1)
        world.send(other, 1)
        await world.counted(case, 1)
        await world.counted(other, 1)
        await until(lambda: len(traces()) == 4, "all steps are exported")

    assert [step["trace"] for step in traces()].count(TRACE) == 2


async def test_an_attempt_that_failed_is_traced_as_failed_and_traced_once(world, traces):
    case = a_case()

    async with world.service():
        send_traced(world, case, 1, does="change and fail")
        await until(lambda: len(traces()) == 1, "the step is exported")

    (step,) = traces()
    assert step["failed"] is True
    assert "secret" not in json.dumps(step)


async def test_without_a_setting_nothing_is_written_and_a_trace_is_passed_on(world, tmp_path):
    case = a_case()

    async with world.service() as service:
        send_traced(world, case, 1)
        await world.counted(case, 1)
        await world.settled()
        assert service.store.tracing is None

    (record,) = await world.published()
    assert record.headers["traceparent"].decode() == f"00-{TRACE}-{ABOVE}-01"
    assert list(tmp_path.iterdir()) == []


@asynccontextmanager
async def a_collector():
    """A collector that keeps the spans it was sent by HTTP."""
    spans = []

    async def answer(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length:")
        )
        request = ExportTraceServiceRequest.FromString(await reader.readexactly(length))
        for resource in request.resource_spans:
            about = {each.key: each.value.string_value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                spans.extend((about, span) for span in scope.spans)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", spans


async def test_a_collector_is_sent_the_same_steps_as_spans(world, monkeypatch):
    case = a_case()

    async with a_collector() as (endpoint, spans):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        async with world.service():
            send_traced(world, case, 1)
            await world.counted(case, 1)
            await until(lambda: len(spans) == 2, "both spans arrived")

    by_name = {span.name: (about, span) for about, span in spans}
    about, taken = by_name["take test.counted.v1"]
    _, published = by_name["publish test.emitted.v1"]
    assert (taken.trace_id.hex(), taken.parent_span_id.hex()) == (TRACE, ABOVE)
    assert published.parent_span_id == taken.span_id
    assert about["service.name"] == world.name
    assert taken.start_time_unix_nano < taken.end_time_unix_nano


async def test_the_sampler_of_opentelemetry_decides_where_a_trace_begins(
    world, traces, monkeypatch
):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    case = a_case()

    async with world.service():
        world.send(case, 1)
        await world.counted(case, 1)
        await world.settled()

    (record,) = await world.published()
    assert record.headers["traceparent"].endswith(b"-00")
    assert traces() == []


def test_a_trace_file_stays_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("shared.observability.tracing._ROTATED_BYTES", 2_000)
    tracing = Tracing([TraceFile(tmp_path, service="s", process="p")])

    for _ in range(100):
        _, step = tracing.begin(None, "take", "consumer", {})
        tracing.tell([step])

    kept = {file.name: file.stat().st_size for file in tmp_path.iterdir()}
    assert set(kept) == {"p.jsonl", "p.1.jsonl"}
    assert max(kept.values()) < 2_500


def test_a_trace_that_cannot_be_written_disturbs_nobody(tmp_path):
    folder = tmp_path / "traces"
    tracing = Tracing([TraceFile(folder, service="s", process="p")])
    folder.rmdir()

    _, step = tracing.begin(None, "take", "consumer", {})
    tracing.tell([step])

    assert not folder.exists()
