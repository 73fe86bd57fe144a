"""What staff learn about the people of a case: the rules, over every kind of case and person."""

from datetime import UTC, date, datetime
from itertools import product
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.people import (
    ROLES_BESIDE,
    AlreadyThere,
    CasePeople,
    CustodyRefused,
    NewParty,
    add,
    correct,
    end_custody,
    gate,
    give_custody,
)
from services.intake.personal_data import Channel, PersonalData, SafeWay, Said, fold
from shared.contracts.intake import Party, PartyChanged, PartyJoined
from shared.contracts.people import Person
from shared.contracts.processes import AgeBand, Category, Custody, PersonRole, Process

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
TODAY = date(2026, 11, 24)
CHILD, MOTHER, FATHER, GROWN, STRANGER = (UUID(int=number) for number in range(1, 6))
YEARS = {CHILD: 2010, MOTHER: 1980, FATHER: 1979, GROWN: 2000}


def a_party(party_id, role=PersonRole.GUARDIAN, **changes):
    minor = None if party_id not in YEARS else YEARS[party_id] > 2008
    return Party(
        **{"party_id": party_id, "role": role, "category": Category.OTHER, "minor": minor} | changes
    )


def a_case(*parties, process=Process.MEDIATION):
    return CasePeople(case_id=UUID(int=9), process=process, occurred_at=NOW, parties=parties)


FAMILY = (
    a_party(CHILD, PersonRole.HARMED, custody_holders=(MOTHER,)),
    a_party(MOTHER),
    a_party(FATHER),
    a_party(GROWN, PersonRole.RESPONSIBLE),
)


@pytest.mark.parametrize(
    ("process", "role"),
    [
        (process, role)
        for process, sides in ROLES_BESIDE.items()
        for roles in sides.values()
        for role in roles
    ],
)
@pytest.mark.parametrize("birth", [None, date(2013, 1, 1), date(1990, 1, 1)])
def test_whoever_joins_from_a_desk_is_victim_or_other_and_never_accused(process, role, birth):
    child = CHILD if role is PersonRole.GUARDIAN else None
    births = () if birth is None else (birth,)
    new = NewParty(party_id=STRANGER, role=role, births=births, address_protected=True, child=child)

    people, (joined, *changed) = add(a_case(*FAMILY, process=process), new, NOW, TODAY)

    party = people.parties[-1]
    assert joined == PartyJoined(case_id=people.case_id, process=process, party=party)
    assert (party.category == Category.VICTIM) == (role is PersonRole.HARMED)
    assert party.minor == (None if birth is None else birth.year == 2013)
    assert party.address_protected
    assert [fact.party.custody_holders for fact in changed] == (
        [(MOTHER, STRANGER)] if child else []
    )


def test_nobody_joins_twice_in_one_role():
    new = NewParty(party_id=MOTHER, role=PersonRole.GUARDIAN, births=(), address_protected=False)

    with pytest.raises(AlreadyThere):
        add(a_case(*FAMILY), new, NOW, TODAY)


@pytest.mark.parametrize("role", PersonRole)
@pytest.mark.parametrize("child", [None, CHILD])
def test_a_guardian_is_added_with_a_child_and_nobody_else_is(role, child):
    new = NewParty(party_id=STRANGER, role=role, births=(), address_protected=False, child=child)

    if (role is PersonRole.GUARDIAN) == (child is not None):
        assert add(a_case(*FAMILY), new, NOW, TODAY).facts
    else:
        with pytest.raises(CustodyRefused):
            add(a_case(*FAMILY), new, NOW, TODAY)


REFUSED = {
    **{(one, one): "own_custody" for one in (CHILD, MOTHER, FATHER, GROWN)},
    **{(STRANGER, one): "no_party" for one in (CHILD, MOTHER, FATHER, GROWN, STRANGER)},
    **{(one, STRANGER): "no_party" for one in (CHILD, MOTHER, FATHER, GROWN)},
    **{
        (grown, one): "grown"
        for grown in (MOTHER, FATHER, GROWN)
        for one in (CHILD, MOTHER, FATHER, GROWN)
        if one is not grown
    },
    (CHILD, MOTHER): "recorded",
}


@pytest.mark.parametrize(
    ("child", "holder"), list(product((CHILD, MOTHER, FATHER, GROWN, STRANGER), repeat=2))
)
@pytest.mark.parametrize("custody", Custody)
def test_custody_is_recorded_of_a_child_of_the_case_by_another_party_and_not_against_another(
    child, holder, custody
):
    case = a_case(*FAMILY)
    why = REFUSED.get((child, holder))
    if why is None and custody is Custody.SOLE:
        why = "held_by_another"

    if why is not None:
        with pytest.raises(CustodyRefused) as refused:
            give_custody(case, child, holder, custody, TODAY)
        assert refused.value.code == why
        return
    people, [fact] = give_custody(case, child, holder, custody, TODAY)
    assert fact == PartyChanged(
        case_id=case.case_id, process=case.process, party=people.entries(child)[0]
    )
    assert people.entries(child)[0].custody_holders == (MOTHER, holder)
    assert people.custody[-1][:4] == (child, holder, custody, TODAY)


def test_two_children_never_hold_custody_of_each_other():
    young = a_party(MOTHER, minor=True)
    case = a_case(a_party(CHILD, PersonRole.HARMED, custody_holders=(MOTHER,)), young)

    with pytest.raises(CustodyRefused, match="circle"):
        give_custody(case, MOTHER, CHILD, Custody.JOINT, TODAY)


def test_the_end_of_custody_is_recorded_with_its_day_and_only_where_it_was_held():
    case, _ = give_custody(a_case(*FAMILY), CHILD, FATHER, Custody.JOINT, TODAY)

    ended, [fact] = end_custody(case, CHILD, FATHER, TODAY)

    assert fact.party.custody_holders == (MOTHER,)
    assert ended.custody == (case.custody[0]._replace(until=TODAY),)
    with pytest.raises(CustodyRefused, match="not_held"):
        end_custody(ended, CHILD, FATHER, TODAY)


@given(
    births=st.lists(st.dates(date(1930, 1, 1), TODAY), max_size=2),
    was=st.booleans(),
    protected=st.booleans(),
)
def test_a_correction_moves_the_age_keeps_protection_and_frees_the_grown(births, was, protected):
    before = a_party(CHILD, PersonRole.HARMED, custody_holders=(MOTHER,), address_protected=was)

    _, [fact] = correct(a_case(before, *FAMILY[1:]), CHILD, births, NOW, protected=protected)

    after = fact.party
    assert after.address_protected == (was or protected)
    assert after.minor == (None if not births else max(births) > date(2008, 11, 24))
    assert after.custody_holders == ((MOTHER,) if after.minor is not False else ())
    assert (after.age_band == AgeBand.UNKNOWN) == (not births)
    assert "birth" not in fact.model_dump_json()


@pytest.mark.parametrize("category", [Category.SUSPECT, Category.CONVICTED])
def test_a_desk_accuses_nobody(category):
    person = Person.model_validate(
        {"label": "a", "role": "responsible", "category": category, "name": {"given": "Testa"}}
    )

    assert {fault.rule for fault in gate(person, a_case(*FAMILY), NOW)} == {"not_from_this_kind"}


def test_a_birth_that_is_yet_to_come_is_refused_as_in_a_report():
    person = Person.model_validate(
        {
            "label": "a",
            "role": "guardian",
            "category": "other",
            "name": {"given": "Testa"},
            "birth_date": "2026-11-26",
        }
    )

    assert {fault.rule for fault in gate(person, a_case(*FAMILY), NOW)} == {"in_the_future"}


# What is known of a person


def test_a_later_statement_counts_for_each_field_that_it_has():
    known = fold(
        [
            Said(
                {"name": {"given": "Testa", "family": "Prøvesen"}, "phone": "+4500000001"},
                by_staff=False,
            ),
            Said({"phone": "+4500000002", "email": "a@b.example"}, by_staff=False),
            Said({"name": {"given": "Testa", "family": "Attrapsen"}, "phone": ""}, by_staff=True),
        ]
    )

    assert (known.name, known.phone, known.email) == ("Testa Attrapsen", "", "a@b.example")


def test_two_births_are_both_kept_until_staff_correct_them():
    first, second = (
        Said({"birth_date": "2008-01-01"}, by_staff=False),
        Said({"birth_date": "2010-01-01"}, by_staff=False),
    )

    assert fold([first, second]).births == (date(2008, 1, 1), date(2010, 1, 1))
    assert fold([first, second, Said({"birth_date": "2009-01-01"}, by_staff=True)]).births == (
        date(2009, 1, 1),
    )


def test_a_partner_sets_no_safe_way_and_cannot_pass_for_staff():
    way = {"channel": "phone", "from_hour": 15, "to_hour": 20, "may_leave_message": False}

    assert fold([Said({"safe_way": way, "by_staff": True}, by_staff=False)]).safe_way is None
    assert fold([Said({"safe_way": way}, by_staff=True)]).safe_way == SafeWay(
        channel=Channel.PHONE, from_hour=15, to_hour=20
    )


def test_no_message_may_be_left_unless_that_was_said():
    assert not SafeWay(channel=Channel.PHONE).may_leave_message


def test_what_is_known_is_never_printed():
    known = fold([Said({"name": {"given": "Testa"}, "phone": "+4500000001"}, by_staff=False)])

    assert repr(known) == repr(PersonalData())
