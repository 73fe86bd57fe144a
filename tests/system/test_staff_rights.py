"""Rights follow notify's directory at once, at every service, and sessions end everywhere."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.live import LiveStack, wait_until
from tests.system.command_line import DONE, REFUSED

WHO = "magnus"
AT_ONCE = 2.0
"""Seconds that may pass until a right that was taken away is refused everywhere."""
EVERYWHERE = {
    "intake": "/intake/triage",
    "mediation": "/mediation/cases",
    "psp": "/psp/cases",
    "notify": "/notify/inbox",
}
"""A page of each service."""
ALL_ROLES = ("leader", "mediation-coordinator", "psp-psychiatry")
OK, MISSING, TO_LOGIN = 200, 404, 303


def change(stack: LiveStack, *arguments: str) -> None:
    ran = stack.run("staff", "set", WHO, "--reason", "a test", *arguments)
    assert ran.returncode == DONE, ran.stderr


def change_at_once(stack: LiveStack, **wanted: object) -> None:
    """Change somebody as the command does, without the time that a command takes to start."""
    httpx.put(
        f"{stack.url('notify')}/operator/staff/{WHO}",
        json={"reason": "a test", **wanted},
        headers={"Authorization": f"Bearer {stack.operator_token('notify')}"},
    ).raise_for_status()


@pytest.fixture
def browser(stack: LiveStack) -> Iterator[httpx.Client]:
    """Somebody with a page at every service, logged in; afterwards as before."""
    change(stack, "--active", *(word for role in ALL_ROLES for word in ("--role", role)))
    headers = {"accept": "text/html"}
    with httpx.Client(base_url=stack.url("site"), headers=headers, timeout=20) as client:
        client.post("/notify/login", data={"person": WHO}, follow_redirects=True)
        yield client
    change(stack, "--active", "--role", "mediator")


def answers(client: httpx.Client) -> dict[str, int]:
    return {service: client.get(path).status_code for service, path in EVERYWHERE.items()}


def seconds_until(client: httpx.Client, expected: int, what: Callable[[], None]) -> float:
    """How long it takes, from before `what`, until every service answers so; and it stays so."""
    began = time.monotonic()
    what()
    wanted = dict.fromkeys(EVERYWHERE, expected)
    wait_until(lambda: answers(client) == wanted, 30, f"{expected} everywhere")
    took = time.monotonic() - began
    assert answers(client) == wanted
    return took


def test_a_right_counts_and_ends_at_every_service_within_two_seconds(
    stack: LiveStack, browser: httpx.Client
) -> None:
    wait_until(lambda: set(answers(browser).values()) == {OK}, 30, "the rights to be there")

    gone = seconds_until(browser, MISSING, lambda: change_at_once(stack, roles=[]))
    there = seconds_until(browser, OK, lambda: change_at_once(stack, roles=list(ALL_ROLES)))

    assert gone < AT_ONCE
    assert there < AT_ONCE


def test_who_is_removed_is_put_out_everywhere_also_of_an_open_page(
    stack: LiveStack, browser: httpx.Client
) -> None:
    ended: list[float] = []

    def listen() -> None:
        with browser.stream("GET", "/notify/stream", timeout=60) as stream:
            assert stream.status_code == OK
            for _ in stream.iter_bytes():
                pass
        ended.append(time.monotonic())

    listening = threading.Thread(target=listen)
    listening.start()
    wait_until(lambda: set(answers(browser).values()) == {OK}, 30, "the rights to be there")

    began = time.monotonic()
    gone = seconds_until(browser, TO_LOGIN, lambda: change_at_once(stack, active=False))
    listening.join(20)

    assert gone < AT_ONCE
    assert [at - began < AT_ONCE for at in ended] == [True]
    refused = browser.post("/notify/login", data={"person": WHO}, follow_redirects=True)
    assert refused.url.path == "/notify/login"  # the demo offers only who is active
    assert answers(browser)["notify"] == TO_LOGIN


def test_logging_off_ends_the_session_at_every_service_and_no_other_session(
    stack: LiveStack, browser: httpx.Client
) -> None:
    copied = dict(browser.cookies)
    site = {"base_url": stack.url("site"), "headers": {"accept": "text/html"}}
    with httpx.Client(**site) as other, httpx.Client(cookies=copied, **site) as thief:
        other.post("/notify/login", data={"person": WHO}, follow_redirects=True)
        wait_until(lambda: set(answers(thief).values()) == {OK}, 30, "the rights to be there")

        gone = seconds_until(thief, TO_LOGIN, lambda: browser.post("/notify/logout") and None)

        assert gone < AT_ONCE
        assert set(answers(other).values()) == {OK}


def test_the_issuer_ends_the_sessions_of_a_person_everywhere(
    stack: LiveStack, browser: httpx.Client
) -> None:
    wait_until(lambda: set(answers(browser).values()) == {OK}, 30, "the rights to be there")
    secret = (stack.home.secrets / "issuer-client.secret").read_text().strip()

    def log_off_there() -> None:
        end = {"url": f"{stack.url('issuer')}/end-sessions", "data": {"sub": WHO}}
        assert (
            httpx.post(**end, auth=("samraad", "guessed")).status_code == httpx.codes.UNAUTHORIZED
        )
        assert httpx.post(**end, auth=("samraad", secret)).status_code == OK

    assert seconds_until(browser, TO_LOGIN, log_off_there) < AT_ONCE
    forged = browser.post("/notify/backchannel-logout", data={"logout_token": "e30.e30.x"})
    assert forged.status_code == httpx.codes.BAD_REQUEST


def test_while_notify_is_away_whoever_is_logged_in_works_on(
    stack: LiveStack, browser: httpx.Client
) -> None:
    wait_until(lambda: set(answers(browser).values()) == {OK}, 30, "the rights to be there")
    pid = stack.pid("notify")
    os.kill(pid, signal.SIGSTOP)
    try:
        there = {
            service: browser.get(path).status_code
            for service, path in EVERYWHERE.items()
            if service != "notify"
        }
    finally:
        os.kill(pid, signal.SIGCONT)

    assert set(there.values()) == {OK}


def test_a_change_that_cannot_be_is_refused_and_one_that_is_made_is_logged(
    stack: LiveStack, browser: httpx.Client
) -> None:
    refused = stack.run("staff", "set", WHO, "--reason", "x", "--role", "chief-of-everything")
    assert refused.returncode == REFUSED
    assert "chief-of-everything" in refused.stderr
    unknown = stack.run("staff", "deactivate", "nobody-here", "--reason", "x")
    assert unknown.returncode == REFUSED
    assert "triage" in stack.run("staff", "list", "--json").stdout
    log = httpx.get(
        f"{stack.url('notify')}/operator/log",
        headers={"Authorization": f"Bearer {stack.operator_token('notify')}"},
    ).json()
    logged = next(row for row in log if row["action"] == "staff_changed" and row["what"] == WHO)
    assert (logged["why"], logged["who"].partition(":")[0]) == ("a test", "operator")
    assert answers(browser)["mediation"] == OK
