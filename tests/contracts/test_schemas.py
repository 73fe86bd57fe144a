"""The published schemas: committed as generated, true to the models, and never broken."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest

from shared.contracts.growth import breaks
from shared.contracts.processes import Process
from shared.contracts.receipts import Rule
from shared.contracts.schemas import FACTS, MODELS, schema, schema_path, write_schemas
from tests.contracts.letters import MEDIATION, PSP, mediation, psp

COMMITTED = Path(__file__).parents[2] / "docs" / "schemas"
REPORT = "intake.report_submitted.v1"


@pytest.mark.parametrize("ce_type", MODELS)
def test_the_committed_schema_is_the_one_of_the_model(ce_type):
    committed = json.loads((COMMITTED / f"{ce_type}.json").read_text(encoding="utf-8"))

    assert committed == schema(ce_type), "write them again: python -m shared.contracts.schemas"
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
def test_facts_have_no_room_for_what_does_not_belong_in_them(ce_type):
    words = {"name", "cpr", "address", "phone", "email", "text", "offence", "birth_date"}

    def fields(one):
        for name, field in one.get("properties", {}).items():
            yield name
            yield from fields(field)
        for definition in one.get("$defs", {}).values():
            yield from fields(definition)

    assert not words.intersection(fields(schema(ce_type)))


# contracts only grow


def changed(change):
    new = copy.deepcopy(schema(REPORT))
    change(new)
    return breaks(schema(REPORT), new)


def test_a_schema_does_not_break_with_itself():
    assert all(breaks(schema(ce_type), schema(ce_type)) == [] for ce_type in MODELS)


def test_new_fields_values_and_definitions_are_growth():
    def grow(new):
        new["properties"]["weather"] = {"type": "string"}
        new["$defs"]["Process"]["enum"].append("street-watch")
        new["$defs"]["Weather"] = {"type": "object"}
        new["properties"]["people"]["maxItems"] = 200
        new["required"].remove("people")

    assert changed(grow) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda new: new["properties"].pop("text"),
        lambda new: new["$defs"].pop("Address"),
        lambda new: new["required"].append("text"),
        lambda new: new["$defs"]["Person"]["required"].append("cpr"),
        lambda new: new["$defs"]["Process"]["enum"].remove("psp"),
        lambda new: new["properties"]["partner"].update(type="integer"),
        lambda new: new["properties"]["partner"].update(enum=["a"]),
        lambda new: new["properties"]["people"].update(maxItems=10),
        lambda new: new["properties"]["people"].update(minItems=1),
        lambda new: new["properties"]["process"]["anyOf"].pop(),
        lambda new: new["properties"]["people"]["items"].update({"$ref": "#/$defs/Name"}),
    ],
)
def test_what_takes_something_away_breaks(change):
    assert changed(change) != []


def test_a_breaking_schema_is_not_written(tmp_path):
    assert write_schemas(tmp_path) == []
    file = tmp_path / f"{REPORT}.json"
    published = json.loads(file.read_text(encoding="utf-8"))
    published["properties"]["colour"] = {"type": "string"}
    file.write_text(json.dumps(published), encoding="utf-8")

    assert write_schemas(tmp_path) == [f"{REPORT}: /properties/colour: it is gone"]
    assert "colour" in file.read_text(encoding="utf-8")


def test_every_rule_is_explained_to_partners():
    explained = (COMMITTED.parent / "rules.md").read_text(encoding="utf-8")

    assert [rule.value for rule in Rule if f"`{rule.value}`" not in explained] == []
