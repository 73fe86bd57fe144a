"""One trace from a partner's report to the notice, through the real stack, and how it is seen."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import httpx
import pytest
from confluent_kafka import Producer

from shared.contracts.envelope import Envelope, write_envelope
from shared.contracts.processes import Process
from shared.contracts.references import case_reference
from shared.security.sealed_letters import seal
from tests.live import wait_until
from tests.system.command_line import DONE, FAILED, NOT_RUNNING, CommandLine

if TYPE_CHECKING:
    from tests.live import LiveStack

TO_THE_NOTICE = (
    ("intake", "take letter"),
    ("intake", "publish intake.case_opened.v1"),
    ("mediation", "take intake.case_opened.v1"),
    ("mediation", "publish mediation.case_received.v1"),
    ("notify", "take mediation.case_received.v1"),
    ("notify", "publish notify.notice_created.v1"),
)
"""Without the step of the one that sent it, and without the receipt's."""

Step = dict[str, Any]


def a_trace() -> str:
    """A trace of a partner's, without digits that could read as anything."""
    return f"00-{'ab' * 8}{uuid4().hex[:16].translate(str.maketrans('0123456789', 'abcdefabcd'))}-00f067aa0ba902b7-01"


def steps_of(samraad: CommandLine, asked: str) -> list[Step]:
    ran = samraad.run("trace", asked, "--json")
    assert ran.returncode in (DONE, FAILED), ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def whole_trace(samraad: CommandLine, asked: str) -> list[Step]:
    found: list[Step] = []

    def is_whole() -> bool:
        found[:] = steps_of(samraad, asked)
        names = [(step["service"], step["name"]) for step in found]
        return all(wanted in names for wanted in TO_THE_NOTICE) and (
            ("intake", "publish intake.report_accepted.v1") in names
        )

    wait_until(is_whole, 60, f"the trace of {asked} to reach the notice")
    return found


def the_way_to_the_notice(steps: list[Step]) -> list[tuple[str, str]]:
    """From the notice back to what set it off, and that way round."""
    by_span = {step["span"]: step for step in steps}
    step = next(each for each in steps if each["name"] == "publish notify.notice_created.v1")
    way = [step]
    while step["parent"] in by_span:
        step = by_span[step["parent"]]
        way.append(step)
    return [(each["service"], each["name"]) for each in reversed(way)]


def post(samraad: CommandLine, reports: list[tuple[str, bytes | None]]) -> None:
    """Send sealed reports with a traceparent of any kind, as a partner's own program does."""
    onboarding = json.loads(samraad.file.read_text())
    key = httpx.get(onboarding["jwks_url"]).json()["keys"][0]
    producer = Producer({**onboarding["kafka"], "acks": "all", "log_level": 0})
    for report, traceparent in reports:
        reference = json.loads(report)["reference"]
        envelope = Envelope(
            id=str(uuid4()),
            source=f"/partners/{samraad.partner}",
            type="intake.report_submitted.v1",
            subject=reference,
            content_type="application/jose",
        )
        headers = [*write_envelope(envelope), ("traceparent", traceparent)]
        producer.produce(
            onboarding["topics"]["reports"],
            seal(report.encode(), key),
            key=reference,
            headers=headers,
        )
    assert producer.flush(30) == 0


def test_one_report_gives_one_connected_trace_to_the_notice(office: CommandLine) -> None:
    report = office.report()
    code, receipts = office.emit(report)
    assert code == DONE

    steps = whole_trace(office, json.loads(report)["reference"])

    assert len({step["trace"] for step in steps}) == 1
    spans = {step["span"] for step in steps}
    assert [step["name"] for step in steps if step["parent"] not in spans] == ["send letter"]
    way = the_way_to_the_notice(steps)
    assert way == [
        ("partner", "send letter"),
        ("intake", "take letter"),
        ("mediation", "take intake.case_opened.v1"),
        ("notify", "take mediation.case_received.v1"),
        ("notify", "publish notify.notice_created.v1"),
    ]
    case = receipts[0]["case_id"]
    about = {step["attributes"].get("samraad.subject") for step in steps}
    assert about == {case, None}


def test_a_trace_is_found_by_reference_by_case_and_by_its_own_id(office: CommandLine) -> None:
    report = office.report()
    _, (receipt,) = office.emit(report)
    steps = whole_trace(office, json.loads(report)["reference"])
    name = case_reference(Process.MEDIATION, UUID(receipt["case_id"]))

    for asked in (receipt["case_id"], name, steps[0]["trace"]):
        assert {step["span"] for step in steps_of(office, asked)} >= {
            step["span"] for step in steps
        }
    shown = office.run("trace", name).stdout
    assert steps[0]["trace"] in shown
    assert "mediation take intake.case_opened.v1" in shown
    assert shown.index("take letter") < shown.index("publish notify.notice_created.v1")


def test_a_partners_own_trace_reaches_the_notice(office: CommandLine) -> None:
    report, trace = office.report(), a_trace()

    post(office, [(report, trace.encode())])

    steps = whole_trace(office, json.loads(report)["reference"])
    assert {step["trace"] for step in steps} == {trace[3:35]}
    assert the_way_to_the_notice(steps)[0] == ("intake", "take letter")


@pytest.mark.parametrize(
    "hostile",
    [
        b"00-" + b"f" * 20_000,
        b"00-0000000000000000000000" + b"0101900001" + b"-00f067aa0ba902b7-01",
        b"\xff\x00<script>",
    ],
    ids=["oversized", "a CPR number", "bytes"],
)
def test_a_hostile_trace_is_ignored_and_a_new_one_reaches_the_notice(
    office: CommandLine, hostile: bytes
) -> None:
    report = office.report()

    post(office, [(report, hostile)])

    steps = whole_trace(office, json.loads(report)["reference"])
    (trace,) = {step["trace"] for step in steps}
    assert trace.encode() not in hostile
    assert next(step for step in steps if step["name"] == "take letter")["parent"] is None


def test_one_trace_of_a_partner_does_not_tie_two_processes_together(office: CommandLine) -> None:
    mediation, triage, trace = office.report(), office.report(process=None), a_trace()

    post(office, [(mediation, trace.encode()), (triage, trace.encode())])

    tied = whole_trace(office, json.loads(mediation)["reference"])
    apart: list[Step] = []

    def is_published() -> bool:
        apart[:] = steps_of(office, json.loads(triage)["reference"])
        return any(step["name"] == "publish intake.triage_waiting.v1" for step in apart)

    wait_until(is_published, 60, "the triage to be published")
    of_both = {step["trace"] for step in tied} & {step["trace"] for step in apart}
    assert of_both == set()


def test_what_was_not_traced_is_reported_in_a_sentence(office: CommandLine) -> None:
    ran = office.run("trace", "T-of-nobody")

    assert (ran.returncode, ran.stdout) == (FAILED, "")
    assert ran.stderr == "No trace of it was written.\n"


def test_where_nothing_is_traced_that_is_reported(kafka_and_mongo: LiveStack) -> None:
    ran = kafka_and_mongo.run("trace", "T-1")

    assert ran.returncode == NOT_RUNNING
    assert "samraad up --traces" in ran.stderr
