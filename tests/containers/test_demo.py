"""The demo: staff who do not exist log in at a stand-in, and every page shows that it is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from deploy.embedded.paths import CLONE
from tests.live import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.containers.running import Running

BANNER = "Login er en stedfortræder uden adgangskode."


def test_staff_of_the_demo_log_in_and_each_page_shows_that_the_login_is_a_stand_in(
    make_running: Callable[..., Running],
):
    lines = (CLONE / "deploy/containers/demo.env").read_text().splitlines()
    settings = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    issuer = settings["SAMRAAD_ISSUER"]
    running = make_running(**settings)
    try:
        running.up()
        host = {"Host": issuer.removeprefix("http://")}  # a browser knows every name of localhost
        known = f"{running.site}/.well-known/openid-configuration"
        wait_until(lambda: httpx.get(known, headers=host).is_success, 120, "the stand-in to answer")
        with httpx.Client(base_url=running.site, timeout=30) as browser:
            asked = browser.get("/notify/login")
            leave = browser.post("/notify/login", data={"person": "sofie"}).headers["location"]
            assert leave.startswith(f"{issuer}/")
            answer = httpx.get(leave.replace(issuer, running.site), headers=host, timeout=30)
            back = answer.headers["location"]
            assert back.startswith(f"{running.site}/notify/callback")
            assert browser.get(back).headers["location"] == "/notify/inbox"
            inbox = browser.get("/notify/inbox")
        for page in (asked, inbox):
            assert page.status_code == httpx.codes.OK
            assert BANNER in page.text
        assert "Sofie Testesen" in inbox.text
    finally:
        running.discard()
