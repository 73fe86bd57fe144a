"""One record of every fact and receipt as it once went out: it must be readable for ever."""

import json
from pathlib import Path

import pytest

from shared.contracts import source_of
from shared.contracts.envelope import read_envelope
from shared.contracts.receipts import REPLIES_SOURCE, ReportAccepted, ReportRejected, ReportRouted
from shared.contracts.schemas import FACTS
from tests.contracts.grown import known_of

GOLDEN = Path(__file__).parent / "golden"
RECEIPTS = {one.type: one for one in (ReportAccepted, ReportRejected, ReportRouted)}
FILES = sorted(GOLDEN.glob("*.json"))


def golden(file):
    record = json.loads(file.read_text(encoding="utf-8"))
    headers = [(name, value.encode()) for name, value in record["headers"].items()]
    return record, read_envelope(headers), json.dumps(record["value"]).encode()


def test_every_type_that_goes_out_has_a_golden_record():
    kept = {json.loads(file.read_text())["headers"]["ce_type"] for file in FILES}

    assert kept >= {*FACTS, *RECEIPTS}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_golden_record_is_still_understood(file):
    record, envelope, value = golden(file)

    if envelope.type in FACTS:
        fact = FACTS[envelope.type].read(value)
        assert (envelope.source, envelope.subject) == (source_of(fact.topic()), fact.subject())
        assert envelope.sequence is not None
        assert record["topic"] == fact.topic()
    else:
        fact = RECEIPTS[envelope.type].model_validate_json(value)
        assert (envelope.source, envelope.subject) == (REPLIES_SOURCE, fact.reference)
        assert envelope.sequence is None
    assert record["key"] == envelope.subject
    written = json.loads(fact.write())
    assert known_of(record["value"], written) == record["value"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_reader_ignores_what_it_does_not_know(file):
    record, envelope, _ = golden(file)
    model = (FACTS | RECEIPTS)[envelope.type]
    later = json.dumps(record["value"] | {"added_later": {"a": 1}}).encode()

    assert model.model_validate_json(later) == model.model_validate(record["value"])
