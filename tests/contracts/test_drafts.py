"""A fact that is marked as a draft: services send it to each other, and nobody else relies on it."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar
from uuid import uuid4

import pytest

from shared.contracts import CaseFact, source_of
from shared.contracts.asyncapi import PARTNER
from shared.contracts.describe import describe
from shared.contracts.discovery import manifests
from shared.contracts.envelope import Envelope, write_envelope
from shared.contracts.schemas import DRAFTS, FACTS, MODELS, schema
from shared.contracts.topics import load
from shared.contracts.wire import topics_of, types_on
from shared.engine import Inbox, LoadedDocument, Record, Unit
from tests.contracts.gate import NOW, sentences

PUBLISHED = Path(__file__).parents[2] / "docs"
WHEN = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize("draft", DRAFTS.values(), ids=list(DRAFTS))
def test_a_draft_stands_in_nothing_that_is_published(draft):
    assert draft.type not in MODELS
    assert schema(draft.type) is None
    assert all(draft.type not in types_on(topic) for topic in topics_of(draft))
    described = [describe(each.name) for each in manifests()] + [describe(PARTNER)]
    assert all(draft.type not in json.dumps(each) for each in described)
    for folder in ("schemas", "published", "asyncapi"):
        for file in (PUBLISHED / folder).rglob("*"):
            assert not file.is_file() or draft.type not in file.read_text(encoding="utf-8"), file


@pytest.mark.parametrize("draft", DRAFTS.values(), ids=list(DRAFTS))
def test_a_draft_goes_to_services_alone(draft):
    read_by = {topic.name: set(topic.reads) for topic in load().topics}

    for topic in topics_of(draft):
        assert read_by[topic] <= {each.name for each in manifests()}


def test_what_was_published_cannot_become_a_draft_again(once):
    schemas = dict(NOW.schemas)
    del schemas["mediation.screened.v1"]

    [found] = sentences(once, replace(NOW, schemas=schemas))

    assert found.startswith("mediation.screened.v1: it is no longer published")


class _Fact(CaseFact):
    type: ClassVar[str] = "mediation.invented.v1"
    wanted: int

    def topic(self):
        return "mediation.cases"


class _Draft(_Fact):
    draft: ClassVar[bool] = True


def taken(fact, value):
    """Let an inbox take a record of another version in; return its unit and what it handled."""
    inbox, handled = Inbox(), []
    inbox.on(fact)(lambda one, _: handled.append(one))
    case_id = str(uuid4())
    envelope = Envelope(
        id="1",
        source=source_of("mediation.cases"),
        type=fact.type,
        time=WHEN,
        subject=case_id,
        sequence=1,
    )
    record = Record(
        topic="mediation.cases",
        partition=0,
        offset=0,
        timestamp_ms=0,
        key=case_id.encode(),
        value=json.dumps({"case_id": case_id, **value}).encode(),
        headers=tuple(write_envelope(envelope)),
    )
    unit = Unit(cases="cases", now=WHEN)
    unit.track("cases", case_id, LoadedDocument())
    with pytest.raises(StopIteration) as prepared:
        inbox.prepare([record]).send(None)
    [arrival] = prepared.value.value
    inbox.take(arrival, unit)
    mark = unit.document("cases", case_id).protocol.marks.get("/mediation/cases", 0)
    return handled, mark, unit.failures


def test_a_draft_of_another_version_is_ignored_and_the_case_goes_on():
    handled, mark, failures = taken(_Draft, {"of_before": 1})

    assert (handled, mark, failures) == ([], 1, [])


def test_a_published_fact_that_cannot_be_read_still_stops_its_case():
    handled, mark, failures = taken(_Fact, {"of_before": 1})

    assert (handled, mark, len(failures)) == ([], 0, 1)


@pytest.mark.parametrize("fact", [_Draft, _Fact])
def test_a_fact_that_can_be_read_is_handled_draft_or_not(fact):
    [handled], mark, failures = taken(fact, {"wanted": 7})

    assert (handled.wanted, mark, failures) == (7, 1, [])


def test_no_type_is_both():
    assert not DRAFTS.keys() & FACTS.keys()
    assert DRAFTS
