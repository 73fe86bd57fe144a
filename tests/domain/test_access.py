"""The whole matrix: who may do what where, written out, so that a change must be meant."""

import pytest

from shared.contracts.disclosure import Authority
from shared.contracts.places import MUNICIPALITIES
from shared.staff import access
from shared.staff.access import TABLE, Action, Circle, Role, Scope, Staff, may, reach

EVERYONE = {Action.READ_INBOX, Action.ACKNOWLEDGE_NOTICE}

SORTING = {Action.READ_TRIAGE, Action.READ_REPORT}
OF_DANGER = {Action.READ_DANGER_REPORT, Action.NOTE_DANGER}

DISTRICT = {
    Role.TRIAGE: EVERYONE | SORTING | OF_DANGER,
    Role.LEADER: EVERYONE | SORTING | OF_DANGER,
    Role.DUTY_OFFICER: EVERYONE | OF_DANGER,
    Role.MEDIATION_COORDINATOR: EVERYONE
    | {
        Action.READ_MEDIATION_CASE,
        Action.SCREEN_MEDIATION_CASE,
        Action.READ_MEDIATION_NAMES,
        Action.CHANGE_MEDIATION_PEOPLE,
    },
}
PLACE = {}
PSP_NAMES = {Action.READ_PSP_NAMES, Action.CHANGE_PSP_PEOPLE}
NAMED = {
    Role.MEDIATOR: {
        Action.READ_MEDIATION_CASE,
        Action.READ_MEDIATION_NAMES,
        Action.CHANGE_MEDIATION_PEOPLE,
    },
    Role.PSP_POLICE: PSP_NAMES,
    Role.PSP_PSYCHIATRY: PSP_NAMES,
    Role.PSP_MUNICIPALITY: PSP_NAMES,
}
OF_A_RECIPIENT = {
    Action.READ_PSP_CASE,
    Action.JUDGE_NECESSITY,
    Action.READ_DISCLOSED_ITEMS,
}
RECIPIENT = {
    Role.PSP_POLICE: "police",
    Role.PSP_PSYCHIATRY: "psychiatry",
    Role.PSP_MUNICIPALITY: "social_services",
}
ASKED = {
    Role.LEADER: {Action.READ_MEDIATION_CASE, Action.SCREEN_MEDIATION_CASE},
    Role.POLICE_LAWYER: {Action.READ_MEDIATION_CASE, Action.CLEAR_MEDIATION_CASE},
}
SENDER = {Role.PSP_POLICE: {Action.READ_PSP_CASE, Action.JUDGE_NECESSITY}}


def someone(*roles, places=("0630",)):
    return Staff(id="u-1", name="Prøve Prøvesen", title="", roles=roles, places=places)


def every():
    return [(role, action) for role in Role for action in Action]


@pytest.mark.parametrize(("role", "action"), every())
def test_the_whole_district_is_open_to_the_roles_that_work_for_all_of_it(role, action):
    expected = action in DISTRICT.get(role, EVERYONE)

    assert may(someone(role), action) is expected
    assert may(someone(role), action, municipality="0746", named=["u-2"]) is expected


@pytest.mark.parametrize(("role", "action"), every())
def test_one_place_is_open_to_those_who_hold_it(role, action):
    expected = action in DISTRICT.get(role, EVERYONE) | PLACE.get(role, set())

    assert may(someone(role), action, municipality="0630") is expected


@pytest.mark.parametrize(("role", "action"), every())
def test_a_case_is_open_to_those_whom_it_names(role, action):
    expected = action in DISTRICT.get(role, EVERYONE) | NAMED.get(role, set())

    assert may(someone(role), action, municipality="0746", named=["u-1"]) is expected


@pytest.mark.parametrize(("role", "action"), every())
def test_a_case_that_asks_a_role_is_open_to_those_who_hold_it(role, action):
    always = action in DISTRICT.get(role, EVERYONE)
    open_to = {
        asked: may(someone(role), action, municipality="0746", asked=[asked]) for asked in Role
    }

    assert open_to == {
        asked: always or (role is asked and action in ASKED.get(role, set())) for asked in Role
    }


@pytest.mark.parametrize(("role", "action"), every())
def test_what_was_disclosed_is_open_to_the_members_of_its_recipients_there(role, action):
    everywhere = action in DISTRICT.get(role, EVERYONE)
    here = everywhere or action in PLACE.get(role, set())

    def allowed(place, **case):
        return may(someone(role), action, municipality=place, **case)

    for authority in Authority:
        received = RECIPIENT.get(role) == authority and action in OF_A_RECIPIENT
        sent = authority == "police" and action in SENDER.get(role, set())
        assert allowed("0630", recipients=[authority]) is (here or received), authority
        assert allowed("0630", senders=[authority]) is (here or sent), authority
        both = {"recipients": [authority], "senders": [authority]}
        assert allowed("0746", **both) is everywhere, authority


@pytest.mark.parametrize("action", list(Action))
def test_nobody_without_a_role_may_do_anything(action):
    assert not may(someone(), action, municipality="0630", named=["u-1"])
    assert not may(someone("chief-of-everything"), action, municipality="0630", named=["u-1"])


def test_every_role_is_in_the_table():
    assert set(TABLE) == set(Role)


def test_a_region_covers_its_own_municipalities_and_the_district_all():
    assert reach(["midtjylland"]) == {"0615", "0746", "0766"}
    assert reach(["1463"]) == {"1463", *MUNICIPALITIES}
    assert reach(["0101", "syd"]) == frozenset()


ME, OTHER = "u-1", "u-2"


@pytest.mark.parametrize("scope", [None, *Scope])
@pytest.mark.parametrize("authority", ["police", "psychiatry"])
@pytest.mark.parametrize("here", [True, False])
@pytest.mark.parametrize("named", [ME, OTHER])
@pytest.mark.parametrize("member", [ME, OTHER])
@pytest.mark.parametrize("part", ["recipients", "senders", "asked", None])
def test_each_scope_reaches_what_it_says_and_nothing_else(
    monkeypatch, scope, authority, here, named, member, part
):
    cell = {} if scope is None else {Action.READ_PSP_CASE: scope}
    monkeypatch.setattr(access, "TABLE", {Role.PSP_POLICE: cell})
    circle = Circle(named=(named,), members=(member,))
    case = {"municipality": "0630" if here else "0746", "circle": circle}
    asked_role = Role.PSP_POLICE if authority == "police" else Role.PSP_PSYCHIATRY
    case |= {} if part is None else {part: [asked_role if part == "asked" else authority]}
    ours = authority == "police"
    expected = {
        None: False,
        Scope.DISTRICT: True,
        Scope.PLACE: here,
        Scope.NAMED: named == ME,
        Scope.GROUP: member == ME,
        Scope.ASKED: ours and part == "asked",
        Scope.RECIPIENT: here and ours and part == "recipients",
        Scope.RECIPIENT_OR_SENDER: here and ours and part in {"recipients", "senders"},
    }[scope]

    assert may(someone(Role.PSP_POLICE), Action.READ_PSP_CASE, **case) is expected


def every_way_in(role, action, **lists):
    """Whether somebody may do it in each kind of case that a scope could reach."""
    authorities = list(Authority)
    circle, known = Circle(**lists), Circle(named=(ME,), members=(ME,), **lists)
    cases = [
        {"circle": circle},
        {"municipality": "0630", "circle": circle},
        {
            "municipality": "0630",
            "recipients": authorities,
            "senders": authorities,
            "circle": circle,
        },
        {"municipality": "0746", "circle": known},
        {"municipality": "0746", "named": [ME], "circle": circle},
    ]
    return [may(someone(role), action, **case) for case in cases]


@pytest.mark.parametrize(("role", "action"), every())
def test_a_bar_list_keeps_out_whatever_else_would_let_in(role, action):
    assert not any(every_way_in(role, action, barred=(ME,)))
    assert not any(every_way_in(role, action, barred=(ME,), need_to_know=(ME,)))
    assert every_way_in(role, action, barred=(OTHER,)) == every_way_in(role, action)


@pytest.mark.parametrize(("role", "action"), every())
def test_a_need_to_know_list_only_narrows(role, action):
    assert every_way_in(role, action, need_to_know=(ME,)) == every_way_in(role, action)
    assert not any(every_way_in(role, action, need_to_know=(OTHER,)))
    assert not any(every_way_in(role, action, need_to_know=()))
