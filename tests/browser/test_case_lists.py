"""A coordinator at the list of cases in a real browser: found, opened by keys, copied, left in place."""

from playwright.async_api import expect

from tests.browser.test_commands import database  # noqa: F401 - a fixture


async def test_a_case_is_found_opened_by_keys_copied_and_left_where_one_was(
    as_staff,
    partners,
    database,  # noqa: F811
):
    partners.send("valid/mediation-vandalism-at-school.json")
    kira = await as_staff(
        "kira", path="/mediation/cases", permissions=["clipboard-read", "clipboard-write"]
    )
    page = kira.page
    row = page.locator("#cases tbody tr").first
    await expect(row).to_be_visible()
    reference = await row.locator("a").inner_text()

    await page.get_by_label("Sagsnummer eller en del af det").fill(
        reference.replace("-", "").lower()[2:]
    )
    await page.keyboard.press("Enter")
    await expect(page.locator("#cases tbody tr")).to_have_count(1)
    await page.locator("h1").click()
    await page.keyboard.press("j")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_contain_text(reference)

    await page.get_by_role("link", name="Kopiér som tekst").click()
    await expect(page.get_by_text("Kopieret.")).to_be_visible()
    assert (await page.evaluate("navigator.clipboard.readText()")).startswith(f"Sag: {reference}")

    case_id = page.url.rpartition("/")[2]
    await page.get_by_label("Ikke egnet").check()
    database.mediation.mediations.update_one(
        {"_id": case_id}, {"$inc": {"revision": 1, "version": 1}}
    )
    await page.evaluate("document.body.dispatchEvent(new CustomEvent('samraad:notices'))")
    await expect(page.get_by_text("Der er nyt i sagen")).to_be_visible()
    await expect(page.get_by_label("Ikke egnet")).to_be_checked()

    await page.emulate_media(media="print")
    await expect(page.get_by_text("Udskrevet af Kira Prøvesen")).to_be_visible()
    await expect(page.get_by_role("banner")).to_be_hidden()
    await page.emulate_media(media="screen")

    await page.locator(".breadcrumbs a").nth(1).click()
    await expect(page.locator(f"#sag-{case_id}")).to_be_in_viewport()
    assert page.url.endswith(f"#sag-{case_id}")
    assert kira.complaints == []
