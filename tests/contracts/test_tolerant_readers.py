"""A new code never stops a case that does not need it (docs/contracts.md, "Tolerant readers").

Each listed code of each fact is replaced by one that is not on its list: the fact is read, the code is
kept, and each service that takes the fact in does what it did before. Where a service decides by the
code, that is recorded here, and parks that case alone.
"""

import json
import pkgutil
from collections import defaultdict
from copy import deepcopy
from datetime import UTC, datetime
from importlib import import_module, util
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

import services
from services.mediation.domain import Side
from services.mediation.mediations import MEDIATIONS
from services.notify.handlers import CASES
from services.psp.psp_cases import PSP_CASES
from shared.contracts.codes import UnknownCode
from shared.contracts.intake import Party
from shared.contracts.mediation import Step, StepDue
from shared.contracts.processes import Category, PersonRole
from shared.contracts.schemas import FACTS, schema
from shared.engine import LoadedDocument, Record, Unit
from tests.contracts.grown import known_of

GOLDEN = Path(__file__).parent / "golden"
NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
ANOTHER = "11111111-1111-4111-8111-111111111111"

NEEDED = {
    # whose case it is: one of an unknown process belongs to another service
    ("mediation", "intake.case_opened.v1", "process"),
    ("psp", "intake.case_opened.v1", "process"),
}
"""Service, fact and field: the codes by which a service decides whether it takes a case in."""

TOLD = {
    # who hears of a case: the members of an authority that is not known here hear nothing
    ("notify", "psp.access_changed.v1", "authorities"),
    ("notify", "psp.necessity_judged.v1", "authorities"),
    ("notify", "psp.step_due.v1", "authorities"),
}
"""Service, fact and field: the codes by which a service chooses whom it tells."""

COLLECTIONS = {
    "mediation": MEDIATIONS.collection,
    "psp": PSP_CASES.collection,
    "notify": CASES,
}
"""Of each service that takes facts in, where its cases lie."""


def golden_facts():
    for file in sorted(GOLDEN.glob("*.json")):
        record = json.loads(file.read_text(encoding="utf-8"))
        if record["headers"]["ce_type"] in FACTS:
            yield file.stem, record


def codes_in(part, value, definitions, path=()):
    """Where codes of a list are in a value, by what is published of it: path and list."""
    part = definitions[part["$ref"].rpartition("/")[2]] if "$ref" in part else part
    if "enum" in part and value is not None:
        yield path, part["enum"]
    for way in part.get("anyOf", ()):
        if way.get("type") != "null" and value is not None:
            yield from codes_in(way, value, definitions, path)
    for name, field in part.get("properties", {}).items():
        if name in value:
            yield from codes_in(field, value[name], definitions, (*path, name))
    if "items" in part:
        for place, one in enumerate(value):
            yield from codes_in(part["items"], one, definitions, (*path, place))


CODED = [
    SimpleNamespace(stem=stem, record=record, path=path, codes=codes)
    for stem, record in golden_facts()
    for published in [schema(record["headers"]["ce_type"])]
    for path, codes in codes_in(published, record["value"], published.get("$defs", {}))
]
EACH = pytest.mark.parametrize(
    "coded", CODED, ids=lambda each: f"{each.stem} /{'/'.join(map(str, each.path))}"
)
NEW_CODES = st.from_regex(r"[a-z][a-z0-9]{0,20}([_-][a-z0-9]{1,20})?", fullmatch=True)


def replaced(value, path, code):
    value = deepcopy(value)
    part = value
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = code
    return value


def at(value, path):
    for key in path:
        value = value[key]
    return value


def field_of(path):
    return ".".join(str(key) for key in path if not isinstance(key, int))


def test_every_listed_code_of_every_fact_is_replaced_below():
    published = defaultdict(set)
    for ce_type in FACTS:
        document = schema(ce_type)
        places = [
            ("", document),
            *((name, each) for name, each in document.get("$defs", {}).items()),
        ]
        listed = {name for name, each in document.get("$defs", {}).items() if "enum" in each}
        for _, place in places:
            for name, field in place.get("properties", {}).items():
                ways = [field, *field.get("anyOf", ())]
                ways += [way["items"] for way in ways if "items" in way]
                if any(way.get("$ref", "").rpartition("/")[2] in listed for way in ways):
                    published[ce_type].add(name)

    replaced_here = defaultdict(set)
    for coded in CODED:
        field = field_of(coded.path).rpartition(".")[2]
        replaced_here[coded.record["headers"]["ce_type"]].add(field)
    assert replaced_here == published


@EACH
@settings(max_examples=25)
@given(data=st.data())
def test_a_code_that_is_not_on_its_list_is_read_and_kept_as_it_was_published(coded, data):
    code = data.draw(NEW_CODES.filter(lambda new: new not in coded.codes))
    value = replaced(coded.record["value"], coded.path, code)

    fact = FACTS[coded.record["headers"]["ce_type"]].read(json.dumps(value).encode())

    assert known_of(value, json.loads(fact.write())) == value
    assert at(json.loads(fact.write()), coded.path) == code


@EACH
@pytest.mark.parametrize("value", ["", "a" * 65, "two words", "-a", "å", 5, True, [], {}])
def test_what_is_no_code_at_all_is_refused_with_one_fault(coded, value):
    changed = replaced(coded.record["value"], coded.path, value)

    with pytest.raises(ValidationError) as refused:
        FACTS[coded.record["headers"]["ce_type"]].read(json.dumps(changed).encode())

    [fault] = refused.value.errors(include_url=False)
    assert (fault["type"], fault["loc"]) == ("enum", coded.path)


@EACH
def test_a_fact_of_our_own_is_made_of_listed_codes_alone(coded):
    fact = FACTS[coded.record["headers"]["ce_type"]]

    with pytest.raises(ValidationError):
        fact.model_validate(replaced(coded.record["value"], coded.path, "new-code"))
    assert fact.model_validate(coded.record["value"]) == fact.read(
        json.dumps(coded.record["value"]).encode()
    )


def test_a_code_that_was_read_can_be_passed_on():
    code = UnknownCode("book_room")

    event = StepDue(case_id=UUID(ANOTHER), municipality="0630", step=code, due_at=NOW)

    assert json.loads(event.write())["step"] == "book_room"
    assert StepDue.read(event.write()) == event


def test_a_listed_code_is_read_as_a_member_of_its_list():
    event = StepDue(case_id=UUID(ANOTHER), municipality="0630", step="contact_parties", due_at=NOW)

    assert event.step is StepDue.read(event.write()).step is Step.CONTACT_PARTIES


# What the services make of it


def facts_of(service):
    return import_module(f"services.{service}.handlers").make_inbox()


def test_every_service_that_takes_facts_in_is_looked_at():
    named = {each.name for each in pkgutil.iter_modules(services.__path__)}
    handling = {name for name in named if util.find_spec(f"services.{name}.handlers")}

    assert {
        name
        for name in handling
        if hasattr(import_module(f"services.{name}.handlers"), "make_inbox")
    } == set(COLLECTIONS)


def effect(service, record, *values):
    """What a service's unit of work holds after it took these values of one fact in, one a case."""
    facts = facts_of(service)
    unit = Unit(cases=COLLECTIONS[service], now=NOW)
    for offset, value in enumerate(values):
        subject = value.get("case_id") or value["report_id"]
        headers = {**record["headers"], "ce_subject": subject, "ce_sequence": "0000000001"}
        kept = Record(
            topic=record["topic"],
            partition=0,
            offset=offset,
            timestamp_ms=int(NOW.timestamp() * 1000),
            key=subject.encode(),
            value=json.dumps(value).encode(),
            headers=tuple((name, text.encode()) for name, text in headers.items()),
        )
        with pytest.raises(StopIteration) as prepared:
            facts.prepare([kept]).send(None)
        [arrival] = prepared.value.value
        for collection, ids in facts.needs(arrival).items():
            for each in ids:
                unit.track(collection, each, LoadedDocument())
        unit.track(COLLECTIONS[service], subject, LoadedDocument())
        facts.take(arrival, unit)
    return unit


def seen(unit, code, listed):
    """What others see of it, with the new code as the listed one; ids follow from codes."""

    def plain(value):
        if isinstance(value, dict):
            ids = ("_id", "notice_id")
            return {key: plain(one) for key, one in value.items() if key not in ids}
        if isinstance(value, list | tuple):
            return [plain(one) for one in value]
        return listed if value == code else value

    documents = [
        (collection, plain(written.fields or {}), written.protocol)
        for (collection, _), written in unit.changes()
    ]
    messages = [
        (one.topic, one.envelope.type, plain(json.loads(one.value)))
        for one in unit.outgoing.messages
    ]
    due = [(row["name"], row["case_id"], row["due_at"]) for _, row in unit.timers if row]
    return documents, messages, due, unit.failures


def notices_of(unit, value):
    """The ids of the notices about the case of a fact."""
    return [
        json.loads(one.value)["notice_id"]
        for one in unit.outgoing.messages
        if one.key == value["case_id"]
    ]


TAKEN = [
    (service, coded)
    for service in COLLECTIONS
    for coded in CODED
    if FACTS[coded.record["headers"]["ce_type"]] in facts_of(service).types
    and not effect(service, coded.record, coded.record["value"]).failures
]


@pytest.mark.parametrize(
    ("service", "coded"),
    TAKEN,
    ids=[f"{service} {one.stem} /{'/'.join(map(str, one.path))}" for service, one in TAKEN],
)
@settings(max_examples=15)
@given(data=st.data())
def test_a_new_code_stops_no_case_that_does_not_need_it(service, coded, data):
    code = data.draw(NEW_CODES.filter(lambda new: new not in coded.codes))
    value, listed = coded.record["value"], at(coded.record["value"], coded.path)
    another = {**value, "case_id" if "case_id" in value else "report_id": ANOTHER}

    changed = effect(service, coded.record, replaced(value, coded.path, code), another)

    if (service, coded.record["headers"]["ce_type"], field_of(coded.path)) in NEEDED:
        assert [case for _, case in changed.failures] == [value["case_id"]]
        assert {message.key for message in changed.outgoing.messages} == {ANOTHER}
    elif (service, coded.record["headers"]["ce_type"], field_of(coded.path)) in TOLD:
        as_before = effect(service, coded.record, value, another)
        told, told_before = notices_of(changed, value), notices_of(as_before, value)
        assert len(told) == len(told_before) - 1
        assert set(told) < set(told_before)
        assert changed.failures == []
    else:
        as_before = effect(service, coded.record, value, another)
        assert seen(changed, code, listed) == seen(as_before, code, listed)
        assert changed.failures == []


def test_every_code_that_a_service_needs_is_one_that_it_meets():
    met = {
        (service, coded.record["headers"]["ce_type"], field_of(coded.path))
        for service, coded in TAKEN
    }

    assert met >= NEEDED | TOLD


def taken_with(path, code):
    """A mediation whose fact carried a new code, as it is stored and read again."""
    record = json.loads((GOLDEN / "intake.case_opened.v1.json").read_text(encoding="utf-8"))
    value = replaced(record["value"], path, code)
    unit = effect("mediation", record, value)
    document = unit.load(MEDIATIONS.collection, value["case_id"])
    return {**document, "_id": value["case_id"]}, MEDIATIONS.load(unit, value["case_id"])


def test_a_party_of_an_unknown_role_is_on_no_side_and_keeps_its_published_role():
    before = MEDIATIONS.read(taken_with(("parties", 0, "role"), "harmed")[0])

    document, mediation = taken_with(("parties", 0, "role"), "bystander")

    assert document["parties"][0]["role"] == "bystander"
    party = mediation.parties[0]
    assert party.role == UnknownCode("bystander")
    assert party.party_id == before.on_side(Side.HARMED)[0].party_id
    assert mediation.on_side(Side.HARMED) == ()
    assert mediation.on_side(Side.RESPONSIBLE) == before.on_side(Side.RESPONSIBLE)


def test_a_party_of_our_own_is_made_of_listed_codes_alone():
    with pytest.raises(ValidationError):
        Party(party_id=UUID(ANOTHER), role="bystander", category=Category.OTHER, minor=None)
    party = Party(
        party_id=UUID(ANOTHER), role=PersonRole.WITNESS, category=Category.OTHER, minor=None
    )
    assert party.role is PersonRole.WITNESS
