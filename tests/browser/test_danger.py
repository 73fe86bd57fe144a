"""A report that says danger to life, in a real browser: red in the inbox until somebody notes what was done."""

import json

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from tests.browser.conftest import EXAMPLES
from tests.browser.test_inbox import ROWS, TRIAGE, newly_shown, references


async def test_a_danger_stands_red_in_the_inbox_until_somebody_notes_what_was_done(
    as_staff, partners, picture
):
    lena, sofie = await as_staff("lena"), await as_staff("sofie")
    await lena.live()
    before = await references(lena)
    example = json.loads((EXAMPLES / "reports" / TRIAGE).read_text())
    partners.send(TRIAGE, details={**example["details"], "danger_to_life": True})
    reference = await newly_shown(lena, before)
    row = lena.page.locator(ROWS, has_text=reference)
    await expect(row).to_contain_text("Mulig fare for liv: ring 112, og notér det")
    await expect(row.get_by_role("button", name="Kvittér")).to_have_count(0)

    await row.get_by_role("link", name="Åbn nu").click()
    await expect(lena.page.get_by_role("heading", level=1)).to_contain_text(reference)
    for width in (1280, 390, 320):
        await lena.page.set_viewport_size({"width": width, "height": 900})
        found = await Axe().run(lena.page)
        assert found.violations_count == 0, found.generate_report()
        assert await lena.page.evaluate("document.documentElement.scrollWidth") <= width
        await picture(lena.page, "report", width)
    await lena.page.get_by_label("112 ringet op").check()
    await lena.page.get_by_role("button", name="Gem noteringen").click()

    await expect(lena.page.get_by_role("status")).to_contain_text("Fare for liv: 112 ringet op.")
    await sofie.go(f"/notify/inbox?sag={reference}")
    await expect(sofie.page.locator(ROWS, has_text=reference)).not_to_contain_text("Åbn nu")
    assert lena.complaints == []
