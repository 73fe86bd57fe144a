"""What may surround a value, and what is refused before it is opened."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.envelope import (
    Envelope,
    EnvelopeRefused,
    read_envelope,
    read_letter_envelope,
    write_envelope,
)
from shared.contracts.references import reply_to, usable_reference

LETTER = {
    "ce_specversion": b"1.0",
    "ce_id": b"e-1",
    "ce_source": b"/partners/prosecution-syd",
    "ce_type": b"intake.report_submitted.v1",
    "ce_time": b"2026-11-24T08:15:00Z",
    "ce_subject": b"V-2026-0147",
    "content-type": b"application/jose",
}


def read(headers):
    return read_letter_envelope(list(headers), partner="prosecution-syd")


def faults(headers):
    with pytest.raises(EnvelopeRefused) as refused:
        read(headers)
    return sorted((error.field, error.rule) for error in refused.value.errors)


def test_a_letters_envelope_is_read():
    envelope = read(LETTER.items())

    assert envelope == Envelope(
        id="e-1",
        source="/partners/prosecution-syd",
        type="intake.report_submitted.v1",
        time=datetime(2026, 11, 24, 8, 15, tzinfo=UTC),
        subject="V-2026-0147",
        content_type="application/jose",
    )


def test_names_are_compared_without_case():
    assert read((name.upper(), value) for name, value in LETTER.items()) == read(LETTER.items())


@pytest.mark.parametrize(
    "name", ["ce_specversion", "ce_id", "ce_source", "ce_type", "content-type"]
)
@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ([], "missing"),
        ([b"a", b"a"], "repeated"),
        ([None], "unreadable"),
        ([b"\xff\xfe"], "unreadable"),
        ([b""], "blank"),
        ([b"x" * 2000], "too_long"),
        ([b"a\x00b"], "malformed"),
    ],
)
def test_what_an_envelope_needs_occurs_once_and_can_be_read(name, values, rule):
    others = [(key, value) for key, value in LETTER.items() if key != name]

    assert faults([*others, *((name, value) for value in values)]) == [(f"header:{name}", rule)]


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("ce_specversion", b"0.3", "unsupported"),
        ("ce_specversion", b"1.0 ", "unsupported"),
        ("ce_type", b"intake.report_submitted.v2", "unsupported"),
        ("ce_type", b"intake.case_opened.v1", "unsupported"),
        ("ce_source", b"/partners/school-vejle", "mismatch"),
        ("ce_source", b"/partners/prosecution-syd/", "mismatch"),
        ("content-type", b"application/json", "unsupported"),
        ("ce_time", b"yesterday", "malformed"),
        ("ce_time", b"2026-11-24T08:15:00", "malformed"),
    ],
)
def test_an_unknown_value_is_a_rejection_and_not_ignored(name, value, rule):
    assert faults((LETTER | {name: value}).items()) == [(f"header:{name}", rule)]


def test_all_errors_are_reported_and_the_address_is_kept():
    headers = [("ce_id", b"1"), ("CE_ID", b"2"), ("ce_type", b"x"), ("ce_subject", b"V-1")]

    with pytest.raises(EnvelopeRefused) as refused:
        read(headers)

    assert refused.value.subject == "V-1"
    assert sorted((error.field, error.rule) for error in refused.value.errors) == [
        ("header:ce_id", "repeated"),
        ("header:ce_source", "missing"),
        ("header:ce_specversion", "missing"),
        ("header:ce_type", "unsupported"),
        ("header:content-type", "missing"),
    ]


def test_time_subject_and_everything_else_may_be_missing_or_strange():
    headers = {key: LETTER[key] for key in LETTER if key not in {"ce_time", "ce_subject"}}
    strange = {"ce_sequence": b"-1", "x-odd": None, "traceparent": b"nonsense", "ce_extra": b"\xff"}

    envelope = read((headers | strange).items())

    assert envelope.time is None
    assert envelope.subject is None
    assert envelope.sequence is None
    assert envelope.traceparent is None


def test_a_trace_is_carried_on():
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

    assert read((LETTER | {"traceparent": trace.encode()}).items()).traceparent == trace


@pytest.mark.parametrize("sequence", [b"", b"0", b"-1", b"1.0", b"abc", b"9" * 19])
def test_a_facts_sequence_is_a_decimal_from_one(sequence):
    headers = LETTER | {"ce_sequence": sequence}

    with pytest.raises(EnvelopeRefused) as refused:
        read_envelope(headers.items())

    assert [error.field for error in refused.value.errors] == ["header:ce_sequence"]


def test_a_sequence_is_written_with_ten_digits_and_its_type():
    envelope = Envelope(id="1", source="/mediation/cases", type="t", subject="s", sequence=7)

    headers = dict(write_envelope(envelope))

    assert headers["ce_sequence"] == b"0000000007"
    assert headers["ce_sequencetype"] == b"Integer"
    assert headers["ce_specversion"] == b"1.0"
    assert "ce_time" not in headers


words = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=40)
plain = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
moments = st.datetimes(datetime(1900, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis asks for a naive bound
traces = st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", fullmatch=True)
envelopes = st.builds(
    Envelope,
    id=words,
    source=words,
    type=words,
    time=moments | st.none(),
    subject=words | st.none(),
    content_type=words | st.just("application/json"),
    sequence=st.integers(1, 10**12) | st.none(),
    dataschema=words | st.none(),
    traceparent=traces | st.none(),
)


@given(envelopes)
def test_what_is_written_is_read_back_the_same(envelope):
    assert read_envelope(write_envelope(envelope)) == envelope


def read_or_refused(headers):
    try:
        return read_envelope(headers)
    except EnvelopeRefused as refused:
        return {(error.field, error.rule) for error in refused.errors}


@given(
    st.builds(
        Envelope,
        id=plain,
        source=plain,
        type=plain,
        time=moments,
        subject=plain,
        sequence=st.integers(1, 10**12),
        traceparent=traces | st.none(),
        content_type=st.just("application/json"),
        dataschema=st.none(),
    ),
    st.integers(0, 9),
    st.none()
    | st.binary(max_size=30)
    | st.sampled_from(
        [b"0", b"a\nb", b"2026-13-01T00:00:00Z", b"2026-01-01t00:00:60z", b"x" * 1025]
    ),
)
def test_headers_mean_the_same_in_any_order(envelope, at, value):
    headers = write_envelope(envelope)
    if at < len(headers):
        headers[at] = (headers[at][0], value)

    assert read_or_refused(headers) == read_or_refused(headers[::-1])


@given(st.lists(st.tuples(st.sampled_from([*LETTER, "CE_ID", "x"]), st.none() | st.binary())))
def test_headers_from_anybody_are_read_or_refused(headers):
    try:
        envelope = read(headers)
    except EnvelopeRefused as refused:
        result = refused.errors
    else:
        result = envelope

    assert result


# under which reference a letter is answered


def test_a_letter_is_answered_under_its_subject_or_else_its_key():
    assert reply_to("V-1", b"V-1") == ("V-1", ())
    assert reply_to(None, b"V-1") == ("V-1", ())


@pytest.mark.parametrize("key", [b"V-2", None, b"", b"\xff"])
def test_subject_and_key_must_be_the_same(key):
    reference, errors = reply_to("V-1", key)

    assert reference == "V-1"
    assert [(error.field, error.rule) for error in errors] == [("header:ce_subject", "mismatch")]


@pytest.mark.parametrize("key", [None, b"", b"\xff"])
def test_where_neither_can_be_read_there_is_no_address(key):
    reference, errors = reply_to(None, key)

    assert reference is None
    assert [error.rule for error in errors] == ["missing"]


@pytest.mark.parametrize("text", [None, "", "a b", "031208-4001", "0312084001", "x" * 65])
def test_a_reply_repeats_no_reference_that_it_must_not(text):
    assert usable_reference(text) is None
