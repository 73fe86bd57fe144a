"""The demo's reports: right where they should be right, wrong for a reason, about nobody real."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from cli.invention import Inventor, new_reference
from cli.mistakes import with_a_mistake
from deploy.embedded.paths import CLONE
from shared.contracts.cpr import digits_of
from shared.contracts.processes import PartnerKind, Process
from shared.contracts.report import Report, ReportRefused, check_report

EXAMPLES = CLONE / "examples"
NOW = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)
PARTNERS = {
    partner["kind"]: partner for partner in json.loads((EXAMPLES / "partners.json").read_text())
}
WEIGHTS = (4, 3, 2, 7, 6, 5, 4, 3, 2, 1)


def rolled(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - nothing here is secret


def invented(dice: Random, process: Process | None, now: datetime = NOW) -> tuple[PartnerKind, Any]:
    inventor = Inventor(EXAMPLES, dice)
    kind, example = inventor.example(process, PARTNERS)
    partner = PARTNERS[kind]
    letter = inventor.report(
        example, partner=partner["id"], municipalities=partner["municipalities"], now=now
    )
    return PartnerKind(kind), letter


def judged(kind: PartnerKind, letter: dict[str, Any], now: datetime = NOW) -> Report:
    return check_report(
        json.dumps(letter).encode(),
        partner=PARTNERS[kind]["id"],
        kind=kind,
        municipalities=PARTNERS[kind]["municipalities"],
        reference=letter["reference"],
        now=now,
    )


@pytest.mark.parametrize("process", [*Process, None])
@pytest.mark.parametrize("seed", range(20))
def test_every_invented_report_is_one_that_intake_takes(process: Process | None, seed: int) -> None:
    kind, letter = invented(rolled(seed), process)

    report = judged(kind, letter)

    assert report.process is process
    assert timedelta(0) < NOW - report.occurred_at < timedelta(days=11)


@pytest.mark.parametrize("process", [*Process, None])
@pytest.mark.parametrize("seed", range(20))
def test_every_mistake_is_one_that_intake_rejects(process: Process | None, seed: int) -> None:
    dice = rolled(seed)
    kind, letter = invented(dice, process)

    with pytest.raises(ReportRefused):
        judged(kind, with_a_mistake(letter, kind, dice))


def test_invented_people_cannot_be_anybody() -> None:
    people = [
        person
        for seed in range(100)
        for process in Process
        for person in invented(rolled(seed), process)[1]["people"]
    ]

    numbers = [digits_of(person["cpr"]) for person in people if person.get("cpr")]
    assert len(set(numbers)) > 300
    for digits in numbers:
        assert digits is not None
        assert digits[7:9] == "00"
        assert sum(w * int(d) for w, d in zip(WEIGHTS, digits, strict=True)) % 11
    assert all(person["phone"].startswith("+4500") for person in people if person.get("phone"))
    assert all(
        person["email"].endswith("@example.test") for person in people if person.get("email")
    )


def test_the_demo_still_reports_rightly_in_later_years() -> None:
    later = datetime(2031, 2, 28, 12, 0, tzinfo=UTC)

    for process in Process:
        kind, letter = invented(rolled(3), process, later)
        judged(kind, letter, later)


def test_no_two_reports_share_a_reference() -> None:
    dice = rolled(1)

    assert len({new_reference(dice, NOW) for _ in range(2_000)}) == 2_000
