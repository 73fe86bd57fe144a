"""What is growth and what breaks, judged on schemas alone; the gate itself is tried in test_gate."""

import copy

import pytest

from shared.contracts.growth import breaks
from shared.contracts.schemas import LETTERS, MODELS, schema

REPORT = "intake.report_submitted.v1"
OPENED = "intake.case_opened.v1"


def changed(change, ce_type=REPORT):
    """What is found where a schema is changed so."""
    new = copy.deepcopy(schema(ce_type))
    change(new)
    return breaks(schema(ce_type), new, told=ce_type not in LETTERS)


def test_a_schema_does_not_break_with_itself():
    for ce_type in MODELS:
        for told in (True, False):
            assert breaks(schema(ce_type), schema(ce_type), told=told) == []


def grow(new):
    new["properties"]["weather"] = {"type": "string"}
    new["$defs"]["Process"]["enum"].append("street-watch")
    new["$defs"]["Process"]["x-meanings"]["street-watch"] = "Natteravne."
    new["$defs"]["Weather"] = {"type": "object"}
    new["description"] = "Said better."
    new["title"] = "Another"


def widen(new):
    new["properties"]["people"]["maxItems"] = 200
    new["required"].remove("people")
    new["properties"]["partner"] = {"anyOf": [{"type": "string"}, {"type": "integer"}]}
    del new["properties"]["reference"]["pattern"]
    del new["$defs"]["Item"]["properties"]["what"]["maxLength"]
    new["allOf"].append(
        {
            "if": {"properties": {"process": {"const": "street-watch"}}, "required": ["process"]},
            "then": {"required": ["text"]},
        }
    )


@pytest.mark.parametrize("ce_type", [REPORT, OPENED])
def test_new_fields_values_and_definitions_are_growth(ce_type):
    assert changed(grow, ce_type) == []


def test_what_partners_write_may_become_wider():
    assert changed(widen) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda new: new["properties"].pop("text"),
        lambda new: new["$defs"].pop("Address"),
        lambda new: new["required"].append("text"),
        lambda new: new["$defs"]["Person"]["required"].append("cpr"),
        lambda new: new["$defs"]["Process"]["enum"].remove("psp"),
        lambda new: new["$defs"]["Process"]["x-meanings"].update(psp="Another thing."),
        lambda new: new["$defs"]["Process"]["x-meanings"].pop("psp"),
        lambda new: new["$defs"]["Process"].update(description="Another thing."),
        lambda new: new["properties"]["partner"].update(type="integer"),
        lambda new: new["properties"]["partner"].update(enum=["a"]),
        lambda new: new["properties"]["partner"].update(pattern="^a"),
        lambda new: new["properties"]["partner"].update(format="uuid"),
        lambda new: new["properties"]["partner"].update(minLength=1),
        lambda new: new["properties"]["partner"].update({"not": {"const": "a"}}),
        lambda new: new["properties"]["people"].update(maxItems=10),
        lambda new: new["properties"]["people"].update(minItems=1),
        lambda new: new["properties"]["people"].update(uniqueItems=True),
        lambda new: new["properties"]["people"].pop("items"),
        lambda new: new["properties"]["process"]["anyOf"].pop(),
        lambda new: new["properties"]["text"].update(anyOf=[{"type": "string"}]),
        lambda new: new["properties"]["text"]["anyOf"][0].update(maxLength=10),
        lambda new: new["properties"]["people"]["items"].update({"$ref": "#/$defs/Name"}),
        lambda new: new["$defs"]["Person"]["properties"]["custody_of"].pop("default"),
        lambda new: new["$defs"]["Person"].update(additionalProperties=False),
        lambda new: new["allOf"].pop(),
        lambda new: new["allOf"][0]["then"].update(required=["text"]),
        lambda new: new["allOf"].append({"required": ["text"]}),
        lambda new: new["allOf"].append(
            {"if": {"properties": {"process": {"const": "psp"}}}, "then": {"required": ["text"]}}
        ),
        lambda new: new["allOf"].append(
            {"if": {"properties": {"process": {"const": None}}}, "then": {"required": ["text"]}}
        ),
    ],
)
def test_what_takes_something_away_breaks(change):
    assert changed(change) != []


@pytest.mark.parametrize(
    "change",
    [
        lambda new: new["required"].remove("parties"),
        lambda new: new["$defs"]["Party"]["required"].remove("minor"),
        lambda new: new["properties"].update(
            municipality={"anyOf": [{"type": "string"}, {"type": "null"}]}
        ),
        lambda new: new["$defs"]["Party"]["properties"]["minor"]["anyOf"].append(
            {"type": "string"}
        ),
        lambda new: new["$defs"]["PatrolCentre"].pop("enum"),
        lambda new: new["properties"]["reported_at"].pop("format"),
    ],
)
def test_readers_meet_nothing_that_they_were_not_promised(change):
    assert changed(change, OPENED) != []


def test_the_same_said_at_length_is_no_break():
    def longer(new):
        said = new["properties"]["municipality"]
        new["properties"]["municipality"] = {"anyOf": [said]}

    assert changed(longer, OPENED) == changed(longer, REPORT) == []


def test_every_break_says_what_to_do_instead():
    [found] = changed(lambda new: new["properties"].pop("text"))

    assert found.sentence("x.y.v2") == (
        "/text: the field is gone. Keep the field; where it must go, publish x.y.v2 without it "
        "beside this version."
    )
