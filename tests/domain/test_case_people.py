"""A case follows what intake tells about its people, in both services that have cases."""

from datetime import UTC, datetime
from types import SimpleNamespace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

import services.mediation.handlers as mediation_handlers
import services.psp.handlers as psp_handlers
from services.mediation.domain import Mediation
from services.mediation.mediations import MEDIATIONS
from services.psp.domain import PspCase
from services.psp.psp_cases import PSP_CASES
from shared.cases.commands.forms import show_line
from shared.cases.people import PEOPLE_FACTS, follow
from shared.contracts.envelope import Envelope, write_envelope
from shared.contracts.intake import (
    Party,
    PartyCameOfAge,
    PartyChanged,
    PartyErased,
    PartyJoined,
    PartyLeft,
)
from shared.contracts.people import age_band
from shared.contracts.processes import AgeBand, Category, PersonRole, Process
from shared.engine import LoadedDocument, Record, Unit

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
CASE, CHILD, MOTHER, OTHER = (UUID(int=number) for number in range(1, 5))
ABOUT = {"case_id": CASE, "process": Process.MEDIATION}


def a_party(party_id=CHILD, role=PersonRole.HARMED, **changes):
    return Party(
        **{
            "party_id": party_id,
            "role": role,
            "category": Category.OTHER,
            "minor": party_id == CHILD,
            "age_band": AgeBand.FROM_15_TO_17 if party_id == CHILD else AgeBand.FROM_25,
        }
        | changes
    )


THE_CHILD = a_party(custody_holders=(MOTHER,))
THE_MOTHER = a_party(MOTHER, PersonRole.GUARDIAN)


def a_mediation(*parties):
    return Mediation(
        case_id=CASE,
        municipality="0630",
        patrol_centre="mid",
        parties=parties,
        received_at=NOW,
        due_at=NOW,
    )


def a_psp_case(*parties):
    return PspCase(
        case_id=CASE,
        municipality="0630",
        patrol_centre="mid",
        psychiatry_region=None,
        parties=parties,
        received_at=NOW,
        due_at=NOW,
    )


SERVICES = [
    SimpleNamespace(
        name="mediation", a_case=a_mediation, store=MEDIATIONS, handlers=mediation_handlers
    ),
    SimpleNamespace(name="psp", a_case=a_psp_case, store=PSP_CASES, handlers=psp_handlers),
]
BOTH = pytest.mark.parametrize("service", SERVICES, ids=lambda each: each.name)


def after(fact, *parties):
    return follow(a_mediation(*parties), fact, NOW)


def test_somebody_who_joins_is_a_party_once_in_each_role():
    joined = PartyJoined(**ABOUT, party=THE_MOTHER)
    as_witness = PartyJoined(**ABOUT, party=a_party(MOTHER, PersonRole.WITNESS))

    case = follow(follow(after(joined, THE_CHILD), joined, NOW), as_witness, NOW)

    assert case.parties == (THE_CHILD, THE_MOTHER, as_witness.party)
    assert case.revision == 2


@pytest.mark.parametrize("fact", [PartyLeft, PartyErased])
def test_somebody_who_leaves_or_is_erased_is_no_party_and_holds_custody_of_nobody(fact):
    case = after(fact(**ABOUT, party_id=MOTHER), THE_CHILD, THE_MOTHER)

    assert case.parties == (a_party(custody_holders=()),)


def test_a_change_takes_the_place_of_what_was_known_of_the_party_in_that_role():
    hidden = THE_CHILD.model_copy(update={"address_protected": True})

    case = after(PartyChanged(**ABOUT, party=hidden), THE_CHILD, THE_MOTHER)

    assert case.parties == (hidden, THE_MOTHER)


def test_a_change_of_somebody_who_has_left_brings_nobody_back():
    case = a_mediation(THE_MOTHER)

    assert follow(case, PartyChanged(**ABOUT, party=THE_CHILD), NOW) is case


@pytest.mark.parametrize("band", [None, *AgeBand])
def test_nobody_holds_custody_of_a_party_who_came_of_age(band):
    before = THE_CHILD.model_copy(update={"age_band": band})

    case = after(PartyCameOfAge(**ABOUT, party_id=CHILD), before, THE_MOTHER)

    grown, mother = case.parties
    assert (grown.minor, grown.custody_holders, mother) == (False, (), THE_MOTHER)
    assert grown.age_band == (AgeBand.FROM_25 if band is AgeBand.FROM_25 else AgeBand.FROM_18_TO_24)


PARTIES = st.builds(
    a_party,
    st.sampled_from([CHILD, MOTHER, OTHER]),
    st.sampled_from([PersonRole.HARMED, PersonRole.GUARDIAN]),
    custody_holders=st.sampled_from([(), (MOTHER,), (OTHER, MOTHER)]),
    address_protected=st.booleans(),
)
FACTS = st.one_of(
    st.builds(PartyJoined, party=PARTIES, **{k: st.just(v) for k, v in ABOUT.items()}),
    st.builds(PartyChanged, party=PARTIES, **{k: st.just(v) for k, v in ABOUT.items()}),
    *(
        st.builds(
            fact,
            party_id=st.sampled_from([CHILD, MOTHER, OTHER]),
            **{k: st.just(v) for k, v in ABOUT.items()},
        )
        for fact in (PartyLeft, PartyErased, PartyCameOfAge)
    ),
)


@BOTH
@given(facts=st.lists(FACTS, max_size=12))
def test_the_revision_rises_by_one_with_each_fact_that_changes_what_people_see(service, facts):
    case = service.a_case(THE_CHILD, THE_MOTHER)

    for fact in facts:
        before, case = case, follow(case, fact, NOW)

        assert (case.parties != before.parties) == (case.revision == before.revision + 1)
        assert follow(case, fact, NOW) is case
        assert len({(one.party_id, one.role) for one in case.parties}) == len(case.parties)
    assert [line.revision for line in case.history] == list(range(1, case.revision + 1))


@BOTH
@pytest.mark.parametrize("fact", PEOPLE_FACTS, ids=lambda fact: fact.type)
def test_a_service_stores_the_change_and_says_it_in_words_without_whom(service, fact):
    process = Process(service.name)
    changed = THE_CHILD.model_copy(update={"address_protected": True})
    about = {"party_id": CHILD} if "party_id" in fact.model_fields else {"party": changed}
    if fact is PartyJoined:
        about = {"party": a_party(OTHER, PersonRole.SUPPORTER)}
    unit = Unit(cases=service.store.collection, now=NOW)
    unit.track(service.store.collection, str(CASE), LoadedDocument())
    service.store.save(unit, service.a_case(THE_CHILD, THE_MOTHER))

    take_in(service, unit, fact(case_id=CASE, process=process, **about))

    case = service.store.load(unit, CASE)
    assert case.parties != (THE_CHILD, THE_MOTHER)
    [line] = case.history
    shown = show_line(line, None)
    assert (shown.at, shown.name) == (NOW, "")
    assert shown.title != fact.type
    assert shown.content == (("", "Bisidder" if fact is PartyJoined else "Forurettet"),)


def take_in(service, unit, fact):
    envelope = Envelope(
        "1", "/" + fact.topic().replace(".", "/"), fact.type, NOW, fact.subject(), sequence=1
    )
    record = Record(
        fact.topic(), 0, 0, 0, fact.subject().encode(), fact.write(), write_envelope(envelope)
    )
    inbox = service.handlers.make_inbox()
    with pytest.raises(StopIteration) as prepared:
        inbox.prepare([record]).send(None)
    inbox.take(prepared.value.value[0], unit)
    assert unit.failures == []


@pytest.mark.parametrize(
    ("age", "band"),
    [
        (None, "unknown"),
        (0, "under_15"),
        (14, "under_15"),
        (15, "15_17"),
        (17, "15_17"),
        (18, "18_24"),
        (24, "18_24"),
        (25, "25_plus"),
        (90, "25_plus"),
    ],
)
def test_each_age_has_its_band(age, band):
    assert age_band(age) == band
