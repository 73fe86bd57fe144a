from datetime import UTC, date, datetime, timedelta
from itertools import product
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake import domain
from services.intake.blind import BlindIndex
from services.intake.domain import (
    Known,
    Letter,
    OpensCase,
    ReferenceConflict,
    Rejection,
    Repeated,
    Status,
    Waits,
    WhyWaiting,
)
from shared.contracts.discovery import serving
from shared.contracts.intake import CaseOpened
from shared.contracts.people import Person
from shared.contracts.places import MUNICIPALITIES
from shared.contracts.processes import Category, PartnerKind, PersonRole, Process
from shared.contracts.receipts import FieldError, Rule
from shared.contracts.report import Report
from shared.staff.audit import LegalBasis

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SPACE = UUID("5a0c8b7e-0000-4000-8000-000000000000")
INDEX = BlindIndex(b"k" * 32)


def a_person(label="a", **changes):
    return {
        "label": label,
        "role": "other",
        "category": "other",
        "name": {"given": "Testa", "family": "Testesen"},
    } | changes


def a_report(**changes):
    return Report.model_validate(
        {
            "partner": "skole",
            "reference": "S-1",
            "process": "mediation",
            "municipality": "0630",
            "occurred_at": "2026-11-20T13:30:00+01:00",
            "proposed_by": "school",
            "people": [a_person()],
        }
        | changes
    )


def a_letter(content="one", report=None, errors=()):
    report = report or (None if errors else a_report())
    return Letter(
        partner="skole", reference="S-1", content=content, report=report, errors=tuple(errors)
    )


def an_error(field="/people/0/phone"):
    return FieldError.of(field, Rule.MALFORMED, "Must be E.164.")


known_before = st.one_of(
    st.none(),
    st.just(Known(status=Status.REJECTED, content=None)),
    st.builds(
        Known,
        status=st.sampled_from([Status.ACCEPTED, Status.WAITING]),
        content=st.sampled_from(["one", "other"]),
    ),
)
letters = st.one_of(
    st.builds(
        a_letter,
        content=st.sampled_from(["one", "other"]),
        report=st.sampled_from([a_report(process=each) for each in [*Process, None]]),
    ),
    st.builds(
        a_letter,
        content=st.sampled_from([None, "one", "other"]),
        errors=st.lists(
            st.sampled_from(
                [an_error(), an_error("/reference"), an_error("/partner"), an_error("seal")]
            ),
            min_size=1,
            max_size=3,
        ),
    ),
)


@given(letters, known_before)
def test_every_letter_gets_one_verdict_whatever_came_before(letter, known):
    verdict = domain.judge(letter, known)

    stands = known is not None and known.status is not Status.REJECTED
    if stands and letter.content == known.content:
        assert verdict == Repeated()
    elif stands:
        assert isinstance(verdict, ReferenceConflict | Rejection), (
            "what was accepted is never replaced"
        )
    elif letter.errors:
        assert verdict == Rejection(letter.errors)
    else:
        assert isinstance(verdict, OpensCase | Waits)


@given(letters, known_before)
def test_every_refusal_gives_its_reason(letter, known):
    verdict = domain.judge(letter, known)

    if isinstance(verdict, Rejection | ReferenceConflict):
        assert verdict.errors


@pytest.mark.parametrize("process", [*Process, None])
def test_a_case_opens_where_a_service_runs_the_process_and_the_rest_waits_whole(process):
    report = a_report(process=process)

    verdict = domain.judge(a_letter(report=report), None)

    if process in serving():
        assert verdict == OpensCase(report, process)
    elif process is None:
        assert verdict == Waits(report, WhyWaiting.NO_PROCESS)
    else:
        assert verdict == Waits(report, WhyWaiting.NO_SERVICE)


@pytest.mark.parametrize("status", [Status.ACCEPTED, Status.WAITING])
def test_what_was_accepted_is_repeated_even_if_the_rules_would_refuse_it_today(status):
    letter = a_letter(content="one", errors=[an_error("/occurred_at")])

    assert domain.judge(letter, Known(status=status, content="one")) == Repeated()


def test_a_seal_copied_from_another_envelope_is_reported_as_such_and_not_as_a_conflict():
    letter = a_letter(content="other", errors=[an_error("/reference")])

    verdict = domain.judge(letter, Known(status=Status.ACCEPTED, content="one"))

    assert verdict == Rejection(letter.errors)


@pytest.mark.parametrize(
    ("born", "minor"),
    [
        ("2008-11-24", False),
        ("2008-11-25", True),
        ("2026-11-24", True),
        ("1930-01-01", False),
        (None, None),
    ],
)
def test_a_minor_is_under_18_on_the_day_of_receipt(born, minor):
    person = Person.model_validate(a_person() | ({} if born is None else {"birth_date": born}))

    assert domain.is_minor(person, NOON) is minor


def test_the_day_of_receipt_is_the_danish_one():
    born = Person.model_validate(a_person(birth_date="2008-11-25"))
    late_evening_in_utc = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)

    assert domain.is_minor(born, late_evening_in_utc) is False


@given(st.dates(date(1950, 1, 1), date(2026, 11, 24)), st.datetimes(timezones=st.just(UTC)))
def test_somebody_turns_18_once_and_never_back(born, moment):
    person = Person.model_validate(a_person(birth_date=born.isoformat()))
    later = moment + timedelta(days=1) if moment.year < 9999 else moment

    if domain.is_minor(person, moment) is False:
        assert domain.is_minor(person, later) is False


def test_the_number_alone_determines_the_age():
    child = Person.model_validate(a_person(cpr="0105094123"))

    assert domain.is_minor(child, NOON) is True


def test_where_number_and_day_of_birth_disagree_the_one_that_makes_a_child_is_believed():
    says_adult = Person.model_validate(a_person(cpr="0105094123", birth_date="1990-05-01"))
    says_child = Person.model_validate(a_person(cpr="0105901123", birth_date="2012-05-01"))

    assert domain.is_minor(says_adult, NOON) is True
    assert domain.is_minor(says_child, NOON) is True


def parties(report, ids, protected=()):
    return domain.parties_of(
        report,
        ids,
        protected=frozenset(protected),
        party_id=lambda person: uuid5(SPACE, str(person)),
        received_at=NOON,
    )


def test_custody_is_published_by_pseudonym_and_by_nothing_else():
    child, mother, father = (uuid5(SPACE, name) for name in ("child", "mother", "father"))
    report = a_report(
        people=[
            a_person("a", role="harmed", category="victim", birth_date="2014-02-03"),
            a_person("b", role="guardian", custody_of=["a"], custody="joint"),
            a_person("c", role="guardian", custody_of=["a"], custody="joint"),
        ]
    )

    first, second, third = parties(report, [child, mother, father])

    assert first.custody_holders == (second.party_id, third.party_id)
    assert (second.custody_holders, third.custody_holders) == ((), ())
    assert (first.minor, second.minor) == (True, None)
    assert (first.role, first.category) == (PersonRole.HARMED, Category.VICTIM)


def test_an_address_that_anybody_called_protected_is_protected_here_too():
    one, other = uuid5(SPACE, "one"), uuid5(SPACE, "other")
    report = a_report(people=[a_person("a"), a_person("b")])

    listed = parties(report, [one, other], protected=[other])

    assert [party.address_protected for party in listed] == [False, True]


def test_a_person_who_is_listed_twice_is_one_party_per_role_and_no_guardian_of_oneself():
    same = uuid5(SPACE, "same")
    report = a_report(
        people=[
            a_person("a", role="harmed"),
            a_person("b", role="harmed", birth_date="2012-02-03"),
            a_person("c", role="responsible", custody_of=["a"]),
        ]
    )

    listed = parties(report, [same, same, same])

    assert [party.role for party in listed] == [PersonRole.HARMED, PersonRole.RESPONSIBLE]
    assert {party.party_id for party in listed} == {uuid5(SPACE, str(same))}
    assert all(party.minor for party in listed)
    assert all(party.custody_holders == () for party in listed)


@pytest.mark.parametrize(
    ("code", "process"), list(product(MUNICIPALITIES, [Process.MEDIATION, Process.PSP]))
)
def test_a_case_is_routed_by_its_municipality(code, process):
    report = a_report(municipality=code, process=process)

    fact = domain.case_opened(
        SPACE, OpensCase(report, process), kind=PartnerKind.SCHOOL, parties=(), received_at=NOON
    )

    place = MUNICIPALITIES[code]
    assert fact.topic() == f"intake.cases.{process}"
    assert (fact.municipality, fact.patrol_centre) == (code, place.patrol_centre)
    assert fact.psychiatry_region == (place.psychiatry_region if process is Process.PSP else None)
    assert (fact.reported_at, fact.reporter_kind) == (NOON, PartnerKind.SCHOOL)


def test_no_fact_of_a_case_repeats_the_text_of_the_report():
    report = a_report(
        text="Overfaldet ved stationen",
        people=[
            a_person(
                cpr="0105094123",
                phone="+4570112233",
                email="testa@example.org",
                address={"street": "Prøvevej 1", "postal_code": "7100", "city": "Vejle"},
            )
        ],
    )

    fact = domain.case_opened(
        SPACE,
        OpensCase(report, Process.MEDIATION),
        kind=PartnerKind.SCHOOL,
        parties=parties(report, [SPACE]),
        received_at=NOON,
    )

    published = fact.write().decode()
    for word in ("Testa", "0105094123", "70112233", "example", "Prøvevej", "7100", "station"):
        assert word not in published
    assert CaseOpened.read(fact.write()) == fact


@pytest.mark.parametrize("process", [*Process, None])
def test_what_is_shared_under_section_115_is_not_for_investigation(process):
    report = a_report(process=process)

    barred = domain.is_not_for_investigation(report)

    assert barred is (process in {Process.PSP, Process.SSP})
    assert (domain.basis_of(report) is LegalBasis.SECTION_115) is barred


def test_ids_are_permanent_and_reveal_nothing():
    person, other = INDEX.person_with("mark"), BlindIndex(b"x" * 32).person_with("mark")

    assert INDEX.person_with("mark") == person
    assert person != other
    assert len({INDEX.party_id(person, process) for process in Process}) == len(Process)
    assert INDEX.report_id("skole", "S-1") != INDEX.report_id("skole-s", "1")
    assert INDEX.person_called(person, "a") != INDEX.person_called(person, "b")
    assert person.version == 8
