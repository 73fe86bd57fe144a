"""AsyncAPI 3: valid by its own schema, true to topics, rights and records, and resolvable."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest

from shared.contracts.describe import describe
from shared.contracts.schemas import FACTS, LETTERS, MODELS, RECEIPTS
from shared.contracts.topics import load
from shared.contracts.wire import topics_of
from tests.contracts.letters import MEDIATION, mediation

HERE = Path(__file__).parent
METASCHEMA = json.loads((HERE / "metaschema" / "asyncapi-3.0.0.json").read_text(encoding="utf-8"))
COMMITTED = HERE.parents[1] / "docs" / "asyncapi"
DECLARED = load()
PARTICIPANTS = (*DECLARED.services, "partner")
GOLDEN = sorted((HERE / "golden").glob("*.json"))

valid = jsonschema.Draft7Validator(METASCHEMA)


def refs(document):
    if isinstance(document, dict):
        for key, value in document.items():
            if key == "$ref":
                yield value
            else:
                yield from refs(value)
    elif isinstance(document, list):
        for each in document:
            yield from refs(each)


def found(document, ref):
    place = document
    for step in ref.removeprefix("#/").split("/"):
        place = place[step]
    return place


def committed(participant):
    return json.loads((COMMITTED / f"{participant}.json").read_text(encoding="utf-8"))


def within(document, schema):
    """What judges by a schema of a document; validators read nothing beside a `$ref`."""
    whole = {"allOf": [schema], "components": document["components"]}
    return jsonschema.Draft7Validator(whole)


def payload_follows(document, ce_type, value):
    return within(document, {"$ref": f"#/components/schemas/{ce_type}"}).is_valid(value)


@pytest.mark.parametrize("document", [describe, committed])
@pytest.mark.parametrize("participant", PARTICIPANTS)
def test_each_document_is_valid_asyncapi_3(participant, document):
    errors = [error.message for error in valid.iter_errors(document(participant))]

    assert errors == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda document: document.update(asyncapi="2.6.0"),
        lambda document: document["info"].pop("title"),
        lambda document: document["operations"]["send_partner_reports"].update(action="publish"),
        lambda document: document["channels"]["partner_reports"].update(messages=[]),
        lambda document: document["channels"]["partner_reports"].update(topic="x"),
        lambda document: document["servers"]["kafka"].pop("host"),
        lambda document: document["components"]["securitySchemes"]["login"].update(type="scram"),
        lambda document: document["components"]["messages"]["intake.report_accepted.v1"].update(
            headers=1
        ),
        lambda document: document["components"]["schemas"]["intake.report_accepted.v1"].update(
            type="text"
        ),
    ],
    ids=range(9),
)
def test_a_document_that_is_wrong_is_found_invalid(spoil):
    document = copy.deepcopy(describe("partner"))
    spoil(document)

    assert not valid.is_valid(document)


@pytest.mark.parametrize("participant", PARTICIPANTS)
def test_a_served_document_is_whole_in_itself(participant):
    document = describe(participant)

    assert all(ref.startswith("#/") and found(document, ref) for ref in refs(document))


@pytest.mark.parametrize("participant", PARTICIPANTS)
def test_a_committed_document_refers_to_the_committed_schema_of_each_type(participant):
    document = committed(participant)
    outside = {ref for ref in refs(document) if not ref.startswith("#/")}

    assert all(found(document, ref) for ref in refs(document) if ref not in outside)
    assert outside == {f"../schemas/{one}.json" for one in document["components"]["messages"]}
    assert all((COMMITTED / ref).is_file() for ref in outside)


@pytest.mark.parametrize("participant", PARTICIPANTS)
def test_a_committed_document_describes_topics_as_the_served_one_does(participant):
    kept, served = committed(participant), describe(participant)

    for part in ("info", "servers", "channels", "operations"):
        assert kept[part] == served[part]
    for name, message in kept["components"]["messages"].items():
        assert message == {
            **served["components"]["messages"][name],
            "payload": message["payload"],
        }


@pytest.mark.parametrize("service", DECLARED.services)
def test_a_service_publishes_and_reads_what_its_rights_are_for(service):
    document = describe(service)
    operations = {"send": set(), "receive": set()}
    for operation in document["operations"].values():
        channel = found(document, operation["channel"]["$ref"])
        operations[operation["action"]].add(channel["address"])
    topics = [*DECLARED.topics, *DECLARED.any_partner_topics]
    carrying = [topic for topic in topics if topic.name != "audit.checkpoints"]

    assert operations["send"] == {one.name for one in carrying if service in one.writes}
    assert operations["receive"] == {
        one.name for one in carrying if service in one.reads and service not in one.writes
    }


def test_every_message_has_a_channel_and_every_fact_its_own():
    described = {
        ce_type for one in PARTICIPANTS for ce_type in describe(one)["components"]["messages"]
    }

    assert described == set(MODELS)
    for ce_type, fact in FACTS.items():
        for topic in topics_of(fact):
            assert topic in {one.name for one in DECLARED.topics}, ce_type


def test_a_partner_sends_letters_to_its_topic_and_reads_the_answers_from_its_own():
    document = describe("partner")

    assert set(document["operations"]) == {"send_partner_reports", "receive_partner_replies"}
    send = document["operations"]["send_partner_reports"]
    reports = found(document, send["channel"]["$ref"])
    assert reports["address"] == "partner.{partner}.reports"
    assert set(reports["parameters"]) == {"partner"}
    assert set(reports["messages"]) == {one.replace(".", "_") for one in LETTERS}
    replies = found(document, send["reply"]["channel"]["$ref"])
    assert replies["address"] == "partner.{partner}.replies"
    assert set(replies["messages"]) == {one.replace(".", "_") for one in RECEIPTS}
    taken = [ref["$ref"].rpartition("/")[2] for ref in send["messages"]]
    assert taken == ["intake_report_submitted_v1"]
    login = found(document, document["servers"]["kafka"]["security"][0]["$ref"])
    assert login["type"] == "scramSha512"


@pytest.mark.parametrize("ce_type", LETTERS)
def test_a_letter_is_sealed_and_its_content_is_described(ce_type):
    document = describe("partner")
    message = document["components"]["messages"][ce_type]

    assert message["contentType"] == "application/jose"
    assert message["payload"]["type"] == "string"
    assert found(document, message["payload"]["x-opened"]["$ref"])["properties"]["partner"]


def test_the_report_inside_is_judged_by_the_document_as_by_its_schema():
    document = describe("partner")

    assert payload_follows(document, "intake.report_submitted.v1", MEDIATION)
    for wrong in (mediation(municipality="0751"), mediation(people="x"), mediation(partner=...)):
        assert not payload_follows(document, "intake.report_submitted.v1", wrong)


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_every_golden_record_is_as_documented(file):
    record = json.loads(file.read_text(encoding="utf-8"))
    ce_type = record["headers"]["ce_type"]
    owner = "intake" if ce_type in RECEIPTS else record["topic"].partition(".")[0]
    document = describe(owner)
    message = document["components"]["messages"][ce_type]
    key = found(document, message["bindings"]["$ref"])["kafka"]["key"]
    headers = within(document, message["headers"])

    headers.validate(record["headers"])
    jsonschema.Draft7Validator(key).validate(record["key"])
    assert payload_follows(document, ce_type, record["value"])
    (form,) = message["headers"]["allOf"]
    for name in found(document, form["$ref"])["required"]:
        without = {key: value for key, value in record["headers"].items() if key != name}
        assert not headers.is_valid(without)
    assert set(record["headers"]) <= set(found(document, form["$ref"])["properties"])
    assert not headers.is_valid(record["headers"] | {"ce_type": "psp.another.v1"})
    assert not headers.is_valid(record["headers"] | {"ce_source": "/elsewhere"})
