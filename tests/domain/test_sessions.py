"""Sessions by their cookies: who, which session, until when; and the time of the last act."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from shared.security.signatures import Kind
from shared.web.session import (
    IDLE,
    LASTS,
    Sessions,
    is_of_a_person,
    sign_session,
)
from tests.signing import KeyPairs

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
SECRET = b"s" * 32
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    return KeyPairs.lay(tmp_path_factory.mktemp("keys"), "notify", "psp")


def sessions_of(pairs, *, secret=SECRET, secure=False):
    return Sessions(pairs.verifier(), secret, secure=secure)


def cookies_of(response):
    pairs = (each.split(";")[0] for each in response.headers.getlist("set-cookie"))
    return dict(pair.split("=", 1) for pair in pairs)


def begun(pairs, *, signer="notify", secure=False, at=NOW):
    """The cookies of a session that begins."""
    session_id, response = str(uuid4()), Response()
    signed = sign_session(pairs.signer(signer), "sofie", session_id, now=at)
    sessions_of(pairs, secure=secure).open(response, signed, session_id, now=at)
    return session_id, cookies_of(response)


def a_request(cookies):
    text = "; ".join(f"{name}={value}" for name, value in cookies.items())
    return HTTPConnection({"type": "http", "headers": [(b"cookie", text.encode("latin-1"))]})


def read(pairs, cookies, *, at=NOW, secret=SECRET, secure=False):
    return sessions_of(pairs, secret=secret, secure=secure).read(a_request(cookies), now=at)


def test_every_service_reads_who_it_is_and_which_session_and_no_more(pairs):
    session_id, cookies = begun(pairs)

    found = read(pairs, cookies)

    assert (found.staff_id, found.id) == ("sofie", session_id)
    assert found._fields == ("staff_id", "id", "seen")


def test_no_other_service_can_make_a_session(pairs):
    _, cookies = begun(pairs, signer="psp")

    assert read(pairs, cookies) is None


def test_a_token_of_another_kind_is_no_session(pairs):
    _, cookies = begun(pairs)
    claims = {"sub": "sofie", "sid": str(uuid4())}
    other = pairs.signer("notify").sign(
        Kind("grant+jwt", LASTS), claims, audience="staff-pages", lasts=MINUTE, now=NOW
    )

    assert read(pairs, cookies | {"samraad_session": other}) is None


def acting(pairs, cookies, until, step):
    """Act every `step` until a time; return the cookies then."""
    sessions, at = sessions_of(pairs), NOW
    while (at := at + step) <= until:
        session = sessions.read(a_request(cookies), now=at)
        if session is None:
            return None
        answer = Response()
        sessions.renew(answer, session, now=at)
        cookies = cookies | cookies_of(answer)
    return cookies


def test_a_session_ends_after_eight_hours_however_much_is_done(pairs):
    _, cookies = begun(pairs)
    worked = acting(pairs, cookies, NOW + LASTS - SECOND, 20 * MINUTE)

    assert read(pairs, worked, at=NOW + LASTS - SECOND) is not None
    assert read(pairs, worked, at=NOW + LASTS) is None


@pytest.mark.parametrize(
    ("idle", "open_"),
    [(timedelta(0), True), (IDLE, True), (IDLE + SECOND, False), (timedelta(hours=7), False)],
)
def test_a_session_ends_after_half_an_hour_in_which_nothing_is_done(pairs, idle, open_):
    _, cookies = begun(pairs)

    assert (read(pairs, cookies, at=NOW + idle) is not None) is open_


def test_what_is_done_every_twenty_minutes_keeps_a_session_open(pairs):
    _, cookies = begun(pairs)

    assert acting(pairs, cookies, NOW + timedelta(hours=7), 20 * MINUTE) is not None
    assert acting(pairs, cookies, NOW + timedelta(hours=7), 31 * MINUTE) is None


def test_the_time_of_another_session_prolongs_none(pairs):
    _, cookies = begun(pairs)
    _, other = begun(pairs, at=NOW + timedelta(hours=1))

    mixed = cookies | {"samraad_seen": other["samraad_seen"]}

    assert read(pairs, mixed, at=NOW + timedelta(hours=1)) is None


def test_without_either_cookie_or_under_another_key_there_is_no_session(pairs):
    _, cookies = begun(pairs)

    for name in cookies:
        assert read(pairs, {each: cookies[each] for each in cookies if each != name}) is None
    assert read(pairs, cookies, secret=b"t" * 32) is None
    assert read(pairs, {}) is None


@given(seen=st.text(st.characters(max_codepoint=255, exclude_characters=';"\\, \t'), max_size=120))
def test_no_invented_time_is_taken(pairs, seen):
    _, cookies = begun(pairs)

    assert read(pairs, cookies | {"samraad_seen": seen}) is None


def test_at_an_https_site_the_cookies_belong_to_this_host_alone(pairs):
    session_id, response = str(uuid4()), Response()
    sessions = sessions_of(pairs, secure=True)
    sessions.open(response, sign_session(pairs.signer("notify"), "sofie", session_id), session_id)

    for set_ in response.headers.getlist("set-cookie"):
        assert set_.startswith("__Host-samraad_")
        parts = {part.strip().lower() for part in set_.split(";")[1:]}
        assert {"secure", "httponly", "path=/", "samesite=lax"} <= parts
        assert not any(part.startswith("domain") for part in parts)


def test_cookies_of_plain_http_open_nothing_at_an_https_site(pairs):
    _, plain = begun(pairs)
    _, hosted = begun(pairs, secure=True)

    assert read(pairs, plain, secure=True) is None
    assert read(pairs, hosted, secure=False) is None
    assert read(pairs, hosted, secure=True) is not None


def test_logging_off_takes_both_cookies_back(pairs):
    response = Response()
    sessions_of(pairs).close(response)

    assert cookies_of(response).keys() == {"samraad_session", "samraad_seen"}
    assert all("Max-Age=0" in each for each in response.headers.getlist("set-cookie"))


PAGE = {"accept": "text/html,*/*"}


@pytest.mark.parametrize(
    ("method", "headers", "counts"),
    [
        ("GET", PAGE, True),
        ("GET", PAGE | {"sec-fetch-dest": "document", "sec-fetch-user": "?1"}, True),
        ("GET", PAGE | {"sec-fetch-dest": "document"}, False),  # <meta http-equiv="refresh">
        ("POST", {}, True),
        ("POST", {"hx-request": "true"}, True),
        ("GET", PAGE | {"hx-request": "true"}, False),
        ("GET", {"accept": "text/event-stream", "sec-fetch-dest": "empty"}, False),
        ("GET", {"accept": "*/*"}, False),
        ("GET", PAGE | {"sec-fetch-dest": "iframe"}, False),
        ("GET", PAGE | {"sec-fetch-dest": "empty"}, False),
        ("HEAD", PAGE, False),
    ],
)
def test_only_what_a_person_does_counts(method, headers, counts):
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]

    assert is_of_a_person(Request({"type": "http", "headers": encoded}), method) is counts
