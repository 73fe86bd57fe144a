"""Parked events and halted partitions, handled from the command line on the real stack."""

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

from tests.system.command_line import DONE, FAILED, REFUSED, WRONG_USE, CommandLine
from tests.system.cut import lose_the_beginning


@pytest.fixture
def half_added(samraad: CommandLine) -> Iterator[CommandLine]:
    """A partner that the broker knows and intake does not: an add that broke off."""
    samraad.add()
    whole = json.loads(samraad.file.read_text())
    partner = f"{samraad.partner}-half"
    apply_partner(connect(samraad.stack.kafka("admin")), partner, "half-made")
    text = json.dumps(whole).replace(samraad.partner, partner)
    half = CommandLine(samraad.stack, samraad.folder, partner)
    half.file.write_text(text.replace(whole["kafka"]["sasl.password"], "half-made"))
    yield half
    for row in half.parked():
        if row.get("topic", "").startswith(f"partner.{partner}."):
            half.run("parked", "discard", row["id"], "--reason", "the test ends", "--yes")


def test_a_half_done_add_is_completed_and_what_was_sent_before_is_redriven(
    half_added: CommandLine,
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
    summary = {"service": "intake", "redriven": 1, "left": 0, "untried": 0}
    assert json.loads(redriven.stdout) == summary
    assert not own_rows(half_added)
    wait_until(
        lambda: [one["status"] for one in half_added.receipts()] == ["accepted"], 30, "a receipt"
    )


def own_rows(samraad: CommandLine) -> list[dict[str, Any]]:
    rows = samraad.parked("--service", "intake")
    return [row for row in rows if row["topic"].startswith(f"partner.{samraad.partner}.")]


def test_an_event_that_can_never_succeed_is_given_up_and_what_waited_goes_on(
    stack: LiveStack, office: CommandLine
) -> None:
    case_id = str(uuid4())
    publish(stack, case_id, 1, "intake.case_opened.v1", b'{"case_id": "not even one"}')
    publish(stack, case_id, 2, "intake.something_new.v1", b"{}")

    def rows() -> list[dict[str, Any]]:
        return [row for row in office.parked() if row.get("case_id") == case_id]

    wait_until(
        lambda: (
            sorted((row["service"], row["behind"]) for row in rows())
            == [("mediation", 1), ("notify", 1)]
        ),
        30,
        "the case to be parked where it is read, with one event behind",
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


def test_all_of_one_cause_is_tried_ahead_then_again_and_the_log_names_the_operator(
    stack: LiveStack, office: CommandLine
) -> None:
    cases = [str(uuid4()) for _ in range(2)]
    fact = f"intake.{uuid4().hex[:6]}"
    for case_id in cases:
        publish(
            stack, case_id, 1, "intake.case_opened.v1", json.dumps({"case_id": case_id}).encode()
        )
        publish(stack, case_id, 2, f"{fact}.v1", b"{}")

    def rows() -> list[dict[str, Any]]:
        found = office.parked("--service", "mediation")
        return [row for row in found if row.get("case_id") in cases]

    wait_until(lambda: [row["behind"] for row in rows()] == [1, 1], 60, "two cases to be parked")
    causes = {row["cause"] for row in rows()}
    (cause,) = causes
    of_cause = ("--cause", cause, "--service", "mediation")
    listed = office.run("parked", "list", *of_cause)
    assert "why    the fact does not follow its contract" in listed.stdout
    assert all(case_reference(Process.MEDIATION, UUID(case)) in listed.stdout for case in cases)

    dry = office.run("parked", "redrive", *of_cause, "--dry-run", "--json")
    assert dry.returncode == DONE, dry.stderr
    would = {each["case_id"]: each for each in json.loads(dry.stdout)["would"]}
    assert all((would[case]["done"], would[case]["left"]) == (0, 2) for case in cases)
    asked = office.run("parked", "redrive", *of_cause, stdin="n\n")
    assert asked.returncode == FAILED
    assert "would be parked again" in asked.stderr
    before = office.run("parked", "log", "--service", "mediation", "--json").stdout
    assert not any(case in before for case in cases), "a dry run is no act"

    again = office.run("parked", "redrive", *of_cause, "--reason", "a trial", "--yes", "--json")
    assert again.returncode == FAILED
    assert json.loads(again.stdout)["left"] >= len(cases) * 2
    for row in rows():
        give_up = ("parked", "discard", row["id"], "--service", "mediation")
        ran = office.run(*give_up, "--reason", "made by a test", "--yes")
        assert ran.returncode == DONE, ran.stderr
        assert "will never have its effect at mediation" in ran.stderr
    named = office.run(*give_up, "--reason", "of 010203-1234", "--yes")
    assert named.returncode in {FAILED, REFUSED}
    assert "010203" not in named.stdout + named.stderr

    log = json.loads(office.run("parked", "log", "--service", "mediation", "--json").stdout)
    mine = [entry for entry in log if entry["case_id"] in cases]
    acts = sorted((entry["action"], entry["why"]) for entry in mine)
    assert acts == [("parked_discard", "made by a test")] * 2 + [("parked_redrive", "a trial")] * 2
    for entry in mine:
        assert entry["who"].startswith("operator:")
        assert (entry["basis"], entry["regime"]) == ("operation", "police_law")
        assert entry["controller"] == "sydoestjyllands-politi"
    for row in office.parked("--service", "notify"):
        if row.get("case_id") in cases:
            give_up = ("parked", "discard", row["id"], "--service", "notify")
            assert office.run(*give_up, "--reason", "made by a test", "--yes").returncode == DONE


def test_a_case_that_waits_in_vain_is_shown_and_let_go_on(
    stack: LiveStack, office: CommandLine
) -> None:
    case_id = str(uuid4())
    publish(stack, case_id, 3, "intake.something_new.v1", b"{}")
    look = ("halts", "list", "--late", "0", "--json")

    def waiting() -> list[dict[str, Any]]:
        listed = json.loads(office.run(*look).stdout)
        return [each for each in listed["cases"] if each["case_id"] == case_id]

    wait_until(lambda: len(waiting()) == 2, 60, "the case to wait at both of its readers")
    assert {(each["mark"], each["next"]) for each in waiting()} == {(0, 3)}
    shown = office.run("halts", "list", "--late", "0").stdout
    assert "#1 to #2 have not arrived from /intake/cases/mediation" in shown
    go_on = ("halts", "accept-gap", "--case", case_id, "--late", "0", "--reason", "a test's own")
    assert office.run(*go_on, "--yes").returncode == WRONG_USE, "two services wait"

    for service in ("mediation", "notify"):
        ran = office.run(*go_on, "--service", service, "--yes")
        assert ran.returncode == DONE, ran.stderr

    assert not waiting()


def test_a_partition_that_lost_its_beginning_halts_until_an_operator_resumes_it(
    stack: LiveStack, samraad: CommandLine
) -> None:
    assert samraad.add().returncode == DONE
    assert samraad.emit("\n".join(samraad.report() for _ in range(8)))[0] == DONE
    topic = f"partner.{samraad.partner}.reports"

    cut = lose_the_beginning(stack, samraad)

    assert cut

    def halted() -> list[dict[str, Any]]:
        listed = json.loads(samraad.run("halts", "list", "--service", "intake", "--json").stdout)
        return [each for each in listed["partitions"] if each["lane"].startswith(f"{topic}[")]

    wait_until(lambda: len(halted()) == len(cut), 60, "the partitions to be halted")
    assert all("are gone" in each["reason"] and each["way_on"] for each in halted())
    lanes = [each["lane"] for each in halted()]
    assert samraad.run("halts", "list", "--service", "intake").returncode == FAILED
    resumed = samraad.run("halts", "resume", lanes[0], "--service", "intake", "--yes")
    assert resumed.returncode == DONE, resumed.stderr
    wait_until(lambda: len(halted()) == len(cut), 30, "it to be halted again: nothing is fixed")

    def is_accepted(lane: str) -> bool:
        accept = ("halts", "accept-gap", lane, "--reason", "cut by a test", "--yes")
        return samraad.run(*accept).returncode == DONE

    for lane in lanes:  # one that was resumed is halted again in a moment
        wait_until(lambda lane=lane: is_accepted(lane), 30, f"the gap in {lane} to be accepted")

    wait_until(lambda: not halted(), 60, "no partition to be halted")
    assert samraad.emit("\n".join(samraad.report() for _ in range(8)))[0] == DONE
    log = json.loads(samraad.run("parked", "log", "--service", "intake", "--json").stdout)
    mine = [entry for entry in log if topic in entry["what"]]
    assert {entry["action"] for entry in mine} == {"parked_resume", "parked_accept_gap"}


def publish(stack: LiveStack, case_id: str, sequence: int, fact_type: str, value: bytes) -> None:
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
