"""JSON from outside: what is refused, and the one canonical spelling of what is not."""

import json
import time

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.opened import MAX_LEVELS, OpenedRefused, canonical, read_opened


def refused(opened):
    with pytest.raises(OpenedRefused) as refusal:
        canonical(opened)
    return refusal.value.rule.value


@pytest.mark.parametrize(
    ("opened", "rule"),
    [
        (b"", "not_json"),
        (b"null", "not_an_object"),
        (b"[]", "not_an_object"),
        (b'"text"', "not_an_object"),
        (b"17", "not_an_object"),
        (b"{", "not_json"),
        (b"{}{}", "not_json"),
        (b"{'a': 1}", "not_json"),
        (b'{"a": 1,}', "not_json"),
        (b'{"a": 01}', "not_json"),
        (b'{"a": "\x01"}', "not_json"),
        (b"\xef\xbb\xbf{}", "not_json"),
        (b'{"a": "\xff"}', "not_utf8"),
        (b'{"a": "\xed\xa0\x80"}', "not_utf8"),
        ('{"a": 1}'.encode("utf-16"), "not_utf8"),
        (b'{"a": 1, "a": 2}', "duplicate_name"),
        (b'{"a": {"b": 1, "\\u0062": 2}}', "duplicate_name"),
        (b'{"a": NaN}', "number_out_of_range"),
        (b'{"a": -Infinity}', "number_out_of_range"),
        (b'{"a": 9007199254740992}', "number_out_of_range"),
        (b'{"a": -9007199254740992}', "number_out_of_range"),
        (b'{"a": 9007199254740993.0}', "number_out_of_range"),
        (b'{"a": 1e400}', "number_out_of_range"),
        (b'{"a": ' + b"9" * 5000 + b"}", "number_out_of_range"),
        (b'{"a": "\\ud800"}', "lone_surrogate"),
        (b'{"\\udc00": 1}', "lone_surrogate"),
        (b'{"a": ["\\udc00\\ud800"]}', "lone_surrogate"),
        (b"[" * 10_000 + b"]" * 10_000, "too_deep"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "too_deep"),
        (b"x" * 262_145, "too_large"),
    ],
)
def test_what_cannot_be_read_as_one_object_is_refused(opened, rule):
    assert refused(opened) == rule


def test_sixty_four_levels_are_read_and_one_more_is_not():
    inner = MAX_LEVELS - 1

    assert canonical(b'{"a":' + b"[" * inner + b"]" * inner + b"}")
    assert refused(b'{"a":' + b"[" * MAX_LEVELS + b"]" * MAX_LEVELS + b"}") == "too_deep"


def test_brackets_in_texts_are_no_levels():
    text = json.dumps({"a": '[{"' * 500 + "\\" * 9})

    assert read_opened(text.encode())["a"].startswith('[{"[')


@pytest.mark.parametrize(
    "opened",
    [
        b'"\\' * 130_000,
        b'{"a":"' + b'\\"' * 130_000,
        b'"' * 262_000,
        b"[]" * 131_000,
        b"\\" * 262_000,
    ],
)
def test_hostile_letters_take_no_time(opened):
    begun = time.perf_counter()

    refused(opened)

    assert time.perf_counter() - begun < 1


def test_the_largest_numbers_and_whole_surrogate_pairs_are_written():
    assert canonical(b'{"b": -9007199254740991, "a": 1.0, "c": "\\ud83d\\ude42"}') == (
        '{"a":1,"b":-9007199254740991,"c":"🙂"}'.encode()
    )


def test_unicode_is_not_normalised():
    assert canonical('{"a": "é"}'.encode()) != canonical('{"a": "e\u0301"}'.encode())


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-1e15, 1e15)
    | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=("Cs",))), inner, max_size=4)
    ),
    max_leaves=20,
)
letters = st.dictionaries(st.text(st.characters(exclude_categories=("Cs",))), values, max_size=6)


@given(letters, st.randoms())
def test_order_and_spacing_make_no_difference(letter, random):
    def shuffled(value):
        if isinstance(value, dict):
            names = list(value)
            random.shuffle(names)
            return {name: shuffled(value[name]) for name in names}
        return [shuffled(one) for one in value] if isinstance(value, list) else value

    spaced = json.dumps(shuffled(letter), indent=3, ensure_ascii=False).encode()
    tight = json.dumps(letter, separators=(",", ":")).encode()

    assert canonical(spaced) == canonical(tight) == rfc8785.dumps(letter)
    assert canonical(canonical(tight)) == canonical(tight)


@given(
    st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))
)
def test_any_bytes_are_read_or_refused(opened):
    try:
        read = read_opened(opened)
    except OpenedRefused as refusal:
        read = {"refused": refusal.errors[0].field}

    assert isinstance(read, dict)
    assert read.get("refused", "") == ""
