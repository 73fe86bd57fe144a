"""The rules of PSP: whom a disclosure opens a case to, and what a judgement does; all of both."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.psp import domain as psp
from services.psp.commands import RESULTS
from services.psp.disclosures import AUTHORITIES, BASES, FORMS, KINDS
from services.psp.pages import PAGE
from shared.cases.ask_names import OpenedForm, ask_names
from shared.contracts.disclosure import MEMBERS, Authority, Basis, Form, ItemKind
from shared.contracts.processes import PartnerKind, PersonRole, Process
from shared.contracts.psp import NecessityResult, Step
from shared.staff.access import Action, Role, Staff
from tests.domain.test_mediation import NOW, a_case, a_party
from tests.signing import a_signer

NAMED = st.lists(st.sampled_from([*Authority, "of-later"]), max_size=5)
SENDERS = st.sampled_from(PartnerKind)
JUDGEMENTS = list(product(psp.Stage, NecessityResult))


def received(sender=PartnerKind.PSYCHIATRY):
    opened = a_case(Process.PSP).model_copy(update={"reporter_kind": sender})
    return psp.RULES.on_case_opened(opened, None, NOW).case


def someone(role, *places):
    return Staff(id="u", name="", title="", roles=(role,), places=places or ("0630",))


@given(named=NAMED, sender=SENDERS)
def test_a_case_is_open_to_the_named_and_to_the_police_where_they_sent_it(named, sender):
    case, [told] = psp.name_recipients(received(sender), named)

    by_role = {
        Role.PSP_POLICE: {Authority.POLICE},
        Role.PSP_PSYCHIATRY: {Authority.PSYCHIATRY},
        Role.PSP_MUNICIPALITY: {Authority.SOCIAL_SERVICES, Authority.MUNICIPALITY},
    }
    for role in Role:
        is_named = bool(by_role.get(role, set()) & set(named))
        sent = role is Role.PSP_POLICE and sender is PartnerKind.POLICE
        for action in (Action.READ_PSP_CASE, Action.JUDGE_NECESSITY):
            assert case.is_open_to(someone(role), action) == (is_named or sent)
            assert not case.is_open_to(someone(role, "0615"), action)
        assert case.is_open_to(someone(role), Action.READ_DISCLOSED_ITEMS) == is_named
    assert set(told.authorities) == set(case.readers)
    assert Authority.MUNICIPALITY not in told.authorities


@given(first=NAMED, second=NAMED)
def test_whom_a_disclosure_names_is_read_once(first, second):
    case, _ = psp.name_recipients(received(), first)

    assert psp.name_recipients(case, second) == (case, ())


@given(sender=SENDERS)
def test_nobody_may_open_a_case_whose_disclosure_was_not_read_yet(sender):
    for role in Role:
        assert not received(sender).is_open_to(someone(role), Action.READ_PSP_CASE)


@pytest.mark.parametrize(("stage", "result"), JUDGEMENTS)
def test_a_case_is_judged_once_and_then_awaits_nothing(stage, result):
    case = replace(psp.name_recipients(received(), [Authority.POLICE]).case, stage=stage)

    if stage is not psp.Stage.NOMINATED:
        with pytest.raises(psp.AlreadyJudged):
            psp.judge_necessity(case, result)
        return
    after, told = psp.judge_necessity(case, result)
    is_necessary = result is NecessityResult.NECESSARY
    assert after.stage is (psp.Stage.NECESSARY if is_necessary else psp.Stage.REJECTED)
    assert (after.next_step, after.due_at, after.deadlines) == (None, None, {})
    assert after.is_shared is is_necessary
    assert [fact.type for fact in told] == ["psp.necessity_judged.v1"] + (
        [] if is_necessary else ["psp.access_changed.v1"]
    )
    assert all(after.readers == case.readers for _ in told)
    assert after.not_for_investigation


@given(named=NAMED, sender=SENDERS)
def test_a_deadline_names_those_who_can_act(named, sender):
    case, _ = psp.name_recipients(received(sender), named)

    _, [due] = psp.RULES.on_step_due(case, Step.JUDGE_NECESSITY, case.due_at)

    assert due.authorities == case.readers


def test_every_code_of_a_disclosure_has_its_words():
    assert [set(words) for words in (FORMS, BASES, AUTHORITIES, KINDS, RESULTS)] == [
        set(codes) for codes in (Form, Basis, Authority, ItemKind, NecessityResult)
    ]
    assert set().union(*MEMBERS.values()) <= set(AUTHORITIES)


def test_a_case_of_the_first_version_that_the_police_sent_opens_to_nobody_by_that():
    assert not psp.PspCase(
        case_id=a_case().case_id,
        municipality="0630",
        patrol_centre="mid",
        psychiatry_region=None,
        parties=(),
        received_at=datetime.now(UTC),
        due_at=None,
        disclosed_to=(),
    ).readers


@pytest.mark.parametrize("stage", psp.Stage)
def test_names_are_asked_for_by_recipients_alone_and_by_nobody_after_a_no(stage, tmp_path):
    case = psp.name_recipients(received(PartnerKind.POLICE), [Authority.PSYCHIATRY]).case
    at_stage = replace(case, stage=stage, parties=(a_party(PersonRole.SUBJECT),))
    signer, form = a_signer(tmp_path, "psp"), OpenedForm(side="subject")

    asks = {
        role
        for role in Role
        if ask_names(PAGE.names, at_stage, replace(someone(role), session="s"), signer, form)
    }

    assert asks == (set() if stage is psp.Stage.REJECTED else {Role.PSP_PSYCHIATRY})
