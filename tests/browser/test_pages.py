"""What holds for every page: who may see it, in which language, on which screen, for everybody."""

import httpx2
import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from deploy.embedded.programs import services

TRIAGE = "valid/triage-from-a-school.json"
DANGER = "valid/honour-acute.json"
SSP = "valid/ssp-police-to-school.json"
REJECTED = "invalid/no-youth-council-in-hedensted.json"

MEDIATION = "valid/mediation-vandalism-at-school.json"
PSP = "valid/psp-losing-the-home.json"

SCREENS = {1280: 900, 390: 844, 320: 700}
WIDTHS = [320, *(pytest.param(width, marks=pytest.mark.nightly) for width in (390, 1280))]
"""The narrowest is where most goes wrong; the others are looked at by `make nightly`."""
VISITS = (
    ("login", None, "/notify/login"),
    ("inbox", "sofie", "/notify/inbox"),
    ("inbox-mediation", "kira", "/notify/inbox"),
    ("inbox-urgent", "sofie", "/notify/inbox?vis=urgent"),
    ("triage", "sofie", "/intake/triage"),
    ("triage-rejected", "sofie", "/intake/triage?vis=rejected"),
    ("not-found", "sofie", "/notify/there-is-no-such-page"),
    ("inbox-empty", "otto", "/notify/inbox"),
    ("cases", "kira", "/mediation/cases"),
    ("board", "kira", "/mediation/cases?vis=tavle"),
    ("cases-psp", "peder", "/psp/cases"),
    ("cases-named", "mona", "/mediation/cases"),
    ("help", "sofie", "/notify/help"),
    ("logged", "sofie", "/notify/logged"),
    ("accessibility", None, "/notify/accessibility"),
)
SENT_FIRST = {
    "inbox": TRIAGE,
    "inbox-mediation": MEDIATION,
    "cases": MEDIATION,
    "cases-psp": PSP,
    "triage": TRIAGE,
    "triage-rejected": REJECTED,
}
ROLES = {
    "sofie": "Sekretariatet, henvendelser",
    "lena": "Sekretariatet, leder",
    "kira": "Konfliktråd, koordinator",
    "mona": "Konfliktråd, mægler",
    "peder": "PSP, politi",
    "nina": "PSP, psykiatri",
    "bo": "PSP, kommune",
    "dagny": "Databeskyttelse",
    "rita": "Indsigt og sletning",
    "pia": "Patruljecenter Syd, leder",
    "viggo": "Vagtchef",
    "paula": "Politiadvokat",
    "otto": "Drift",
}


def by_button(people):
    """One of each service in CI, all by `make nightly`."""
    first = {"sofie", "kira", "peder"}
    return [who if who in first else pytest.param(who, marks=pytest.mark.nightly) for who in people]


def a_browser(stack, **headers):
    accepts = {"accept": "text/html", **headers}
    return httpx2.Client(base_url=stack.url("site"), follow_redirects=True, headers=accepts)


@pytest.mark.parametrize("who", ROLES)
def test_each_role_is_logged_in_and_named(stack, who):
    with a_browser(stack) as browser:
        page = browser.post("/notify/login", data={"person": who})

    assert page.url.path == "/notify/inbox"
    assert ROLES[who] in page.text


@pytest.mark.parametrize("who", by_button(ROLES))
async def test_each_role_logs_in_with_one_button(as_staff, who):
    browser = await as_staff(who)

    await expect(browser.page.locator(".s-me").first).to_contain_text(ROLES[who])
    await expect(browser.page.get_by_role("heading", level=1)).to_have_text("Indbakke")
    assert browser.complaints == []


async def test_the_login_leads_back_to_the_page_that_was_asked_for(as_staff):
    browser = await as_staff("sofie", path="/intake/triage?vis=rejected")

    assert browser.page.url.endswith("/intake/triage?vis=rejected")


@pytest.mark.parametrize("who", sorted(set(ROLES) - {"sofie", "lena"}))
def test_triage_does_not_exist_to_those_who_do_not_sort(stack, who):
    with a_browser(stack) as browser:
        browser.post("/notify/login", data={"person": who})
        answer = browser.get("/intake/triage")

    assert answer.status_code == 404
    assert "Siden findes ikke" in answer.text
    assert "Henvendelser" not in answer.text


async def test_triage_shows_what_waits_and_why_and_no_person(as_staff, partners):
    lena = await as_staff("lena", path="/intake/triage?kilde=police")
    partners.send(SSP)
    partners.send(DANGER)
    rows = lena.page.locator("#queue tbody tr")

    await expect(rows.first).to_contain_text("Mulig fare for liv")
    await expect(lena.page.get_by_role("alert")).to_contain_text("Ring 112 nu")
    await expect(rows.filter(has_text="SSP").first).to_contain_text("endnu ikke modtage sager")
    shown = await lena.page.content()
    for name in ("Fiktivsen", "Eksempelsen", "example.test", "+45"):
        assert name not in shown


async def test_a_rejected_report_is_listed_with_field_and_rule(as_staff, partners):
    reference = partners.send(REJECTED)
    sofie = await as_staff("sofie", path="/intake/triage?vis=rejected")

    row = sofie.page.locator("#queue tbody tr", has_text=reference)
    await expect(row).to_contain_text("/municipality")
    await expect(row).to_contain_text("no_youth_council")


async def test_the_chosen_language_is_kept(as_staff):
    browser = await as_staff("sofie")
    await browser.page.get_by_role("link", name="English").first.click()
    await expect(browser.page.get_by_role("heading", level=1)).to_have_text("Inbox")

    await browser.go("/intake/triage")
    await expect(browser.page.get_by_role("heading", level=1)).to_have_text("Reports")
    assert await browser.page.locator("html").get_attribute("lang") == "en"
    assert await browser.page.locator("a[hreflang=da]").first.get_attribute("lang") == "da"


async def test_a_session_outlives_the_service_and_the_login_issuer(stack, as_staff):
    browser = await as_staff("sofie")
    stack.kill("notify")
    stack.wait_until_ready()

    await browser.page.reload()

    await expect(browser.page.get_by_role("heading", level=1)).to_have_text("Indbakke")


async def test_logging_off_ends_the_session(as_staff):
    browser = await as_staff("sofie")
    await browser.page.get_by_role("button", name="Log af").first.click()
    await browser.page.wait_for_url("**/notify/login")

    await browser.go("/notify/inbox")
    await expect(browser.page.get_by_role("heading", level=1)).to_have_text(
        "Demologin uden adgangskode"
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "http://evil.example"},
        {"origin": "null"},
    ],
)
def test_another_sites_form_is_refused(stack, headers):
    with a_browser(stack) as browser:
        browser.post("/notify/login", data={"person": "sofie"})
        answer = browser.post("/notify/logout", headers=headers)

        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/problem+json"
        assert "Sofie Testesen" in browser.get("/notify/inbox").text


def test_a_login_that_nobody_began_here_opens_nothing(stack):
    with a_browser(stack) as browser:
        answer = browser.get("/notify/callback", params={"code": "x", "state": "y"})

        assert answer.status_code == 400
        assert "samraad" not in browser.cookies


def test_the_issuer_gives_a_code_to_this_site_alone(stack):
    wanted = {
        "response_type": "code",
        "client_id": "samraad",
        "scope": "openid",
        "nonce": "n",
        "code_challenge": "c" * 43,
        "code_challenge_method": "S256",
        "login_hint": "sofie",
    }
    elsewhere = "http://evil.example/notify/callback"
    with httpx2.Client(base_url=stack.url("issuer")) as browser:
        answer = browser.get("/oauth2/authorize", params={**wanted, "redirect_uri": elsewhere})
        assert answer.status_code == 400

        home = stack.url("site") + "/notify/callback"
        answer = browser.get("/oauth2/authorize", params={**wanted, "redirect_uri": home})
        code = answer.headers["location"].partition("code=")[2].partition("&")[0]
        secret = (stack.home.secrets / "issuer-client.secret").read_text().strip()
        answer = browser.post(
            "/oauth2/token",
            data={
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": home,
                "code_verifier": "guessed" * 8,
            },
            auth=("samraad", secret),
        )
        assert answer.status_code == 400
        assert browser.put("/users/sofie", json={}).status_code == 404


def test_pages_are_not_kept_and_not_framed(stack):
    with a_browser(stack) as browser:
        browser.post("/notify/login", data={"person": "sofie"})
        headers = browser.get("/notify/inbox").headers

    assert headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "script-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]


def test_a_program_gets_a_problem_document_without_what_it_sent(stack):
    with a_browser(stack, accept="application/json") as browser:
        browser.post("/notify/login", data={"person": "sofie"})
        missing = browser.get("/notify/there-is-no-such-page")
        wrong = browser.post("/notify/inbox/not-a-uuid", data={"key": "010190-1234"})

    assert (missing.status_code, missing.json()["title"]) == (404, "Not Found")
    assert missing.headers["content-type"] == "application/problem+json"
    assert wrong.status_code == 422
    assert "010190" not in wrong.text


async def looked_at(page, width):
    """Fail on anything that keeps somebody out: axe's rules, sideways scroll, an id twice."""
    for opened in (False, True):
        await page.evaluate(
            "open => document.querySelectorAll('details').forEach(one => one.open = open)", opened
        )
        found = await Axe().run(page)
        assert found.response["violations"] == [], page.url
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        ids = await page.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
        assert len(ids) == len(set(ids))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("name", "who", "path"), VISITS, ids=[visit[0] for visit in VISITS])
async def test_every_page_is_for_everybody_on_every_screen(
    as_staff, partners, picture, width, name, who, path
):
    if name in SENT_FIRST:
        partners.send(SENT_FIRST[name])
    browser = await as_staff(who, viewport={"width": width, "height": SCREENS[width]})
    page = await browser.go(path)
    if who is not None:
        await expect(page.locator("#unread")).to_be_visible()

    await picture(page, name, width)
    await looked_at(page, width)

    await browser.go(path + ("&" if "?" in path else "?") + "sprog=en")
    await picture(page, f"{name}-en", width)
    await looked_at(page, width)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("service", services())
async def test_the_contracts_of_a_service_are_read_in_a_browser(stack, as_staff, service, width):
    browser = await as_staff(None, viewport={"width": width, "height": SCREENS[width]})
    with a_browser(stack) as client:
        document = client.get(f"{stack.url(service)}/asyncapi").json()

    await browser.page.goto(f"{stack.url(service)}/docs")

    assert await browser.page.locator("h1").inner_text() == document["info"]["title"]
    assert await browser.page.locator("h3").all_inner_texts() == [
        *document["components"]["messages"]
    ]
    await browser.page.locator("summary").first.click()
    assert '"type": "object"' in await browser.page.locator("pre").first.inner_text()
    await looked_at(browser.page, width)
    assert browser.complaints == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("who", "example"), [("kira", MEDIATION), ("peder", PSP)])
async def test_a_cases_page_is_for_everybody_on_every_screen(
    as_staff, partners, picture, width, who, example
):
    partners.send(example, municipality="0630")
    browser = await as_staff(who, viewport={"width": width, "height": SCREENS[width]})
    await browser.page.locator("[data-row] a").first.click()
    await expect(browser.page.locator("h1")).not_to_have_text("Indbakke")

    await picture(browser.page, {"kira": "mediation-case", "peder": "psp-case"}[who], width)
    await looked_at(browser.page, width)
