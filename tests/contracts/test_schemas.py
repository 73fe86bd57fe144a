"""The published schemas: committed as generated, true to the models, and described in words."""

import json
from pathlib import Path

import jsonschema
import pytest

from shared.contracts.processes import Process
from shared.contracts.receipts import Rule
from shared.contracts.schemas import FACTS, MODELS, schema, schema_path
from tests.contracts.letters import MEDIATION, PSP, mediation, psp

COMMITTED = Path(__file__).parents[2] / "docs" / "schemas"
REPORT = "intake.report_submitted.v1"


@pytest.mark.parametrize("ce_type", MODELS)
def test_the_committed_schema_is_the_one_of_the_model(ce_type):
    committed = json.loads((COMMITTED / f"{ce_type}.json").read_text(encoding="utf-8"))

    assert committed == schema(ce_type), "write it again: samraad contracts publish"
    jsonschema.Draft202012Validator.check_schema(committed)
    assert committed["$id"] == schema_path(ce_type)


def test_nothing_else_is_committed():
    assert {file.stem for file in COMMITTED.glob("*.json")} == set(MODELS)


def test_a_type_that_does_not_exist_has_no_schema():
    assert schema("intake.report_submitted.v9") is None


def follows(letter):
    return jsonschema.Draft202012Validator(schema(REPORT)).is_valid(letter)


def test_a_partner_can_check_its_letters_with_the_schema():
    assert follows(MEDIATION)
    assert follows(PSP)
    assert not follows(psp(disclosure=...))
    assert not follows(mediation(disclosure=PSP["disclosure"]))
    assert not follows(mediation(municipality="0751"))
    assert not follows(mediation(process="burglary"))
    assert not follows(mediation(details={"acknowledgement": {"given": True}}))
    assert follows(mediation(process="honour", details={"acknowledgement": {"given": True}}))


def test_the_schema_names_every_code():
    names = json.dumps(schema(REPORT))
    rejected = json.dumps(schema("intake.report_rejected.v1"))

    assert all(f'"{process.value}"' in names for process in Process)
    assert all(f'"{code}"' in names for code in ("115-1-1", "115-1-2", "115-1-3", "115-2", "115-3"))
    assert all(f'"{rule.value}"' in rejected for rule in Rule)


@pytest.mark.parametrize("ce_type", FACTS)
def test_facts_have_no_fields_for_what_does_not_belong_in_them(ce_type):
    words = {"name", "cpr", "address", "phone", "email", "text", "offence", "birth_date"}

    def fields(one):
        for name, field in one.get("properties", {}).items():
            yield name
            yield from fields(field)
        for definition in one.get("$defs", {}).values():
            yield from fields(definition)

    assert not words.intersection(fields(schema(ce_type)))


def code_lists(node):
    """Every list of codes in a schema."""
    if isinstance(node, dict):
        if "enum" in node:
            yield node
        for each in node.values():
            yield from code_lists(each)
    elif isinstance(node, list):
        for each in node:
            yield from code_lists(each)


@pytest.mark.parametrize("ce_type", MODELS)
def test_every_code_has_a_description(ce_type):
    for codes in code_lists(schema(ce_type)):
        assert set(codes["x-meanings"]) == set(codes["enum"])
        assert all(codes["x-meanings"].values())


def test_every_rule_is_explained_to_partners():
    explained = (COMMITTED.parent / "rules.md").read_text(encoding="utf-8")

    assert [rule.value for rule in Rule if f"`{rule.value}`" not in explained] == []
