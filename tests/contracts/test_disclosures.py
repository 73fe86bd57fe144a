"""What is passed on under section 115 of the Administration of Justice Act: its form, basis and recipients."""

import pytest

from tests.contracts.letters import DISCLOSURE, PSP, disclosed, faults, judged, psp


@pytest.mark.parametrize("process", ["psp", "ssp"])
def test_a_disclosure_process_without_a_disclosure_is_refused(process):
    assert faults(psp(process=process, disclosure=...)) == [("/disclosure", "disclosure_missing")]
    assert faults(psp(process=process, disclosure=None)) == [("/disclosure", "disclosure_missing")]


@pytest.mark.parametrize("field", sorted(DISCLOSURE))
def test_a_disclosure_is_complete_or_nothing(field):
    assert faults(disclosed(**{field: ...})) == [(f"/disclosure/{field}", "missing")]


@pytest.mark.parametrize("field", ["purpose", "necessity", "decided_by"])
def test_a_disclosure_has_content_in_each_field(field):
    assert faults(disclosed(**{field: " \t\n"}))[0][0] == f"/disclosure/{field}"
    assert faults(disclosed(**{field: ""})) == [(f"/disclosure/{field}", "blank")]


@pytest.mark.parametrize("field", ["items", "recipients"])
def test_a_disclosure_names_its_items_and_recipients(field):
    assert faults(disclosed(**{field: []})) == [(f"/disclosure/{field}", "empty")]


@pytest.mark.parametrize("field", ["what", "kind", "source", "date"])
def test_every_item_names_its_kind_and_its_source(field):
    item = {key: value for key, value in DISCLOSURE["items"][0].items() if key != field}

    assert faults(disclosed(items=[item])) == [(f"/disclosure/items/0/{field}", "missing")]


@pytest.mark.parametrize(
    ("process", "form", "basis", "authority"),
    [
        ("psp", "PSP", "115-1-2", "police"),
        ("psp", "PSP", "115-2", "social_services"),
        ("psp", "PSP", "115-2", "psychiatry"),
        ("psp", "PSP", "115-3", "institution"),
        ("ssp", "SSP", "115-1-1", "school"),
        ("ssp", "SSP", "115-2", "municipality"),
        (None, "KSP", "115-1-3", "prison_service"),
        (None, "PSP", "115-1-2", "psychiatry"),
    ],
)
def test_each_form_has_its_basis_and_its_members(process, form, basis, authority):
    letter = disclosed(
        form=form, basis=basis, recipients=[{"authority": authority, "role": "Medlem"}]
    )

    assert faults(letter | {"process": process}) == []


@pytest.mark.parametrize(
    ("form", "authority"),
    [
        ("PSP", "school"),
        ("PSP", "prison_service"),
        ("SSP", "psychiatry"),
        ("SSP", "prison_service"),
        ("KSP", "psychiatry"),
        ("PSP", "prosecution"),
        ("SSP", "court"),
        ("PSP", "Offerrådgivningen"),
    ],
)
def test_who_is_outside_a_form_receives_nothing(form, authority):
    basis = {"SSP": "115-1-1", "PSP": "115-1-2", "KSP": "115-1-3"}[form]
    letter = disclosed(form=form, basis=basis, recipients=[{"authority": authority, "role": "x"}])
    process = {"SSP": "ssp", "PSP": "psp", "KSP": None}[form]

    assert faults(letter | {"process": process}) == [
        ("/disclosure/recipients/0/authority", "recipient_outside_form")
    ]


def test_the_form_is_that_of_the_process():
    letter = disclosed(
        form="SSP", basis="115-1-1", recipients=[{"authority": "school", "role": "x"}]
    )

    assert faults(letter) == [("/disclosure/form", "wrong_form")]


@pytest.mark.parametrize("basis", ["115-1-1", "115-1-3"])
def test_the_basis_is_that_of_the_form(basis):
    assert faults(disclosed(basis=basis)) == [("/disclosure/basis", "wrong_basis")]


@pytest.mark.parametrize(
    "basis", ["rpl § 115, stk. 1, nr. 2", "retsplejelovens § 115 (1)(2)", "115.1.2"]
)
def test_a_basis_may_be_cited_as_lawyers_do(basis):
    assert judged(disclosed(basis=basis)).disclosure.basis.value == "115-1-2"


@pytest.mark.parametrize("basis", ["§ 115 a", "115a", "115", "§ 114", "115-1-4", "samtykke", ""])
def test_no_basis_is_made_up(basis):
    assert faults(disclosed(basis=basis)) == [("/disclosure/basis", "unknown_value")]


@pytest.mark.parametrize(
    "process", ["mediation", "concern", "youth-council", "youth-board", "honour"]
)
def test_what_is_shared_under_section_115_goes_into_no_other_process(process):
    assert faults(PSP | {"process": process}) == [("/disclosure", "disclosure_not_allowed")]
