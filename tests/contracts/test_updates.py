"""What a partner may add to a report it sent before."""

import json

import pytest

from shared.contracts.processes import PartnerKind
from shared.contracts.report import ReportRefused
from shared.contracts.update import UpdateKind, check_update
from tests.contracts.letters import MEDIATION, NOW

UPDATE = {
    "partner": "prosecution-syd",
    "reference": "V-2026-0147-1",
    "about": "V-2026-0147",
    "kind": "trial_date",
    "details": {"trial_date": "2027-03-01"},
}


def judged(letter, kind=PartnerKind.PROSECUTION):
    return check_update(
        json.dumps(letter).encode(),
        partner="prosecution-syd",
        kind=kind,
        reference="V-2026-0147-1",
        now=NOW,
    )


def faults(letter, kind=PartnerKind.PROSECUTION):
    with pytest.raises(ReportRefused) as refused:
        judged(letter, kind)
    return sorted((error.field, error.rule) for error in refused.value.errors)


@pytest.mark.parametrize("kind", UpdateKind)
def test_each_kind_of_update_is_taken(kind):
    assert judged(UPDATE | {"kind": kind}).kind is kind


def test_an_update_is_bound_to_its_envelope_and_names_a_possible_report():
    letter = UPDATE | {"partner": "school-vejle", "reference": "V-2", "about": "031208-4001"}

    assert faults(letter) == [
        ("/about", "looks_like_cpr"),
        ("/partner", "mismatch"),
        ("/reference", "mismatch"),
    ]


def test_only_those_who_know_report_an_acknowledgement_or_a_suspect():
    letter = UPDATE | {
        "kind": "acknowledgement",
        "details": {"acknowledgement": {"given": True, "source": "school"}},
        "people": MEDIATION["people"],
    }

    assert faults(letter, PartnerKind.SCHOOL) == [
        ("/details/acknowledgement", "not_from_this_kind"),
        ("/kind", "not_from_this_kind"),
        ("/people/1/category", "not_from_this_kind"),
    ]


def test_an_unknown_kind_is_refused():
    assert faults(UPDATE | {"kind": "rumour"}) == [("/kind", "unknown_value")]
