"""Reports bent in every way: they are taken or refused, never anything else, and never quoted."""

import copy
import json
import string

from hypothesis import example, given
from hypothesis import strategies as st

from shared.contracts.processes import PartnerKind
from shared.contracts.report import Report, ReportRefused, reference_inside
from shared.contracts.update import Update, check_update
from tests.contracts.letters import MEDIATION, NOW, PSP, judged

SECRET = "zqxj"
"""Is in every string that is put in, and in no message that we wrote."""

junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.text(max_size=12).map(lambda text: SECRET + text)
    | st.text(string.digits + "-+TZ:.", max_size=14)
    | st.sampled_from(["", " ", "\x00", "psp", "suspect", "2026-11-20", "031208-4001", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["given", "label", "kind", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def places(value, at=()):
    yield at
    steps = value.items() if isinstance(value, dict) else enumerate(value)
    if isinstance(value, dict | list):
        for step, inner in steps:
            yield from (
                places(inner, (*at, step)) if isinstance(inner, dict | list) else [(*at, step)]
            )


@st.composite
def bent(draw):
    letter = copy.deepcopy(draw(st.sampled_from([MEDIATION, PSP])))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from([at for at in places(letter) if at]))
        inner = letter
        for step in place[:-1]:
            inner = inner[step]
        if draw(st.booleans()) and isinstance(inner, dict):
            del inner[place[-1]]
        else:
            inner[place[-1]] = draw(junk)
        if not isinstance(letter, dict) or not letter:
            break
    return letter


def outcome(work):
    """The report or update, or the refusal; anything else is a failure of the test."""
    try:
        return work()
    except ReportRefused as refused:
        return refused


def quotes_nothing(refused):
    reported = str(refused) + "".join(error.message + error.field for error in refused.errors)
    return SECRET not in reported and all(error.message.endswith(".") for error in refused.errors)


@given(bent(), st.sampled_from(PartnerKind))
@example(MEDIATION | {"people": [{"label": "\ud800"}]}, PartnerKind.POLICE)
def test_a_bent_report_is_taken_or_refused_and_never_quoted(letter, kind):
    judgement = outcome(lambda: judged(json.dumps(letter).encode(), kind=kind))

    if isinstance(judgement, Report):
        assert isinstance(judgement.details_read.model_dump(), dict)
    else:
        assert 0 < len(judgement.errors) <= 50
        assert quotes_nothing(judgement)


@given(st.recursive(junk, lambda inner: st.dictionaries(st.sampled_from([*MEDIATION]), inner)))
def test_any_json_is_taken_or_refused(value):
    opened = json.dumps(value).encode()

    judgement = outcome(lambda: judged(opened))

    assert isinstance(judgement, ReportRefused)
    assert quotes_nothing(judgement)
    assert isinstance(reference_inside(opened), str | None)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "partner": st.just("prosecution-syd") | junk,
            "reference": st.just("V-2") | junk,
            "about": st.just("V-1") | junk,
            "kind": st.sampled_from(["withdrawn", "acknowledgement"]) | junk,
            "people": st.just(MEDIATION["people"]) | junk,
            "details": st.just(MEDIATION["details"]) | junk,
            "text": junk,
        },
    )
)
def test_any_update_is_taken_or_refused(letter):
    judgement = outcome(
        lambda: check_update(
            json.dumps(letter).encode(),
            partner="prosecution-syd",
            kind=PartnerKind.POLICE,
            reference="V-2",
            now=NOW,
        )
    )

    assert isinstance(judgement, Update) or quotes_nothing(judgement)
