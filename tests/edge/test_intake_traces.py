"""Traces through intake: a partner's own is carried on, unless it would tie together what stays apart."""

import json

import pytest

from services.intake import traces
from shared.contracts.processes import PartnerKind
from shared.observability.tracing import REFERENCE, SUBJECT, TraceFile, Tracing, reference_mark
from tests.edge.intake_world import accepted, facts, rejected

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARTNERS = f"00-{TRACE}-00f067aa0ba902b7-01"
HOSTILE = {
    "oversized": PARTNERS.encode() + b"-" + b"a" * 10_000,
    "cut": PARTNERS.encode()[:-4],
    "upper case": PARTNERS.upper().encode(),
    "no trace": b"00-" + b"0" * 32 + b"-00f067aa0ba902b7-01",
    "no span": f"00-{TRACE}-{'0' * 16}-01".encode(),
    "forbidden version": b"ff" + PARTNERS.encode()[2:],
    "a line end": PARTNERS.encode() + b"\n",
    "not ASCII": "00-æøå".encode(),
    "no value": None,
    "a CPR number": b"00-0000000000000000000000" + b"0101900001" + b"-00f067aa0ba902b7-01",
    "a CPR number as span": f"00-{TRACE}-abcdef0101900001-01".encode(),
}


def traced(intake, tmp_path):
    intake.store.tracing = Tracing([TraceFile(tmp_path, service="intake", process="intake-1")])
    file = tmp_path / "intake-1.jsonl"
    return lambda: [json.loads(line) for line in file.read_text().splitlines()]


def with_trace(intake, value, **changes):
    return intake.record(change={"traceparent": value}, **changes)


def trace_of(sent):
    return sent.envelope.traceparent[3:35]


async def test_a_partners_trace_goes_on_in_the_fact_and_in_its_span(intake, tmp_path):
    steps = traced(intake, tmp_path)

    sent = await intake.arrive(with_trace(intake, PARTNERS.encode()))

    (fact,) = facts(sent)
    (step,) = steps()
    assert fact.envelope.traceparent == f"00-{TRACE}-{step['span']}-01"
    assert (step["trace"], step["parent"]) == (TRACE, "00f067aa0ba902b7")
    assert step["attributes"][SUBJECT] == fact.body["case_id"]
    assert step["attributes"][REFERENCE] == reference_mark("S-1")
    assert step["began_ns"] < step["ended_ns"]


async def test_a_receipt_carries_no_trace_so_that_it_is_the_same_every_time(intake, tmp_path):
    traced(intake, tmp_path)
    record = with_trace(intake, PARTNERS.encode())

    first, second = accepted(await intake.arrive(record, record))

    assert first == second
    assert first.envelope.traceparent is None


async def test_where_nothing_is_traced_a_partners_trace_is_passed_on_as_it_came(intake):
    sent = await intake.arrive(
        with_trace(intake, PARTNERS.encode()), intake.record(reference="S-2")
    )

    assert [each.envelope.traceparent for each in facts(sent)] == [PARTNERS, None]


@pytest.mark.parametrize("shape", HOSTILE)
async def test_a_trace_that_may_not_travel_is_ignored_and_a_new_one_begins(intake, tmp_path, shape):
    steps = traced(intake, tmp_path)

    sent = await intake.arrive(with_trace(intake, HOSTILE[shape]))

    (fact,) = facts(sent)
    (step,) = steps()
    assert trace_of(fact) == step["trace"] != TRACE
    assert step["parent"] is None
    assert len(accepted(sent)) == 1, "its letter is as good as any other"


async def test_a_trace_that_occurs_twice_is_ignored(intake, tmp_path):
    steps = traced(intake, tmp_path)
    record = intake.record()
    twice = (("traceparent", PARTNERS.encode()), ("TraceParent", PARTNERS.encode()))

    await intake.arrive(type(record)(*_without_headers(record), (*record.headers, *twice)))

    assert steps()[0]["trace"] != TRACE


def _without_headers(record):
    return (
        record.topic,
        record.partition,
        record.offset,
        record.timestamp_ms,
        record.key,
        record.value,
    )


async def test_no_trace_carries_two_processes(intake, tmp_path):
    traced(intake, tmp_path)
    mediation = with_trace(intake, PARTNERS.encode(), reference="S-1")
    triage = with_trace(intake, PARTNERS.encode(), reference="S-2", process=None)
    again = with_trace(intake, PARTNERS.encode(), reference="S-3")

    sent = await intake.arrive(mediation, triage, again)

    first, other, third = facts(sent)
    assert trace_of(first) == trace_of(third) == TRACE
    assert trace_of(other) != TRACE
    assert other.envelope.type == "intake.triage_waiting.v1"


async def test_no_trace_carries_letters_of_two_partners(intake, tmp_path):
    traced(intake, tmp_path)
    mine = with_trace(intake, PARTNERS.encode())
    yours = with_trace(
        intake, PARTNERS.encode(), partner="anklager", proposed_by="prosecution", reference="A-1"
    )

    sent = await intake.arrive(mine, yours)

    assert trace_of(facts(sent)[0]) == TRACE
    assert trace_of(facts(sent)[1]) != TRACE


async def test_a_rejected_letter_has_its_step_and_takes_no_trace_for_itself(intake, tmp_path):
    steps = traced(intake, tmp_path)
    wrong = with_trace(intake, PARTNERS.encode(), municipality="9999")

    sent = await intake.arrive(wrong)

    assert len(rejected(sent)) == 1
    assert [step["attributes"]["samraad.verdict"] for step in steps()] == ["Rejected"]
    assert await intake.db[traces.COLLECTION].count_documents({}) == 0


async def test_a_letter_that_was_set_aside_has_its_step_once_it_is_redriven(intake, tmp_path):
    steps = traced(intake, tmp_path)
    await intake.arrive(with_trace(intake, PARTNERS.encode(), partner="ny"))
    (row,) = await intake.parked()
    await intake.add_partner("ny", PartnerKind.SCHOOL)

    assert await intake.parking_lot.redrive(row["_id"]) == (1, 0)

    (fact,) = facts(await intake.sent())
    (step,) = steps()
    assert fact.envelope.traceparent == f"00-{TRACE}-{step['span']}-01"


async def test_a_trace_contains_nothing_of_people_or_of_a_letters_content(intake, tmp_path):
    traced(intake, tmp_path)

    await intake.arrive(with_trace(intake, PARTNERS.encode(), reference="Testa-Proevesen"))

    written = (tmp_path / "intake-1.jsonl").read_text()
    for word in ("Testa", "Prøvesen", "Proevesen", "stationen", "0630"):
        assert word not in written
