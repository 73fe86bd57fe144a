"""A coordinator acts on a case in a real browser: with scripts, without them, and on a narrow screen."""

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect
from pymongo import MongoClient

LINE = "Egnethedsvurdering: ikke egnet. Begrundelse: ikke i det væsentlige erkendt."
REASON = "Ikke i det væsentlige erkendt"


@pytest.fixture
def database(stack):
    with MongoClient(stack.mongo("admin"), tz_aware=True) as client:
        yield client


@pytest.fixture
def a_case(database):
    """Store a mediation as its first version did; return its address."""

    def stored(**changes):
        case_id, due_at = str(uuid4()), datetime.now(UTC).replace(microsecond=0) + timedelta(days=5)
        case = {
            "_id": case_id,
            "version": 1,
            "municipality": "0630",
            "patrol_centre": "mid",
            "parties": [a_party("harmed"), a_party("responsible")],
            "received_at": datetime.now(UTC) - timedelta(hours=3),
            "due_at": due_at,
            "next_step": "contact_parties",
            "overdue": False,
            "stage": "proposed",
            "details": {"status": "none"},
            "protocol": {"marks": {}, "sequences": {}},
        }
        database.mediation.mediations.insert_one(case | changes)
        return f"/mediation/cases/{case_id}"

    return stored


def a_party(role):
    return {
        "party_id": str(uuid4()),
        "role": role,
        "category": "other",
        "minor": False,
        "custody_holders": [],
        "address_protected": False,
    }


async def screen_as_unsuitable(page):
    await page.get_by_label("Ikke egnet").check()
    await page.get_by_label("Begrundelse").select_option(label=REASON)
    await page.get_by_role("button", name="Gem vurderingen").click()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
async def test_a_coordinator_closes_an_unsuitable_case_and_sees_it_in_the_history(
    as_staff, a_case, database, picture, scripts
):
    there = a_case()
    kira = await as_staff("kira", path=there, java_script_enabled=scripts)
    page = kira.page
    await expect(page.get_by_text("Vurdér, om sagen er egnet til konfliktråd")).to_be_visible()
    await expect(page.get_by_label("Begrundelse")).to_be_visible(visible=not scripts)
    await page.get_by_label("Ikke egnet").check()
    for width in (1280, 390):
        await page.set_viewport_size({"width": width, "height": 900})
        if scripts:
            await picture(page, "mediation-screen", width)

    await screen_as_unsuitable(page)

    await expect(page.get_by_role("status").filter(has_text=LINE)).to_be_visible()
    history = page.locator("section", has=page.get_by_role("heading", name="Det er sket"))
    await expect(history.locator("li").first).to_contain_text(f"Kira Prøvesen. {LINE}")
    await expect(page.locator(".s-head .badge")).to_have_text("Afsluttet")
    await expect(page.get_by_role("button", name="Gem vurderingen")).to_have_count(0)
    for width in (1280, 390):
        await page.set_viewport_size({"width": width, "height": 900})
        if scripts:
            await picture(page, "mediation-screened", width)
    await page.goto(kira.site + there)
    await expect(page.locator("main").get_by_role("status")).to_have_count(0)
    await expect(history.locator("li").first).to_contain_text(LINE)
    assert kira.complaints == []
    case_id = there.rpartition("/")[2]
    [row] = database.mediation.audit.find({"case_id": case_id, "action": "screen"})
    assert row["who"] == "staff:kira"


async def test_the_coordinator_is_told_that_a_case_was_closed(as_staff, a_case):
    there = a_case()
    kira = await as_staff("kira", path=there)
    await screen_as_unsuitable(kira.page)
    await expect(kira.page.get_by_role("status").filter(has_text=LINE)).to_be_visible()
    await kira.go("/notify/inbox")

    notice = kira.page.locator("[data-row]", has=kira.page.locator(f'a[href="{there}"]'))
    await expect(notice).to_contain_text("Sagen er afsluttet: ikke egnet til konfliktråd")


async def test_a_stale_form_is_swapped_in_place_with_the_answers_kept(as_staff, a_case, picture):
    there = a_case()
    first, second = await as_staff("kira", path=there), await as_staff("kira", path=there)
    await screen_as_unsuitable(first.page)
    await expect(first.page.get_by_role("status").filter(has_text=LINE)).to_be_visible()

    await second.page.get_by_label("Skal ses på igen").check()
    await second.page.get_by_label("Nær relation mellem parterne").check()
    await second.page.get_by_role("button", name="Gem vurderingen").click()

    alert = second.page.get_by_role("alert").filter(has_text="Sagen blev ændret, mens du skrev")
    await expect(alert).to_be_focused()
    news = second.page.locator("section", has=second.page.locator("#news"))
    await expect(news).to_contain_text(LINE)
    await expect(second.page.get_by_label("Nær relation mellem parterne")).to_be_checked()
    for width in (1280, 390):
        await second.page.set_viewport_size({"width": width, "height": 900})
        await picture(second.page, "mediation-stale", width)


async def test_a_save_that_fails_says_so_loudly_and_the_same_form_can_be_sent_again(
    as_staff, a_case
):
    there = a_case()
    kira = await as_staff("kira", path=there)
    page, held = kira.page, []

    async def hold(route):
        held.append(route)

    await page.route("**/screen", hold)
    await screen_as_unsuitable(page)
    await expect(page.get_by_role("button", name="Gemmer …")).to_be_visible()
    await held[0].abort()
    failed = page.get_by_role("alert").filter(has_text="Din ændring er måske ikke gemt")
    await expect(failed).to_be_focused()
    await page.unroute("**/screen")

    await page.get_by_role("button", name="Gem vurderingen").click()
    await expect(page.get_by_role("status").filter(has_text=LINE)).to_be_visible()


@pytest.mark.parametrize("width", [320])
async def test_the_forms_of_a_case_are_for_everybody_on_a_narrow_screen(as_staff, a_case, width):
    there = a_case()
    kira = await as_staff("kira", path=there, viewport={"width": width, "height": 700})
    page = kira.page
    for act in (lambda: None, lambda: page.get_by_label("Ikke egnet").check()):
        if (doing := act()) is not None:
            await doing
        await judge(page, width)
    await page.get_by_role("button", name="Gem vurderingen").click()
    link = page.get_by_role("alert").get_by_role("link", name=re.compile("Begrundelse"))
    await link.click()
    await expect(page.get_by_label("Begrundelse")).to_be_focused()
    await judge(page, width)
    await page.get_by_label("Begrundelse").select_option(label=REASON)
    await page.get_by_role("button", name="Send igen").click()
    await expect(page.get_by_role("status").filter(has_text=LINE)).to_be_visible()
    await judge(page, width)


async def judge(page, width):
    """No axe violation, no sideways scroll."""
    found = await Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
