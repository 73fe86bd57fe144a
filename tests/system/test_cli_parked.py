"""What stands still, put right from the command line, on the real stack."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from confluent_kafka import Producer

from deploy.embedded.broker_rights import connect
from deploy.topics import apply_partner
from shared.contracts.envelope import Envelope, write_envelope
from shared.contracts.processes import Process
from shared.contracts.references import case_reference
from tests.live import LiveStack, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

from tests.system.desk import DONE, FAILED, WRONG_USE, Desk


@pytest.fixture
def half_added(desk: Desk) -> Iterator[Desk]:
    """A partner that the broker knows and intake does not: an add that broke off."""
    desk.add()
    whole = json.loads(desk.file.read_text())
    partner = f"{desk.partner}-half"
    apply_partner(connect(desk.stack.kafka("admin")), partner, "half-made")
    text = json.dumps(whole).replace(desk.partner, partner)
    half = Desk(desk.stack, desk.folder, partner)
    half.file.write_text(text.replace(whole["kafka"]["sasl.password"], "half-made"))
    yield half
    for row in half.parked():
        if row.get("topic", "").startswith(f"partner.{partner}."):
            half.run("parked", "discard", row["id"], "--reason", "the test ends", "--yes")


def test_a_half_done_add_is_completed_and_what_was_sent_before_is_redriven(
    half_added: Desk,
) -> None:
    report = half_added.report()
    assert half_added.emit(report, "--timeout", "2") == (
        FAILED,
        [{"reference": json.loads(report)["reference"], "status": "unanswered"}],
    )
    wait_until(lambda: bool(own_rows(half_added)), 30, "the letter to be set aside")
    row = own_rows(half_added)[0]
    assert (row["service"], row["behind"]) == ("intake", 0)
    assert "not registered" in row["reason"]
    shown = json.loads(half_added.run("parked", "show", row["id"], "--json").stdout)
    assert shown["bytes"] > 0
    assert "value" not in shown
    assert half_added.run("parked", "redrive", row["id"], "--yes").returncode == FAILED

    added = half_added.add("--json")
    redriven = half_added.run("parked", "redrive", row["id"], "--yes", "--json")

    assert json.loads(added.stdout)["password"] == "kept"
    assert redriven.returncode == DONE, redriven.stderr
    assert json.loads(redriven.stdout) == {"service": "intake", "redriven": 1, "left": 0}
    assert not own_rows(half_added)
    wait_until(
        lambda: [one["status"] for one in half_added.receipts()] == ["accepted"], 30, "a receipt"
    )


def own_rows(desk: Desk) -> list[dict[str, Any]]:
    rows = desk.parked("--service", "intake")
    return [row for row in rows if row["topic"].startswith(f"partner.{desk.partner}.")]


def test_an_event_that_can_never_succeed_is_given_up_and_what_waited_goes_on(
    stack: LiveStack, office: Desk
) -> None:
    case_id = str(uuid4())
    tell(stack, case_id, 1, "intake.case_opened.v1", b'{"case_id": "not even one"}')
    tell(stack, case_id, 2, "intake.something_new.v1", b"{}")

    def rows() -> list[dict[str, Any]]:
        return [row for row in office.parked() if row.get("case_id") == case_id]

    wait_until(
        lambda: (
            sorted((row["service"], row["behind"]) for row in rows())
            == [("mediation", 1), ("notify", 1)]
        ),
        30,
        "the case to stand still where it is read, with one event behind",
    )
    row_id = rows()[0]["id"]
    shown = office.run("parked", "list")
    assert case_reference(Process.MEDIATION, UUID(case_id)) in shown.stdout
    assert office.run("parked", "redrive", "--case", case_id, "--yes").returncode == WRONG_USE
    again = office.run("parked", "redrive", "--case", case_id, "--service", "mediation", "--yes")
    assert again.returncode == FAILED
    assert "0 done, 2 left." in again.stderr
    give_up = ("parked", "discard", row_id, "--reason", "made by a test")
    asked = office.run(*give_up, "--service", "mediation", stdin="n\n")
    assert (asked.returncode, len(rows())) == (FAILED, 2)

    for service in ("mediation", "notify"):
        ran = office.run(*give_up, "--service", service, "--yes")
        assert ran.returncode == DONE, ran.stderr

    assert not rows()
    assert office.run("parked", "show", row_id).returncode == FAILED


def tell(stack: LiveStack, case_id: str, sequence: int, fact_type: str, value: bytes) -> None:
    """Put a fact on intake's topic of mediation cases, as intake."""
    envelope = Envelope(
        id=str(uuid4()),
        source="/intake/cases/mediation",
        type=fact_type,
        subject=case_id,
        sequence=sequence,
    )
    producer = Producer({**stack.kafka("intake"), "log_level": 0})
    topic, headers = "intake.cases.mediation", [*write_envelope(envelope)]
    producer.produce(topic, value, key=case_id, headers=headers)
    assert producer.flush(30) == 0
