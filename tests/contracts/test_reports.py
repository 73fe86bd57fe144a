"""What a report must be, rule by rule."""

import json
from datetime import timedelta

import pytest

from shared.contracts.details import MediationDetails
from shared.contracts.processes import ACCUSING_KINDS, PartnerKind, Process
from shared.contracts.report import MarkCode, ReportRefused
from tests.contracts.letters import MEDIATION, NOW, faults, judged, mediation, person

OTHER_KINDS = sorted(set(PartnerKind) - ACCUSING_KINDS)


def test_the_report_of_the_contract_is_taken_unchanged():
    report = judged(MEDIATION)

    assert report.process is Process.MEDIATION
    assert [person.label for person in report.people] == ["a", "b", "c"]
    assert report.people[0].cpr == "0312084001"
    details = report.details_read
    assert isinstance(details, MediationDetails)
    assert details.acknowledgement is not None
    assert details.acknowledgement.given
    assert report.marks == ()


def test_a_report_without_a_process_is_for_triage():
    assert judged(mediation(process=None)).process is None


@pytest.mark.parametrize("field", ["details", "text", "disclosure"])
def test_what_a_process_does_not_need_may_be_left_out(field):
    assert faults(mediation(**{field: ...})) == []


@pytest.mark.parametrize(
    "field",
    ["partner", "reference", "process", "municipality", "occurred_at", "proposed_by", "people"],
)
def test_every_other_field_must_be_there(field):
    assert faults(mediation(**{field: ...})) == [(f"/{field}", "missing")]


def test_unknown_fields_are_kept_and_ignored():
    report = judged(mediation(sent_by="version 2", details={"journal": {"nr": 17}}))

    assert report.details == {"journal": {"nr": 17}}
    assert report.model_dump()["sent_by"] == "version 2"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("partner", 1),
        ("reference", ["V"]),
        ("process", 3),
        ("municipality", 630),
        ("occurred_at", 1795000000),
        ("proposed_by", True),
        ("people", {"a": 1}),
        ("details", "none"),
        ("text", 5),
    ],
)
def test_nothing_is_turned_from_one_type_into_another(field, value):
    assert [fault for fault, _ in faults(mediation(**{field: value}))] == [f"/{field}"]


def test_all_errors_are_reported_at_once():
    letter = person(0, name=..., cpr=...)
    letter |= {"municipality": "0101", "occurred_at": "yesterday", "proposed_by": "teacher"}
    letter["people"][1]["label"] = "c"

    assert faults(letter, kind=PartnerKind.SCHOOL) == [
        ("/details/acknowledgement", "not_from_this_kind"),
        ("/municipality", "unknown_municipality"),
        ("/occurred_at", "malformed"),
        ("/people/0", "name_or_cpr_missing"),
        ("/people/1/category", "not_from_this_kind"),
        ("/people/2/label", "duplicate_label"),
        ("/proposed_by", "unknown_value"),
    ]


def test_at_most_fifty_errors_are_reported():
    crowd = [{"label": str(n), "role": "x", "category": "y"} for n in range(60)]

    assert len(faults(mediation(people=crowd))) == 50


# who it is from


def test_a_letter_is_bound_to_the_partner_and_reference_of_its_envelope():
    assert faults(mediation(partner="school-vejle")) == [("/partner", "mismatch")]
    assert faults(MEDIATION, reference="V-2026-0148") == [("/reference", "mismatch")]


@pytest.mark.parametrize("reference", ["", "a" * 65, "a/b", "a b", "æ", "a\n", "V-1\x00"])
def test_a_reference_has_its_own_alphabet(reference):
    assert faults(mediation(reference=reference), reference=reference) == [
        ("/reference", "malformed")
    ]


@pytest.mark.parametrize("reference", ["031208-4001", "0312084001", "6312084001"])
def test_a_reference_is_never_shaped_like_a_cpr_number(reference):
    assert faults(mediation(reference=reference), reference=reference) == [
        ("/reference", "looks_like_cpr")
    ]


@pytest.mark.parametrize("reference", ["2026000147", "V-031208", "3212084001", "0313084001", "x"])
def test_other_numbers_may_be_references(reference):
    assert faults(mediation(reference=reference), reference=reference) == []


# where and when


@pytest.mark.parametrize("municipality", ["0751", "630", "06300", "Vejle", ""])
def test_a_report_is_from_the_district(municipality):
    assert faults(mediation(municipality=municipality)) == [
        ("/municipality", "unknown_municipality")
    ]


def test_hedensted_has_no_youth_council_but_everything_else():
    council = mediation(municipality="0766", process="youth-council", details={})

    assert faults(council) == [("/municipality", "no_youth_council")]
    assert faults(mediation(municipality="0766")) == []


def test_a_partner_may_report_from_elsewhere_and_it_is_marked():
    report = judged(mediation(municipality="0746"))

    assert [(mark.field, mark.code) for mark in report.marks] == [
        ("/municipality", MarkCode.OUTSIDE_PARTNER_MUNICIPALITIES)
    ]


def test_a_partners_clock_may_run_five_minutes_ahead():
    just = (NOW + timedelta(minutes=5)).isoformat()
    over = (NOW + timedelta(minutes=5, seconds=1)).isoformat()

    assert faults(mediation(occurred_at=just)) == []
    assert faults(mediation(occurred_at=over)) == [("/occurred_at", "in_the_future")]


@pytest.mark.parametrize(
    "moment",
    [
        "2026-11-20T13:30:00",
        "2026-11-20 13:30:00+01:00",
        "2026-11-20",
        "2026-11-20T13:30+01:00",
        "2026-11-20T24:00:00Z",
        "2026-02-30T12:00:00Z",
        "2026-11-20T13:30:00+0100",
        "2026-11-20T13:30:00+25:00",
        "20261120T133000Z",
        "",
        "٢٠٢٦-11-20T13:30:00Z",
        "0001-01-01T00:00:00+14:00",
        "1899-12-31T23:59:59Z",
        "9999-12-31T23:59:59-23:00",
    ],
)
def test_a_time_is_rfc_3339_with_an_offset(moment):
    assert faults(mediation(occurred_at=moment)) == [("/occurred_at", "malformed")]


@pytest.mark.parametrize(
    "moment",
    ["2026-11-20T13:30:00Z", "2026-11-20t13:30:00.123456789z", "2016-12-31T23:59:60Z"],
)
def test_every_spelling_of_rfc_3339_is_read(moment):
    assert faults(mediation(occurred_at=moment)) == []


# people


def test_a_person_has_a_name_or_a_cpr_number():
    assert faults(person(1, name=..., cpr=...)) == [("/people/1", "name_or_cpr_missing")]
    assert faults(person(1, name={"given": " "})) == [("/people/1", "name_or_cpr_missing")]
    assert faults(person(1, name={"family": "Prøvesen"})) == []
    assert faults(person(1, name=..., cpr="010190-0001")) == []


@pytest.mark.parametrize("cpr", ["320190-0001", "310290-0001", "0101900", "01-01-90-0001", "abc"])
def test_a_cpr_number_begins_with_a_date(cpr):
    assert faults(person(0, cpr=cpr)) == [("/people/0/cpr", "malformed")]


def test_a_cpr_number_is_never_refused_for_its_check_digit():
    assert faults(person(0, cpr="0312084002", birth_date=...)) == []
    assert faults(person(0, cpr="0312084003", birth_date=...)) == []


def test_a_cpr_number_against_the_birth_date_is_kept_and_marked():
    report = judged(person(0, birth_date="2008-12-04"))

    assert report.people[0].cpr == "0312084001"
    assert [(mark.field, mark.code) for mark in report.marks] == [
        ("/people/0/cpr", MarkCode.CPR_CONTRADICTS_BIRTH_DATE)
    ]


@pytest.mark.parametrize(
    "phone", ["75000000", "0045 75", "+45 75000000", "+0123", "+1234567890123456"]
)
def test_a_phone_number_is_e164(phone):
    assert faults(person(0, phone=phone)) == [("/people/0/phone", "malformed")]


def test_labels_are_unique_and_custody_points_at_them():
    assert faults(person(1, label="a")) == [("/people/1/label", "duplicate_label")]
    assert faults(person(2, custody_of=["a", "x"])) == [("/people/2/custody_of/1", "unknown_label")]
    assert faults(person(2, custody_of=["c"])) == [("/people/2/custody_of/0", "own_custody")]


def test_custody_of_somebody_who_cannot_be_read_is_no_second_fault():
    assert faults(person(0, cpr="x")) == [("/people/0/cpr", "malformed")]


@pytest.mark.parametrize("field", ["role", "category", "custody"])
def test_codes_are_from_their_lists(field):
    assert faults(person(0, **{field: "villain"})) == [(f"/people/0/{field}", "unknown_value")]


def test_nobody_is_born_tomorrow():
    assert faults(person(2, birth_date="2026-11-26")) == [("/people/2/birth_date", "in_the_future")]


def test_a_hundred_people_are_enough():
    crowd = [
        {"label": str(n), "role": "other", "category": "other", "name": {"given": "Noah"}}
        for n in range(101)
    ]

    assert faults(mediation(people=crowd[:100])) == []
    assert faults(mediation(people=crowd)) == [("/people", "too_many")]


# what may be reported of whom


@pytest.mark.parametrize("kind", OTHER_KINDS)
@pytest.mark.parametrize("category", ["suspect", "convicted"])
def test_only_those_who_know_call_anybody_suspect_or_convicted(kind, category):
    letter = person(1, category=category) | {"details": {}}

    assert faults(letter, kind=kind) == [("/people/1/category", "not_from_this_kind")]


@pytest.mark.parametrize("kind", OTHER_KINDS)
@pytest.mark.parametrize("process", ["mediation", "concern", None])
def test_only_those_who_know_report_that_an_act_was_admitted(kind, process):
    letter = person(1, category="other") | {"process": process}

    assert faults(letter, kind=kind) == [("/details/acknowledgement", "not_from_this_kind")]


@pytest.mark.parametrize("kind", sorted(ACCUSING_KINDS))
def test_police_prosecution_court_and_prison_service_may(kind):
    assert faults(MEDIATION, kind=kind) == []


@pytest.mark.parametrize("process", sorted(set(Process) - {"youth-board", "psp", "ssp"}))
def test_nobody_under_15_is_suspect_outside_the_youth_board(process):
    child = person(1, birth_date="2011-11-21") | {"process": process, "details": {}}
    grown = person(1, birth_date="2011-11-20") | {"process": process, "details": {}}

    assert faults(child) == [("/people/1/category", "suspect_under_15")]
    assert faults(grown) == []


def test_the_age_is_that_of_the_day_it_happened_also_by_cpr_number():
    letter = person(1, cpr="211111-4001")

    assert faults(letter) == [("/people/1/category", "suspect_under_15")]
    assert faults(letter | {"occurred_at": "2026-11-21T00:00:00+01:00"}) == []


def test_the_youth_board_takes_suspects_from_ten():
    ten = person(1, birth_date="2016-11-20") | {"process": "youth-board", "details": {}}
    nine = person(1, birth_date="2016-11-21") | {"process": "youth-board", "details": {}}

    assert faults(ten) == []
    assert faults(nine) == [("/people/1/category", "suspect_under_10")]


@pytest.mark.parametrize("process", ["mediation", "youth-board"])
def test_nobody_under_15_is_convicted(process):
    letter = person(1, birth_date="2012-01-01", category="convicted")

    assert faults(letter | {"process": process, "details": {}}) == [
        ("/people/1/category", "convicted_under_15")
    ]


def test_a_child_may_be_anything_but_suspect_or_convicted():
    assert faults(person(1, birth_date="2020-01-01", category="other")) == []


# what the errors contain


def test_no_message_repeats_what_was_sent_and_nothing_prints_it():
    letter = person(0, cpr="3112085555", phone="hemmeligt nummer", name={"given": "Navnesen\x00"})

    with pytest.raises(ReportRefused) as refused:
        judged(letter)

    reported = str(refused.value) + "".join(error.message for error in refused.value.errors)
    assert "3112085555" not in reported
    assert "hemmeligt" not in reported
    assert "Navnesen" not in reported
    assert refused.value.__cause__ is None
    report = judged(MEDIATION)
    assert "Testesen" not in f"{report!r}{report}{report.people!r}{report.people[0].address}"


def test_free_text_may_hold_anything_but_a_nul():
    assert faults(mediation(text="031208-4001 \n\t " + "æ" * 20_000)) == []
    assert faults(mediation(text="a\x00b")) == [("/text", "malformed")]


def test_a_letter_of_200_kib_is_read():
    assert faults(mediation(text="x" * 200_000)) == []


def test_an_opened_letter_is_bounded():
    letter = json.dumps(MEDIATION).encode()

    assert faults(letter + b" " * 262_144) == [("", "too_large")]
