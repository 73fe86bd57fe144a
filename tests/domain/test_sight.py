"""A list shows exactly the cases that `may` would open: every role, action, place and naming."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.disclosure import Authority
from shared.contracts.places import MUNICIPALITIES, POLICE_DISTRICT
from shared.staff.access import Action, Role, Staff, may
from shared.staff.sight import sight_of
from shared.web.rendering import TABS

PLACES = st.sets(
    st.sampled_from([*MUNICIPALITIES, POLICE_DISTRICT, "midtjylland", "syddanmark", "0101"])
)
AUTHORITIES = st.lists(st.sampled_from(Authority), max_size=3)
ROLES = st.lists(st.sampled_from([*Role, "chief-of-everything"]), max_size=3)


def someone(roles, places):
    return Staff("u-1", "Prøve Prøvesen", "", tuple(roles), tuple(places))


def is_met(query, document):
    """Judge the few operators of the query as MongoDB does."""
    if "$or" in query:
        return any(is_met(each, document) for each in query["$or"])
    for field, wanted in query.items():
        value = document.get(field)
        values = value if isinstance(value, list) else [value]
        if isinstance(wanted, dict) and "$ne" in wanted:
            if value == wanted["$ne"]:
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
    named=st.lists(st.sampled_from(["u-1", "u-2"]), max_size=2),
    disclosed_to=st.none() | AUTHORITIES,
    sent_by=AUTHORITIES,
)
def test_the_query_finds_a_case_exactly_where_the_person_may_open_it(
    action, roles, places, municipality, named, disclosed_to, sent_by
):
    staff = someone(roles, places)
    case = {
        "_id": "c",
        "municipality": municipality,
        "named": named,
        "disclosed_to": disclosed_to,
        "sent_by": sent_by,
    }

    found = is_met(sight_of(staff, action).query(), case)

    assert found is may(
        staff,
        action,
        municipality=municipality,
        named=named,
        recipients=disclosed_to or (),
        senders=() if disclosed_to is None else sent_by,
    )


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("tab", TABS, ids=[tab.key for tab in TABS])
def test_a_tab_is_shown_exactly_to_those_for_whom_there_may_be_a_case(tab, role):
    staff = someone([role], ["0630"])
    somewhere = any(
        may(staff, tab.action, municipality=code, named=named, recipients=authorities)
        for code in MUNICIPALITIES
        for named in ([], ["u-1"])
        for authorities in ([], list(Authority))
    )

    assert bool(sight_of(staff, tab.action)) is somewhere
