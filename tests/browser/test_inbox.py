"""The inbox as staff use it: what concerns them comes by itself, once, and to nobody else."""

import time

from playwright.async_api import expect

TRIAGE = "reports/valid/triage-from-a-school.json".removeprefix("reports/")
MEDIATION = "valid/mediation-vandalism-at-school.json"
PSP = "valid/psp-losing-the-home.json"
ROWS = "[data-row]"


async def references(desk):
    return set(await desk.page.locator(f"{ROWS} p strong").all_inner_texts())


async def newly_shown(desk, before, seconds):
    """Wait for a row that was not there, without touching the page; return its reference."""
    until = time.monotonic() + seconds
    while not (new := await references(desk) - before):
        assert time.monotonic() < until, "no new notice came by itself"
        await desk.page.wait_for_timeout(20)
    return new.pop()


async def test_a_reports_notice_is_on_the_open_page_within_a_second(as_staff, partners):
    sofie = await as_staff("sofie")
    await sofie.live()
    before = await references(sofie)
    partners.send(TRIAGE)

    reference = await newly_shown(sofie, before, 1)

    assert reference.startswith("M-")
    assert sofie.said == []


async def test_a_mediation_reaches_the_coordinator_and_nobody_else(as_staff, partners):
    kira, mona, sofie = [await as_staff(who) for who in ("kira", "mona", "sofie")]
    await kira.live()
    before = await references(kira)
    partners.send(MEDIATION)

    reference = await newly_shown(kira, before, 2)

    assert reference.startswith("KR-")
    for other in (mona, sofie):
        await other.go("/notify/inbox")
        assert reference not in await references(other)


async def test_a_psp_case_reaches_the_police_of_its_municipality_alone(as_staff, partners):
    people = ("peder", "hanne", "kurt", "nina", "mikkel", "bo", "hugo", "karla", "kira", "otto")
    desks = {who: await as_staff(who) for who in people}
    before = {who: await references(desk) for who, desk in desks.items()}
    partners.send(PSP, municipality="0630")

    reference = await newly_shown(desks["peder"], before["peder"], 2)

    assert reference.startswith("PSP-")
    for who, desk in desks.items():
        await desk.go("/notify/inbox")
        assert (reference in await references(desk)) is (who == "peder"), who


async def test_a_notice_leads_to_its_case_and_to_others_the_case_does_not_exist(as_staff, partners):
    peder, hanne = await as_staff("peder"), await as_staff("hanne")
    before = await references(peder)
    partners.send(PSP, municipality="0630")
    reference = await newly_shown(peder, before, 2)

    await peder.page.locator(ROWS, has_text=reference).get_by_role("link").click()
    await expect(peder.page.get_by_role("heading", level=1)).to_contain_text(reference)

    await hanne.page.goto(peder.page.url)
    theirs = await hanne.page.locator("main").inner_text()
    await hanne.go("/psp/cases/00000000-0000-4000-8000-000000000000")
    assert theirs == await hanne.page.locator("main").inner_text()
    await hanne.go("/psp/no-such-page")
    assert theirs == await hanne.page.locator("main").inner_text()


async def test_acknowledging_is_remembered_and_said(as_staff, partners):
    sofie = await as_staff("sofie")
    await sofie.live()
    before = await references(sofie)
    partners.send(TRIAGE)
    reference = await newly_shown(sofie, before, 2)
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

    await expect(bell).to_contain_text(f"{counted + 1} ", use_inner_text=True, timeout=2000)


async def test_nothing_moves_under_the_hand(as_staff, partners):
    sofie = await as_staff("sofie")
    partners.send(TRIAGE)
    await expect(sofie.page.locator(ROWS).first).to_be_visible()
    await sofie.live()
    await sofie.page.keyboard.press("j")
    before = await references(sofie)
    partners.send(TRIAGE)
    partners.send(TRIAGE)

    waiting = sofie.page.get_by_role("button", name="Vis 2 nye")
    await expect(waiting).to_be_visible()
    assert await references(sofie) == before

    await waiting.click()
    await expect(waiting).to_be_hidden()
    await newly_shown(sofie, before, 2)
    assert len(await references(sofie) - before) == 2


async def test_the_list_can_be_narrowed_to_a_case_number(as_staff, partners):
    sofie = await as_staff("sofie")
    await sofie.live()
    before = await references(sofie)
    partners.send(TRIAGE)
    reference = await newly_shown(sofie, before, 2)

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

    said = sofie.page.get_by_role("status")
    await expect(said).to_contain_text(f"Du har kvitteret for {reference}")
    row = sofie.page.locator(ROWS, has_text=reference)
    await expect(row).to_contain_text("Kvitteret af dig i dag kl.")
    assert await sofie.page.locator("meta[http-equiv=refresh]").count() == 1
