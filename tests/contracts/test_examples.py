"""The examples are what they claim: each valid one is taken, each invalid one is refused for it."""

import json
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest

from shared.contracts.cpr import birth_date_of, digits_of
from shared.contracts.places import MUNICIPALITIES
from shared.contracts.processes import PartnerKind, Process, ProposedBy
from shared.contracts.references import PARTNER_ID
from shared.contracts.report import ReportRefused, check_report
from shared.contracts.schemas import schema
from shared.security.sealed_letters import SealKeys, new_seal_key, seal

EXAMPLES = Path(__file__).parents[2] / "examples"
PARTNERS = {
    partner["id"]: partner for partner in json.loads((EXAMPLES / "partners.json").read_text())
}
PEOPLE = json.loads((EXAMPLES / "people.json").read_text())["people"]
INDEX = json.loads((EXAMPLES / "reports" / "index.json").read_text())
VALID = [entry for entry in INDEX if "errors" not in entry]
INVALID = [entry for entry in INDEX if "errors" in entry]
NOW = datetime(2026, 11, 24, tzinfo=UTC)
MODULUS_11 = (4, 3, 2, 7, 6, 5, 4, 3, 2, 1)


def opened(entry):
    return (EXAMPLES / "reports" / entry["file"]).read_bytes()


def judged(entry):
    partner = PARTNERS[entry["partner"]]
    return check_report(
        opened(entry),
        partner=partner["id"],
        kind=PartnerKind(partner["kind"]),
        municipalities=partner["municipalities"],
        reference=entry["reference"],
        now=NOW,
    )


def named(entry):
    return entry["file"]


@pytest.mark.parametrize("entry", VALID, ids=named)
def test_a_valid_example_is_taken_and_follows_the_schema(entry):
    report = judged(entry)

    assert [mark.code for mark in report.marks] == entry.get("marks", [])
    jsonschema.Draft202012Validator(
        schema("intake.report_submitted.v1"),
        format_checker=jsonschema.FormatChecker(),
    ).validate(json.loads(opened(entry)))


@pytest.mark.parametrize("entry", INVALID, ids=named)
def test_an_invalid_example_is_refused_for_what_it_shows(entry):
    with pytest.raises(ReportRefused) as refused:
        judged(entry)

    assert sorted((error.field, error.rule) for error in refused.value.errors) == sorted(
        (error["field"], error["rule"]) for error in entry["errors"]
    )


def test_the_index_names_every_file_once():
    files = {
        str(file.relative_to(EXAMPLES / "reports"))
        for file in (EXAMPLES / "reports").glob("*valid/*.json")
    }

    assert sorted(files) == sorted(entry["file"] for entry in INDEX)


def test_the_valid_examples_show_every_process_proposer_place_and_kind_of_partner():
    letters = [json.loads(opened(entry)) for entry in VALID]

    assert {letter["process"] for letter in letters} == {*Process, None}
    assert {letter["proposed_by"] for letter in letters} == set(ProposedBy)
    assert {letter["municipality"] for letter in letters} == set(MUNICIPALITIES)
    assert {PARTNERS[letter["partner"]]["kind"] for letter in letters} == set(PartnerKind)
    assert len({letter["reference"] for letter in letters}) == len(letters)


@pytest.mark.parametrize("entry", INDEX, ids=named)
def test_every_example_fits_under_the_seal(entry):
    key = new_seal_key()

    assert SealKeys([key]).open(seal(opened(entry), key)) == opened(entry)


@pytest.mark.parametrize("partner", PARTNERS.values(), ids=PARTNERS)
def test_partners_are_of_this_district(partner):
    assert PARTNER_ID.match(partner["id"])
    assert set(partner["municipalities"]) <= set(MUNICIPALITIES)


@pytest.mark.parametrize("person", PEOPLE.values(), ids=PEOPLE)
def test_nobody_in_the_examples_can_be_anybody(person):
    digits = digits_of(person["cpr"])

    assert birth_date_of(digits).isoformat() == person["birth_date"]
    assert digits[7:9] == "00"
    assert sum(weight * int(digit) for weight, digit in zip(MODULUS_11, digits, strict=True)) % 11
    assert person["phone"].startswith("+4500")
    assert person["email"].endswith("@example.test")
