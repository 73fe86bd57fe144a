"""Letters to begin from: one that is in order, and a way to have it judged."""

import copy
import json
from datetime import UTC, datetime
from typing import Any

from shared.contracts.processes import PartnerKind
from shared.contracts.report import Report, ReportRefused, check_report

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)

Letter = dict[str, Any]

MEDIATION: Letter = {
    "partner": "prosecution-syd",
    "reference": "V-2026-0147",
    "process": "mediation",
    "municipality": "0630",
    "occurred_at": "2026-11-20T13:30:00+01:00",
    "proposed_by": "prosecution",
    "people": [
        {
            "label": "a",
            "role": "harmed",
            "category": "victim",
            "name": {"given": "Ask", "family": "Testesen"},
            "cpr": "031208-4001",
            "birth_date": "2008-12-03",
            "address": {"street": "Prøvevej 1", "postal_code": "7100", "city": "Vejle"},
            "phone": "+4500000001",
            "email": "ask.testesen@example.test",
            "address_protected": False,
        },
        {
            "label": "b",
            "role": "responsible",
            "category": "suspect",
            "name": {"given": "Malthe", "family": "Prøvesen"},
        },
        {
            "label": "c",
            "role": "guardian",
            "category": "other",
            "name": {"given": "Grete", "family": "Testesen"},
            "custody_of": ["a"],
            "custody": "joint",
        },
    ],
    "details": {
        "acknowledgement": {"given": True, "source": "prosecution"},
        "offence": "violence",
        "trial_date": "2027-02-01",
    },
    "text": "fri tekst til dem, der behandler sagen",
}

DISCLOSURE: Letter = {
    "form": "PSP",
    "basis": "115-1-2",
    "purpose": "Aftale, hvem der besøger borgeren.",
    "necessity": "Ingen af os kan løse det alene, og boligen er opsagt.",
    "items": [
        {
            "what": "Seks hændelser, kun dato og art",
            "kind": "fact",
            "source": "Politiets døgnrapport",
            "date": "2026-11-14",
        }
    ],
    "recipients": [{"authority": "psychiatry", "role": "Behandler"}],
    "decided_by": "Patruljecenterlederen",
}

PSP: Letter = {
    "partner": "prosecution-syd",
    "reference": "V-2026-0147",
    "process": "psp",
    "municipality": "0615",
    "occurred_at": "2026-11-14T04:15:00+01:00",
    "proposed_by": "police",
    "people": [{"label": "a", "role": "subject", "category": "other", "name": {"given": "Kurt"}}],
    "disclosure": DISCLOSURE,
}


def mediation(**changes: Any) -> Letter:
    """A mediation letter with some fields other than usual; `...` leaves one out."""
    return _changed(MEDIATION, changes)


def psp(**changes: Any) -> Letter:
    """A PSP letter with some fields other than usual."""
    return _changed(PSP, changes)


def disclosed(**changes: Any) -> Letter:
    """A PSP letter whose disclosure has some fields other than usual."""
    return psp(disclosure=_changed(DISCLOSURE, changes))


def person(index: int, **changes: Any) -> Letter:
    """A mediation letter in which one person is described differently."""
    letter = copy.deepcopy(MEDIATION)
    letter["people"][index] = _changed(letter["people"][index], changes)
    return letter


def judged(
    letter: Letter | bytes,
    *,
    kind: PartnerKind = PartnerKind.PROSECUTION,
    reference: str = "V-2026-0147",
    municipalities: frozenset[str] = frozenset({"0630", "0615"}),
) -> Report:
    """The report, as intake would take it from prosecution-syd."""
    opened = letter if isinstance(letter, bytes) else json.dumps(letter).encode()
    return check_report(
        opened,
        partner="prosecution-syd",
        kind=kind,
        municipalities=municipalities,
        reference=reference,
        now=NOW,
    )


def faults(letter: Letter | bytes, **sender: Any) -> list[tuple[str, str]]:
    """Field and rule of everything that is wrong with a letter; empty where nothing is."""
    try:
        judged(letter, **sender)
    except ReportRefused as refused:
        return sorted((error.field, error.rule) for error in refused.errors)
    return []


def _changed(letter: Letter, changes: Letter) -> Letter:
    changed = copy.deepcopy(letter)
    for field, value in changes.items():
        if value is ...:
            changed.pop(field, None)
        else:
            changed[field] = copy.deepcopy(value)
    return changed
