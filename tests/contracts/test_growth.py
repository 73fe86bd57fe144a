"""What is growth and what breaks, judged on a schema or a row alone; test_gate has the whole gate."""

import copy

import pytest

from deploy.contracts import current
from shared.contracts.growth import breaks, without_words
from shared.contracts.meanings import definition
from shared.contracts.schemas import LETTERS, MODELS, schema
from shared.contracts.wire_growth import name_of, row_breaks
from tests.contracts.breaking import OPENED, REPORT, field, process_of

ROWS = {name_of(row): row for row in current().rows}


def changed(change, ce_type=REPORT):
    """What is found where a schema is changed so."""
    new = copy.deepcopy(schema(ce_type))
    change(new)
    return breaks(schema(ce_type), new, emitted=ce_type not in LETTERS)


@pytest.mark.parametrize("ce_type", MODELS)
@pytest.mark.parametrize("emitted", [True, False])
def test_a_schema_does_not_break_with_itself(ce_type, emitted):
    assert breaks(schema(ce_type), schema(ce_type), emitted=emitted) == []


def grow(new):
    new["properties"]["weather"] = {"type": "string"}
    new["$defs"]["Process"]["enum"].append("street-watch")
    new["$defs"]["Process"]["x-meanings"]["street-watch"] = "Natteravne."
    new["$defs"]["Weather"] = {"type": "object"}


def widen(new):
    field(new, "people")["maxItems"] = 200
    new["required"].remove("people")
    new["properties"]["partner"] = {"anyOf": [{"type": "string"}, {"type": "integer"}]}
    del field(new, "reference")["pattern"]
    del field(new, "Item/what")["maxLength"]
    new["allOf"].append({"if": process_of("street-watch"), "then": {"required": ["text"]}})


@pytest.mark.parametrize("ce_type", [REPORT, OPENED])
def test_new_fields_values_and_definitions_are_growth(ce_type):
    assert changed(grow, ce_type) == []


def test_what_partners_write_may_become_wider():
    assert changed(widen) == []


def test_the_same_schema_in_a_longer_form_is_no_break():
    def longer(new):
        new["properties"]["municipality"] = {"anyOf": [field(new, "municipality")]}

    assert changed(longer, OPENED) == changed(longer, REPORT) == []


REWORDINGS = {
    "a title": lambda new: new.update(title="Another"),
    "a description": lambda new: new.update(description="Worded better."),
    "a description of a field": lambda new: field(new, "reference").update(description="Better."),
    "examples of a field": lambda new: field(new, "reference").update(examples=["V-1"]),
    "a description of a code list": lambda new: new["$defs"]["Custody"].update(description="X."),
    "a remark after a definition": lambda new: new["$defs"]["Process"]["x-meanings"].update(
        honour="Conflicts of honour and family: known to few, relatives may be the danger. New."
    ),
}


@pytest.mark.parametrize("change", REWORDINGS.values(), ids=REWORDINGS)
def test_wording_may_be_corrected_and_is_no_growth(change):
    new = copy.deepcopy(schema(REPORT))
    change(new)

    assert new != schema(REPORT)
    assert breaks(schema(REPORT), new) == breaks(schema(REPORT), new, emitted=True) == []
    assert without_words(new) == without_words(schema(REPORT))


def test_a_field_that_is_called_like_a_word_is_no_wording():
    one = {"type": "object", "properties": {"title": {"type": "string"}}}

    assert without_words(one) == one
    assert breaks(one, {"type": "object"}) != []


def test_codes_of_an_open_list_are_no_wording():
    rule = schema("intake.report_rejected.v1")["$defs"]["FieldError"]["properties"]["rule"]

    assert without_words(rule)["examples"] == rule["examples"]


@pytest.mark.parametrize(
    ("meaning", "defined"),
    [
        ("A school.", "A school."),
        ("Ungesamråd: ages 14-18. Hedensted has none.", "Ungesamråd: ages 14-18."),
        ("Stk. 1, nr. 1.", "Stk. 1, nr. 1."),
        ("Drawn in under stk. 3. Økonomi is not.", "Drawn in under stk. 3."),
        ("", ""),
    ],
)
def test_the_definition_of_a_code_is_its_first_sentence(meaning, defined):
    assert definition(meaning) == defined


@pytest.mark.parametrize("name", ROWS)
def test_a_row_does_not_break_with_itself(name):
    assert row_breaks(ROWS[name], ROWS[name]) == []


ROW_GROWTH = {
    "a longer retention": ("topic intake.signals", {"retention.ms": -1}),
    "one more reader": (
        "topic psp.cases",
        {"reads": [*ROWS["topic psp.cases"]["reads"], "councils"]},
    ),
    "one more type": (
        "topic psp.cases",
        {"carries": {**ROWS["topic psp.cases"]["carries"], "psp.closed.v1": "fact"}},
    ),
    "an announced type that is carried": (
        "topic partner.{partner}.reports",
        {
            "carries": {
                "intake.report_submitted.v1": "letter",
                "intake.update_submitted.v1": "letter",
            },
            "announces": {},
        },
    ),
    "one more login": ("server kafka", {"logins": ["scramSha512", "oauth2"]}),
    "larger records": ("topic psp.cases", {"max.message.bytes": 2_000_000}),
}


@pytest.mark.parametrize(("name", "change"), ROW_GROWTH.values(), ids=ROW_GROWTH)
def test_what_a_topic_gains_is_growth(name, change):
    assert row_breaks(ROWS[name], {**ROWS[name], **change}) == []
