"""A long inbox: what just came is on the page, and the rest can be reached."""

from playwright.async_api import expect

from services.notify.inbox import PAGE

TRIAGE = "valid/triage-from-a-school.json"


async def test_what_just_came_is_shown_though_the_list_is_long(as_staff, partners):
    partners.send_many(TRIAGE, PAGE + 20)
    sofie = await as_staff("sofie")
    await sofie.live()
    just_come = sofie.page.get_by_role("region", name="Netop kommet")
    await expect(just_come.locator("[data-row]").first).to_be_visible()
    before = await just_come.locator("[data-row]").first.inner_text()
    partners.send(TRIAGE)

    await expect(just_come.locator("[data-row]").first).not_to_have_text(
        before, use_inner_text=True
    )
    await sofie.page.get_by_role("link", name="Vis de næste").click()
    await expect(sofie.page.get_by_text("Side 2 af")).to_be_visible()
    assert sofie.complaints == []
