"""The inbox as staff use it: what concerns them comes by itself, once, and to nobody else."""

import asyncio
import re
import time

from playwright.async_api import expect

from tests.browser.conftest import PATIENCE

TRIAGE = "reports/valid/triage-from-a-school.json".removeprefix("reports/")
MEDIATION = "valid/mediation-vandalism-at-school.json"
PSP = "valid/psp-losing-the-home.json"
ROWS = "[data-row]"


async def references(browser):
    return set(await browser.page.locator(f"{ROWS} p strong").all_inner_texts())


async def newly_shown(browser, before):
    """Wait for a row that was not there, without touching the page; return its reference."""
    until = time.monotonic() + PATIENCE
    while not (new := await references(browser) - before):
        assert time.monotonic() < until, "no new notice came by itself"
        await browser.page.wait_for_timeout(20)
    return new.pop()


async def test_a_reports_notice_comes_to_the_open_page_by_itself(as_staff, partners):
    sofie = await as_staff("sofie")
    await sofie.live()
    before = await references(sofie)
    partners.send(TRIAGE)

    reference = await newly_shown(sofie, before)

    assert reference.startswith("M-")
    assert sofie.complaints == []


async def test_a_mediation_reaches_the_coordinator_and_nobody_else(as_staff, partners):
    kira, mona, sofie = [await as_staff(who) for who in ("kira", "mona", "sofie")]
    await kira.live()
    before = await references(kira)
    partners.send(MEDIATION)

    reference = await newly_shown(kira, before)

    assert reference.startswith("KR-")
    for other in (mona, sofie):
        await other.go("/notify/inbox")
        assert reference not in await references(other)


async def test_a_psp_case_reaches_those_whom_its_disclosure_names_alone(as_staff, partners):
    people = ("peder", "hanne", "kurt", "nina", "mikkel", "bo", "hugo", "karla", "kira", "otto")
    browsers = {who: await as_staff(who) for who in people}
    before = {who: await references(browser) for who, browser in browsers.items()}
    partners.send(PSP, municipality="0630")

    reference = await newly_shown(browsers["peder"], before["peder"])

    assert reference.startswith("PSP-")
    for who, browser in browsers.items():
        await browser.go("/notify/inbox")
        assert (reference in await references(browser)) is (who in {"peder", "nina"}), who


async def test_a_notice_leads_to_its_case_and_to_others_the_case_does_not_exist(as_staff, partners):
    peder, hanne = await as_staff("peder"), await as_staff("hanne")
    before = await references(peder)
    partners.send(PSP, municipality="0630")
    reference = await newly_shown(peder, before)

    await peder.page.locator(ROWS, has_text=reference).get_by_role("link").click()
    await expect(peder.page.get_by_role("heading", level=1)).to_contain_text(reference)

    await hanne.page.goto(peder.page.url)
    theirs = await hanne.page.locator("main").inner_text()
    await hanne.go("/psp/cases/00000000-0000-4000-8000-000000000000")
    assert theirs == await hanne.page.locator("main").inner_text()
    await hanne.go("/psp/no-such-page")
    assert theirs == await hanne.page.locator("main").inner_text()


async def test_acknowledging_is_remembered_and_confirmed(as_staff, partners):
    sofie = await as_staff("sofie")
    await sofie.live()
    before = await references(sofie)
    partners.send(TRIAGE)
    reference = await newly_shown(sofie, before)
    row = sofie.page.locator(ROWS, has_text=reference)

    await row.get_by_role("button", name="Kvittér").click()
    await expect(sofie.page.get_by_role("status")).to_contain_text(reference)
    await expect(row).to_contain_text("Kvitteret af dig i dag kl.")

    await sofie.page.reload()
    await expect(row).to_contain_text("Kvitteret af dig i dag kl.")
    await expect(row.get_by_role("button", name="Kvittér")).to_have_count(0)


async def test_the_bell_on_another_page_counts_along(as_staff, partners):
    sofie = await as_staff("sofie", path="/intake/triage")
    await sofie.live()
    bell = sofie.page.locator("#unread")
    await expect(bell).to_be_visible()
    counted = int((await bell.inner_text()).split()[0])
    partners.send(TRIAGE)

    await expect(bell).to_contain_text(f"{counted + 1} ", use_inner_text=True)


async def test_nothing_moves_under_the_hand(as_staff, partners):
    sofie = await as_staff("sofie")
    before = await with_a_new_row(sofie, partners)
    await sofie.page.keyboard.press("j")
    partners.send(TRIAGE)
    partners.send(TRIAGE)

    waiting = sofie.page.get_by_role("button", name="Vis 2 nye")
    await expect(waiting).to_be_visible()
    assert await references(sofie) == before

    await waiting.click()
    await expect(waiting).to_be_hidden()
    await newly_shown(sofie, before)
    assert len(await references(sofie) - before) == 2


async def test_a_list_that_was_asked_for_before_the_hand_came_does_not_move_either(
    as_staff, partners
):
    sofie = await as_staff("sofie")
    before = await with_a_new_row(sofie, partners)
    answer = asyncio.Event()

    async def late(route):
        await answer.wait()
        await route.continue_()

    await sofie.page.route(re.compile(r"/notify/inbox\?"), late)
    async with sofie.page.expect_request(re.compile(r"/notify/inbox\?")):
        partners.send(TRIAGE)
    await sofie.page.keyboard.press("j")
    under_the_hand = sofie.page.locator(":focus")
    text = await under_the_hand.inner_text()
    answer.set()

    waiting = sofie.page.get_by_role("button", name="Vis 1 ny")
    await expect(waiting).to_be_visible()
    assert await references(sofie) == before
    assert await under_the_hand.inner_text() == text


async def with_a_new_row(browser, partners):
    """Have a notice come to the page; return the references that it shows then."""
    await browser.live()
    before = await references(browser)
    partners.send(TRIAGE)
    await newly_shown(browser, before)
    return await references(browser)


async def test_the_list_can_be_narrowed_to_a_case_number(as_staff, partners):
    sofie = await as_staff("sofie")
    await sofie.live()
    before = await references(sofie)
    partners.send(TRIAGE)
    reference = await newly_shown(sofie, before)

    await sofie.page.get_by_placeholder("Sagsnummer").fill(reference.lower())
    await sofie.page.get_by_role("button", name="Find").click()

    await expect(sofie.page.locator(ROWS)).to_have_count(1)
    assert await references(sofie) == {reference}


async def test_the_inbox_works_without_javascript(as_staff, partners):
    partners.send(TRIAGE)
    sofie = await as_staff("sofie", java_script_enabled=False)
    first = sofie.page.locator(".s-unread").first
    reference = await first.locator("p strong").inner_text()

    await first.get_by_role("button", name="Kvittér").click()

    confirmation = sofie.page.get_by_role("status")
    await expect(confirmation).to_contain_text(f"Du har kvitteret for {reference}")
    row = sofie.page.locator(ROWS, has_text=reference)
    await expect(row).to_contain_text("Kvitteret af dig i dag kl.")
    assert await sofie.page.locator("meta[http-equiv=refresh]").count() == 1
