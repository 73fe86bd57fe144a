"""How a case lies in the database: as it always did, byte for byte, and read again as it was.

`stored` is how the first version wrote it; `added` are the fields that later versions write after.
"""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import bson
import pytest

import services.mediation.handlers as mediation_handlers
import services.psp.handlers as psp_handlers
from services.mediation import domain as mediation
from services.mediation.mediations import MEDIATIONS
from services.psp import domain as psp
from services.psp.psp_cases import PSP_CASES
from shared.contracts.intake import CaseOpened
from shared.contracts.references import case_reference
from shared.engine import LoadedDocument, Timer, Unit

GOLDEN = Path(__file__).parents[1] / "contracts" / "golden"
NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
DUE_AT = datetime(2026, 12, 1, 15, 0, tzinfo=UTC)
CASE = "5b0c9f52-6c39-5a0a-9b0e-2f6c3d3f7a11"

NO_LISTS = {"named": [], "members": [], "need_to_know": None, "barred": []}
LOOKS = {"asked": [], "clearance": None}

SERVICES = [
    SimpleNamespace(
        name="mediation",
        rules=mediation.RULES,
        store=MEDIATIONS,
        handlers=mediation_handlers,
        opened="intake.case_opened.v1.json",
        stored={
            "details": {"status": "wanted"},
            "_id": CASE,
            "municipality": "0630",
            "patrol_centre": "mid",
            "parties": [
                {
                    "party_id": "a3b1f3a4-5f0e-5b7e-8d50-7f4a0f6a9d01",
                    "role": "harmed",
                    "category": "victim",
                    "minor": True,
                    "custody_holders": ["e5d2c1b0-9a88-5c66-b544-332211009903"],
                    "address_protected": False,
                },
                {
                    "party_id": "c0f0b6a2-0c9d-5f7e-9a77-51d6a2b7e402",
                    "role": "responsible",
                    "category": "suspect",
                    "minor": None,
                    "custody_holders": [],
                    "address_protected": True,
                },
                {
                    "party_id": "e5d2c1b0-9a88-5c66-b544-332211009903",
                    "role": "guardian",
                    "category": "other",
                    "minor": False,
                    "custody_holders": [],
                    "address_protected": False,
                },
            ],
            "received_at": NOW,
            "due_at": DUE_AT,
            "next_step": "contact_parties",
            "overdue": False,
            "stage": "proposed",
        },
        added={
            "revision": 0,
            "history": [],
            "second_look": [],
            "unsuitable": None,
            "circle": NO_LISTS,
            **LOOKS,
        },
        in_step_due={},
    ),
    SimpleNamespace(
        name="psp",
        rules=psp.RULES,
        store=PSP_CASES,
        handlers=psp_handlers,
        opened="intake.case_opened.v1-psp.json",
        stored={
            "details": {"status": "wanted"},
            "_id": CASE,
            "municipality": "0615",
            "patrol_centre": "north",
            "psychiatry_region": "midtjylland",
            "parties": [
                {
                    "party_id": "a3b1f3a4-5f0e-5b7e-8d50-7f4a0f6a9d01",
                    "role": "subject",
                    "category": "other",
                    "minor": False,
                    "custody_holders": [],
                    "address_protected": False,
                }
            ],
            "received_at": NOW,
            "due_at": DUE_AT,
            "next_step": "judge_necessity",
            "overdue": False,
            "stage": "nominated",
            "not_for_investigation": True,
        },
        added={
            "revision": 0,
            "history": [],
            "disclosed_to": None,
            "sent_by": [],
            "circle": NO_LISTS,
        },
        in_step_due={"authorities": []},
    ),
]
BOTH = pytest.mark.parametrize("service", SERVICES, ids=lambda each: each.name)


def opened(service):
    golden = json.loads((GOLDEN / service.opened).read_text(encoding="utf-8"))
    return CaseOpened.read(json.dumps(golden["value"]).encode())


def stored_now(service):
    """The document as this version writes it: later fields stand after those of the first."""
    parties = [party | {"age_band": None} for party in service.stored["parties"]]
    return service.stored | {"parties": parties} | service.added | listed(service)


def listed(service):
    """What lists find and order a case by."""
    whole = case_reference(service.store.process, UUID(CASE)).replace("-", "")
    return {"listed": {"parts": [whole[at:] for at in range(len(whole))], "due": DUE_AT}}


def a_unit(service, document=None, now=NOW):
    unit = Unit(cases=service.store.collection, now=now)
    loaded = LoadedDocument.stored({**document, "version": 1}) if document else LoadedDocument()
    unit.track(service.store.collection, CASE, loaded)
    return unit


@BOTH
def test_a_case_is_stored_byte_for_byte_as_it_always_was_with_later_fields_after_it(service):
    unit = a_unit(service)

    decided = service.rules.on_case_opened(opened(service), None, NOW)
    service.store.save(unit, decided.case)

    stored = unit.load(service.store.collection, CASE)
    assert bson.encode(stored) == bson.encode(stored_now(service))


@BOTH
def test_a_document_that_was_stored_long_ago_is_read_as_the_case_it_was(service):
    decided = service.rules.on_case_opened(opened(service), None, NOW)

    assert service.store.read(service.stored) == decided.case


@BOTH
def test_saving_a_case_keeps_what_was_fetched_about_it(service):
    details = {"status": "held", "sealed": b"sealed", "fetched_at": NOW}
    unit = a_unit(service, {**service.stored, "details": details})

    case = service.store.load(unit, CASE)
    service.store.save(unit, replace(case, municipality="0746"))

    stored = unit.load(service.store.collection, CASE)
    assert stored == {
        **stored_now(service),
        "details": details,
        "municipality": "0746",
    }


@BOTH
def test_a_case_that_was_stored_long_ago_is_marked_overdue_when_its_time_is_up(service):
    unit = a_unit(service, service.stored, now=DUE_AT + timedelta(seconds=1))
    step = service.stored["next_step"]

    service.handlers.make_timers().fire(Timer(step, CASE, CASE, DUE_AT), unit)

    [message] = unit.outgoing.messages
    assert message.envelope.type == f"{service.name}.step_due.v1"
    assert json.loads(message.value) == {
        "case_id": CASE,
        "municipality": service.stored["municipality"],
        "step": step,
        "due_at": "2026-12-01T15:00:00Z",
        **service.in_step_due,
    }
    assert unit.load(service.store.collection, CASE)["overdue"] is True
