"""References, places, ages and CPR numbers."""

from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest

from shared.contracts.cpr import birth_date_of, digits_of
from shared.contracts.intake import cases_topic
from shared.contracts.people import age_on
from shared.contracts.places import MUNICIPALITIES, PatrolCentre, PsychiatryRegion
from shared.contracts.processes import Process
from shared.contracts.references import PARTNER_ID, case_reference


def test_the_district_has_seven_municipalities_with_their_centres_and_regions():
    assert {code: place.name for code, place in MUNICIPALITIES.items()} == {
        "0530": "Billund",
        "0607": "Fredericia",
        "0615": "Horsens",
        "0621": "Kolding",
        "0630": "Vejle",
        "0746": "Skanderborg",
        "0766": "Hedensted",
    }
    centres = {
        centre: {place.name for place in MUNICIPALITIES.values() if place.patrol_centre is centre}
        for centre in PatrolCentre
    }
    assert centres == {
        PatrolCentre.NORTH: {"Skanderborg", "Horsens", "Hedensted"},
        PatrolCentre.MID: {"Vejle", "Billund"},
        PatrolCentre.SOUTH: {"Kolding", "Fredericia"},
    }
    for place in MUNICIPALITIES.values():
        north = place.patrol_centre is PatrolCentre.NORTH
        region = PsychiatryRegion.MIDTJYLLAND if north else PsychiatryRegion.SYDDANMARK
        assert place.psychiatry_region is region
        assert place.has_youth_council is (place.name != "Hedensted")


@pytest.mark.parametrize(
    ("process", "prefix"),
    [
        (Process.MEDIATION, "KR"),
        (Process.PSP, "PSP"),
        (Process.SSP, "SSP"),
        (Process.CONCERN, "BS"),
        (Process.YOUTH_COUNCIL, "US"),
        (Process.YOUTH_BOARD, "UN"),
        (Process.HONOUR, "AE"),
        (None, "M"),
    ],
)
def test_a_case_is_named_by_its_process_and_eight_characters_of_its_id(process, prefix):
    reference = case_reference(process, UUID("ffffffff-ff00-4000-8000-000000000000"))

    assert reference == f"{prefix}-ZZZZ-ZZZZ"
    assert case_reference(process, UUID(int=0)) == f"{prefix}-0000-0000"


def test_a_case_reference_has_no_letters_to_misread():
    for _ in range(200):
        assert not set(case_reference(None, uuid4())[2:]) & set("ILOU")


def test_no_two_processes_share_a_topic():
    assert len({cases_topic(process) for process in Process}) == 7


@pytest.mark.parametrize(
    ("digits", "born"),
    [
        ("0101900001", date(1990, 1, 1)),
        ("0101003001", date(1900, 1, 1)),
        ("0101364001", date(2036, 1, 1)),
        ("0101374001", date(1937, 1, 1)),
        ("0101575001", date(2057, 1, 1)),
        ("0101585001", date(1858, 1, 1)),
        ("0101369001", date(2036, 1, 1)),
        ("0101999001", date(1999, 1, 1)),
        ("2902004001", date(2000, 2, 29)),
        ("2902000001", None),
        ("0000000000", None),
        ("6101900001", None),
    ],
)
def test_a_cpr_number_contains_its_century(digits, born):
    assert birth_date_of(digits) == born


def test_a_hyphen_makes_no_difference():
    assert digits_of("010190-0001") == digits_of("0101900001") == "0101900001"
    assert digits_of("0101-900001") is None
    assert digits_of("\u0660\u0661\u0660\u0661\u0669\u06600001") is None


@pytest.mark.parametrize(
    ("born", "age"),
    [
        (date(2008, 11, 24), 18),
        (date(2008, 11, 25), 17),
        (date(2008, 2, 29), 18),
        (date(2027, 1, 1), -1),
    ],
)
def test_an_age_turns_on_the_birthday(born, age):
    assert age_on(born, datetime(2026, 11, 24, tzinfo=UTC)) == age


@pytest.mark.parametrize("name", ["", "a", "A1", "1a", "a_b", "a" * 41, "a\n", "æa", "-a"])
def test_a_partners_id_is_a_plain_word(name):
    assert PARTNER_ID.match(name) is None


def test_a_partners_id_may_have_hyphens_and_digits():
    assert PARTNER_ID.match("prosecution-syd-2")
