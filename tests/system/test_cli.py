"""The command line, as operators, partners' developers and scripts use it, on the real stack."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from deploy.embedded.paths import CLONE
from tests.live import LiveStack, wait_until

if TYPE_CHECKING:
    pass

from tests.system.command_line import (
    DONE,
    EXAMPLES,
    FAILED,
    NOT_RUNNING,
    REFUSED,
    REJECTED,
    WRONG_USE,
    CommandLine,
)


def test_a_partner_is_added_with_one_file_that_nobody_else_can_read(samraad: CommandLine) -> None:
    ran = samraad.add("--json")

    assert ran.returncode == DONE, ran.stderr
    added = json.loads(ran.stdout)
    assert (added["partner"], added["password"], added["reading"]) == (samraad.partner, "new", True)
    assert stat.S_IMODE(samraad.file.stat().st_mode) == 0o600
    written = json.loads(samraad.file.read_text())
    assert list(written) == ["partner", "kafka", "group_prefix", "topics", "jwks_url", "http"]
    assert written["partner"] == samraad.partner
    assert written["group_prefix"] == f"partner.{samraad.partner}."
    assert written["topics"] == {
        "reports": f"partner.{samraad.partner}.reports",
        "replies": f"partner.{samraad.partner}.replies",
    }
    assert written["kafka"]["sasl.mechanism"] == "SCRAM-SHA-512"
    assert set(written["http"]) == {"base_url", "token_url", "client_id", "client_secret"}
    assert written["kafka"]["sasl.password"] not in ran.stdout + ran.stderr
    listed = json.loads(samraad.run("partner", "list", "--json").stdout)
    assert [one["kind"] for one in listed if one["id"] == samraad.partner] == ["prosecution"]


def test_adding_a_partner_again_leaves_its_file_and_its_password(samraad: CommandLine) -> None:
    samraad.add()
    before = samraad.file.read_bytes()

    again = samraad.add("--json")

    assert again.returncode == DONE, again.stderr
    assert json.loads(again.stdout)["password"] == "kept"
    assert samraad.file.read_bytes() == before
    assert samraad.emit(samraad.report())[0] == DONE


def test_a_lost_file_gets_a_new_password_and_the_old_one_is_refused(samraad: CommandLine) -> None:
    samraad.add()
    lost = samraad.folder / "lost.json"
    samraad.file.rename(lost)

    again = samraad.add("--json")

    assert json.loads(again.stdout)["password"] == "new"
    refused = samraad.run("emit", "-", "--credentials", str(lost), stdin=samraad.report())
    assert refused.returncode == REFUSED
    assert "does not accept this login" in refused.stderr
    assert samraad.emit(samraad.report())[0] == DONE


def test_what_somebody_else_keeps_in_a_file_stays_and_nothing_is_made(samraad: CommandLine) -> None:
    other = samraad.folder / "notes.json"
    other.write_text('{"partner": "somebody-else"}')

    ran = samraad.add("--out", str(other))

    assert ran.returncode == REFUSED
    assert other.read_text() == '{"partner": "somebody-else"}'
    assert samraad.partner not in samraad.run("partner", "list", "--json").stdout


def test_an_id_is_for_one_kind_of_authority(office: CommandLine) -> None:
    ran = office.add(kind="school")

    assert ran.returncode == REFUSED
    assert "registered as another kind" in ran.stderr


def municipalities(samraad: CommandLine) -> list[str]:
    listed = json.loads(samraad.run("partner", "list", "--json").stdout)
    return next(one["municipalities"] for one in listed if one["id"] == samraad.partner)


def test_adding_a_partner_again_never_changes_by_the_way_where_it_works(
    samraad: CommandLine,
) -> None:
    again = ("partner", "add", samraad.partner, "--kind", "prosecution", "--out", str(samraad.file))
    samraad.add()

    other = samraad.run(*again, "--municipality", "0621")
    kept = samraad.run(*again, "--json")

    assert other.returncode == REFUSED
    assert "is registered for 0630 Vejle, not for 0621 Kolding" in other.stderr
    assert kept.returncode == DONE, kept.stderr
    shown = json.loads(kept.stdout)
    assert (shown["municipalities"], shown["municipalities_before"]) == (["0630"], None)
    assert municipalities(samraad) == ["0630"]


def test_where_a_partner_works_is_changed_on_purpose_and_reported(samraad: CommandLine) -> None:
    again = ("partner", "add", samraad.partner, "--kind", "prosecution", "--out", str(samraad.file))
    change = (*again, "--change-municipalities")
    samraad.add()

    moved = samraad.run(*change, "--municipality", "0621", "--municipality", "0630", "--json")
    widened = samraad.run(*change)

    assert moved.returncode == widened.returncode == DONE, moved.stderr + widened.stderr
    shown = json.loads(moved.stdout)
    assert shown["municipalities"] == ["0621", "0630"]
    assert shown["municipalities_before"] == ["0630"]
    assert "works for the whole district now (before: 0621 Kolding, 0630 Vejle)" in widened.stderr
    assert municipalities(samraad) == []


def test_a_report_sent_twice_has_one_case_and_the_same_receipt(office: CommandLine) -> None:
    report = office.report()

    first_code, first = office.emit(report)
    second_code, second = office.emit(report)

    assert (first_code, second_code) == (DONE, DONE)
    assert [one["status"] for one in first + second] == ["accepted", "accepted"]
    assert first[0]["ce_id"] == second[0]["ce_id"]
    facts = office.facts(first[0]["case_id"], 3)
    # Each service publishes on a topic of its own: which of them is read first is chance.
    assert sorted(fact["type"] for fact in facts) == [
        "intake.case_opened.v1",
        "mediation.case_received.v1",
        "notify.notice_created.v1",
    ]
    assert [fact["sequence"] for fact in facts] == [1, 1, 1]
    assert len(office.receipts("--reference", json.loads(report)["reference"])) == 2


def test_a_case_is_watched_by_the_name_that_people_call_it(office: CommandLine) -> None:
    _, receipts = office.emit(office.report())
    case_id = receipts[0]["case_id"]
    office.facts(case_id, 3)

    name = office.facts(case_id, 1)[0]["reference"]
    facts = office.facts(name, 3)

    assert name.startswith("KR-")
    assert {fact["subject"] for fact in facts} == {case_id}
    assert {fact["reference"] for fact in facts} == {name}
    assert office.run("watch", "--case", name, "--count", "99", "--for", "1").returncode == FAILED


def test_the_errors_of_a_report_are_listed_field_by_field_and_it_is_not_sent(
    office: CommandLine,
) -> None:
    report = office.report(municipality="0461", occurred_at="2026-11-12T13:30:00")

    code, receipts = office.emit(report)

    assert code == REJECTED
    assert receipts[0]["status"] == "not_sent"
    assert {(error["field"], error["rule"]) for error in receipts[0]["errors"]} == {
        ("/municipality", "unknown_municipality"),
        ("/occurred_at", "malformed"),
    }
    assert not office.receipts("--reference", json.loads(report)["reference"])


def test_intake_rejects_for_the_same_reasons_what_is_sent_unchecked(office: CommandLine) -> None:
    report = office.report(municipality="0461", occurred_at="2026-11-12T13:30:00")
    _, judged_here = office.emit(report)

    code, receipts = office.emit(report, "--unchecked")

    assert code == REJECTED
    assert receipts[0]["status"] == "rejected"
    assert sorted(map(str, receipts[0]["errors"])) == sorted(map(str, judged_here[0]["errors"]))


def test_what_can_never_be_answered_is_reported_at_once(office: CommandLine) -> None:
    unnamed = json.loads(office.report())
    del unnamed["reference"]
    nameable = office.report()
    letters = "\n".join([json.dumps(unnamed), office.report(reference="a/b"), nameable])
    before = {row["id"] for row in office.parked("--service", "intake")}
    began = time.monotonic()

    code, receipts = office.emit(letters, "--unchecked", "--timeout", "110")

    assert code == FAILED
    assert time.monotonic() - began < 100
    found = {one.get("line"): one for one in receipts}
    assert found[None]["reference"] == json.loads(nameable)["reference"]
    assert found[None]["status"] == "accepted"
    for line, rule in ((1, "missing"), (2, "malformed")):
        assert found[line]["status"] == "unanswered"
        assert [each["rule"] for each in found[line]["errors"]] == [rule]

    def ours() -> set[str]:
        topic = f"partner.{office.partner}.reports"
        rows = office.parked("--service", "intake")
        return {row["id"] for row in rows if row["topic"] == topic} - before

    wait_until(lambda: len(ours()) == 2, 60, "both to be set aside")
    for row in ours():
        office.run("parked", "discard", row, "--reason", "the test ends", "--yes")


def test_a_corrected_report_is_taken_under_the_same_reference(office: CommandLine) -> None:
    report = json.loads(office.report())
    wrong = json.dumps({**report, "proposed_by": "somebody"})

    assert office.emit(wrong, "--unchecked")[0] == REJECTED
    code, receipts = office.emit(json.dumps(report))

    assert (code, receipts[0]["status"]) == (DONE, "accepted")


def test_another_content_under_an_accepted_reference_is_a_conflict(office: CommandLine) -> None:
    report = office.report()
    office.emit(report)

    code, receipts = office.emit(json.dumps({**json.loads(report), "text": "Rettet."}))

    assert code == REJECTED
    assert [error["rule"] for error in receipts[0]["errors"]] == ["conflict"]


def test_many_reports_one_a_line_are_each_answered(office: CommandLine) -> None:
    reports = [office.report() for _ in range(12)]

    code, receipts = office.emit("\n".join([*reports, reports[0]]))

    sent = sorted(json.loads(report)["reference"] for report in [*reports, reports[0]])
    assert code == DONE
    assert sorted(receipt["reference"] for receipt in receipts) == sent


def test_one_wrong_line_keeps_all_from_being_sent(office: CommandLine) -> None:
    good, wrong = office.report(), office.report(process="konfliktråd")

    code, receipts = office.emit(f"{good}\n{wrong}\n")

    assert code == REJECTED
    assert [(one["line"], one["status"]) for one in receipts] == [(2, "not_sent")]
    assert not office.receipts("--reference", json.loads(good)["reference"])


def test_a_report_of_another_partner_is_not_sent(office: CommandLine) -> None:
    report = office.report(partner="somebody-else")

    ran = office.run("emit", "-", "--credentials", str(office.file), stdin=report)

    assert ran.returncode == REJECTED
    assert "/partner" in ran.stdout
    assert f"A report of another partner is not sent as {office.partner}" in ran.stderr


def test_a_reference_like_a_cpr_number_is_neither_sent_in_the_open_nor_shown(
    office: CommandLine,
) -> None:
    ran = office.run(
        "emit", "-", "--credentials", str(office.file), stdin=office.report(reference="260312-4000")
    )

    assert ran.returncode == REJECTED
    assert "looks_like_cpr" in ran.stdout
    assert "260312" not in ran.stdout + ran.stderr


def test_receipts_and_facts_are_shown_to_people_without_a_word_of_the_report(
    office: CommandLine,
) -> None:
    report = office.report()
    ran = office.run("emit", "-", "--credentials", str(office.file), stdin=report)
    seen = office.run("watch", "--from-start", "--for", "2")

    assert ran.returncode == seen.returncode == DONE
    assert json.loads(report)["reference"] in ran.stdout
    assert "intake.case_opened.v1" in seen.stdout
    for person in json.loads(report)["people"]:
        assert person["name"]["family"] not in ran.stdout + seen.stdout
        assert person["cpr"][:6] not in ran.stdout + seen.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("partner", "add", "Capital", "--kind", "school"),
        ("partner", "add", "some-school", "--kind", "kindergarten"),
        ("partner", "add", "some-school", "--kind", "school", "--municipality", "0461"),
        ("partner", "add", "some-school", "--kind", "school", "--out", "/nowhere/at/all.json"),
        ("emit", "/nowhere/report.json"),
        ("emit", str(EXAMPLES / "smallest-possible.json"), "--as", "never-added"),
        ("receipts",),
        ("watch", "--case", "no case"),
        ("parked", "redrive"),
        ("parked", "list", "--service", "nobody"),
    ],
    ids=lambda arguments: " ".join(arguments[:2]),
)
def test_wrong_use_ends_with_2(stack: LiveStack, arguments: tuple[str, ...]) -> None:
    ran = stack.run(*arguments)

    assert ran.returncode == WRONG_USE, ran.stdout + ran.stderr
    assert ran.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("partner", "list"),
        ("partner", "add", "some-school", "--kind", "school", "--out", "."),
        ("watch",),
        ("parked", "list"),
        ("demo", "--once"),
    ],
    ids=" ".join,
)
def test_what_needs_a_running_stack_reports_that_and_ends_with_3(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    began = time.monotonic()
    ran = subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments],
        cwd=CLONE,
        env={**os.environ, "SAMRAAD_HOME": str(tmp_path / "empty")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ran.returncode == NOT_RUNNING, ran.stdout + ran.stderr
    assert "samraad up" in ran.stderr
    assert time.monotonic() - began < 30
