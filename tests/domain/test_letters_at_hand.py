"""What `samraad emit` makes of what it is given, and what it finds before anything is sent."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cli.letters import Sender, read_letters
from deploy.embedded.paths import CLONE
from shared.contracts.processes import PartnerKind

EXAMPLES = CLONE / "examples"
INDEX = json.loads((EXAMPLES / "reports" / "index.json").read_text())
PARTNERS = {one["id"]: one for one in json.loads((EXAMPLES / "partners.json").read_text())}
NOW = datetime(2026, 11, 25, 8, 0, tzinfo=UTC)


def sender(partner: str) -> Sender:
    declared = PARTNERS[partner]
    return Sender(partner, PartnerKind(declared["kind"]), tuple(declared["municipalities"]))


@pytest.mark.parametrize(
    "example",
    # The one whose envelope names another reference cannot be made by a command that makes both.
    [one for one in INDEX if "another-reference-inside" not in one["file"]],
    ids=lambda example: Path(example["file"]).stem,
)
def test_each_example_is_one_letter_with_the_faults_that_it_is_an_example_of(
    example: dict[str, Any],
) -> None:
    given = (EXAMPLES / "reports" / example["file"]).read_bytes()

    (letter,) = read_letters(given)

    found = {(fault.field, fault.rule) for fault in letter.faults(sender(example["partner"]), NOW)}
    assert found == {(fault["field"], fault["rule"]) for fault in example.get("errors", ())}


def test_a_letter_is_sent_byte_by_byte_as_it_was_given() -> None:
    pretty = b'\n {"reference": "A-1",\n  "text": "\\u00e6 and \xc3\xa6"}\n'

    (letter,) = read_letters(pretty)

    assert letter.opened == pretty.strip()
    assert (letter.reference, letter.line) == ("A-1", None)


def test_reports_one_a_line_keep_their_line_for_correction() -> None:
    letters = read_letters(b'{"reference": "A-1"}\n\n{"reference": \n{"reference": "A-3"}\r\n')

    assert [(letter.line, letter.reference) for letter in letters] == [
        (1, "A-1"),
        (3, None),
        (4, "A-3"),
    ]


@pytest.mark.parametrize("given", [b"", b" \n\t\r\n"])
def test_nothing_is_no_report(given: bytes) -> None:
    assert read_letters(given) == []


def test_a_broken_report_over_many_lines_is_one_letter() -> None:
    letters = read_letters(b'{\n "reference": "A-1",\n "people": [\n')

    assert [letter.line for letter in letters] == [None]


@pytest.mark.parametrize(
    "reference", ["260312-4000", "2603124000", "", "a\nb", 7, None, "x" * 1001]
)
def test_a_reference_that_may_not_be_shown_openly_is_never_printed(reference: object) -> None:
    (letter,) = read_letters(json.dumps({"reference": reference}).encode())

    assert letter.reference is None
    assert letter.name == "the report"


def test_what_hangs_on_the_kind_is_left_to_intake_where_the_kind_is_not_known() -> None:
    given = (EXAMPLES / "reports" / "invalid" / "suspect-from-a-school.json").read_bytes()
    (letter,) = read_letters(given)

    assert letter.faults(sender("school-vejle"), NOW)
    assert not letter.faults(Sender("school-vejle"), NOW)
