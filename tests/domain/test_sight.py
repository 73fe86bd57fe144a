"""A list shows exactly the cases that `may` would open: every role, action, place and naming."""

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.disclosure import Authority
from shared.contracts.places import MUNICIPALITIES, POLICE_DISTRICT
from shared.staff.access import Action, Circle, Role, Staff, may
from shared.staff.sight import sight_of
from shared.web.rendering import TABS

PLACES = st.sets(
    st.sampled_from([*MUNICIPALITIES, POLICE_DISTRICT, "midtjylland", "syddanmark", "0101"])
)
AUTHORITIES = st.lists(st.sampled_from(Authority), max_size=3)
PEOPLE = st.lists(st.sampled_from(["u-1", "u-2"]), max_size=2).map(tuple)
ROLES = st.lists(st.sampled_from([*Role, "chief-of-everything"]), max_size=3)


def someone(roles, places):
    return Staff("u-1", "Prøve Prøvesen", "", tuple(roles), tuple(places))


def as_stored(circle):
    """As a case's document holds it: lists, and null for no list."""
    return {
        field: list(value) if isinstance(value, tuple) else value
        for field, value in asdict(circle).items()
    }


def is_met(query, document):
    """Judge the few operators of the query as MongoDB does."""
    if "$or" in query and not any(is_met(each, document) for each in query["$or"]):
        return False
    for field, wanted in query.items():
        if field == "$or":
            continue
        value = document
        for part in field.split("."):
            value = (value or {}).get(part)
        values = value if isinstance(value, list) else [value]
        if isinstance(wanted, dict) and "$ne" in wanted:
            if wanted["$ne"] in values:
                return False
        elif not any(
            one in wanted["$in"] if isinstance(wanted, dict) else one == wanted for one in values
        ):
            return False
    return True


@pytest.mark.parametrize("action", list(Action))
@given(
    roles=ROLES,
    places=PLACES,
    municipality=st.sampled_from([*MUNICIPALITIES, "0101"]),
    circle=st.none()
    | st.builds(
        Circle, named=PEOPLE, members=PEOPLE, barred=PEOPLE, need_to_know=st.none() | PEOPLE
    ),
    disclosed_to=st.none() | AUTHORITIES,
    sent_by=AUTHORITIES,
    asked=st.lists(st.sampled_from(Role), max_size=2),
)
def test_the_query_finds_a_case_exactly_where_the_person_may_open_it(
    action, roles, places, municipality, circle, disclosed_to, sent_by, asked
):
    staff = someone(roles, places)
    case = {
        "_id": "c",
        "municipality": municipality,
        **({} if circle is None else {"circle": as_stored(circle)}),
        "disclosed_to": disclosed_to,
        "sent_by": sent_by,
        "asked": asked,
    }

    found = is_met(sight_of(staff, action).query(), case)
    circle = circle or Circle()

    assert found is may(
        staff,
        action,
        municipality=municipality,
        circle=circle,
        recipients=disclosed_to or (),
        senders=() if disclosed_to is None else sent_by,
        asked=asked,
    )


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("tab", TABS, ids=[tab.key for tab in TABS])
def test_a_tab_is_shown_exactly_to_those_for_whom_there_may_be_a_case(tab, role):
    staff = someone([role], ["0630"])
    somewhere = any(
        may(
            staff,
            tab.action,
            municipality=code,
            named=named,
            recipients=authorities,
            asked=list(Role),
        )
        for code in MUNICIPALITIES
        for named in ([], ["u-1"])
        for authorities in ([], list(Authority))
    )

    assert bool(sight_of(staff, tab.action)) is somewhere
