"""A real browser on the real stack: staff log in by their buttons, partners send real reports."""

import json
import os
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
from playwright.async_api import async_playwright, expect

from deploy.embedded.npm import chromium_environment, fetch_chromium
from tests.live import LiveStack

EXAMPLES = Path(__file__).parents[2] / "examples"
PICTURES = Path(__file__).parents[2] / "docs" / "screenshots"
PATIENCE = 20
"""Seconds that a page may take on a busy machine; the bench measures how long it takes at rest."""

expect.set_options(timeout=PATIENCE * 1000)


@pytest.fixture(scope="session")
async def chromium(downloads):
    binary = fetch_chromium(downloads)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=str(binary),
            args=["--no-sandbox", "--no-zygote", "--disable-gpu"],
            env={**os.environ, **chromium_environment(downloads)},
        )
        yield browser
        await browser.close()


@dataclass
class StaffBrowser:
    """One person's browser."""

    page: object
    site: str
    complaints: list[str] = field(default_factory=list)
    """What the browser complained about: scripts, styles, policies."""

    async def go(self, path):
        await self.page.goto(self.site + path)
        return self.page

    async def live(self):
        """Wait until the page shows that it is up to date by itself."""
        await self.page.get_by_text("Opdateret nu").wait_for()


@pytest.fixture
async def as_staff(stack, chromium):
    """Open a browser of its own and log in with one of the demo's buttons."""
    contexts = []

    async def open_browser(person, *, path="/notify/inbox", **options):
        context = await chromium.new_context(locale="da-DK", **options)
        contexts.append(context)
        page = await context.new_page()
        browser = StaffBrowser(page, stack.url("site"))
        page.on("pageerror", lambda error: browser.complaints.append(str(error)))
        page.on(
            "console",
            lambda message: browser.complaints.append(message.text) if bad(message) else None,
        )
        await browser.go(path if person else "/notify/login")
        if person is None:
            return browser
        button = page.locator(f"button[value={person}]")
        if not await button.is_visible():
            await page.locator("details.details > summary").click()
        await button.click()
        await page.wait_for_url(f"**{path}*")
        return browser

    yield open_browser
    for context in contexts:
        await context.close()


def bad(message):
    return message.type in {"error", "warning"}


class Partners:
    """The partners of the examples; each is added when it first sends something."""

    def __init__(self, stack: LiveStack, folder: Path):
        self.stack = stack
        self.folder = folder
        self.known = {
            one["id"]: one for one in json.loads((EXAMPLES / "partners.json").read_text())
        }
        self.added = set()
        self.numbers = count(1)

    def send(self, example, **changes):
        """Send an example under a reference of its own; return the reference."""
        [reference] = self.send_many(example, 1, **changes)
        return reference

    def send_many(self, example, many, **changes):
        """Send an example many times, each under a reference of its own; return these."""
        report = json.loads((EXAMPLES / "reports" / example).read_text()) | changes
        references = [f"B-{next(self.numbers):04}" for _ in range(many)]
        self.add(report["partner"])
        lines = [json.dumps(report | {"reference": reference}) for reference in references]
        sent = self.stack.run(
            *("emit", "-", "--unchecked", "--credentials", self.credentials(report["partner"])),
            stdin="\n".join(lines),
        )
        assert sent.returncode in {0, 4}, sent.stderr
        return references

    def add(self, partner):
        if partner in self.added:
            return
        one = self.known[partner]
        done = self.stack.run(
            *("partner", "add", partner, "--kind", one["kind"]),
            *(word for place in one["municipalities"] for word in ("--municipality", place)),
            *("--out", self.credentials(partner)),
        )
        assert done.returncode == 0, done.stderr
        self.added.add(partner)

    def credentials(self, partner):
        return str(self.folder / f"{partner}.credentials.json")


@pytest.fixture(scope="session")
def partners(stack, tmp_path_factory):
    return Partners(stack, tmp_path_factory.mktemp("partners"))


IN_DOCS = {
    *("login", "inbox", "inbox-mediation", "triage", "triage-rejected", "not-found"),
    *("inbox-en", "mediation-case", "psp-case"),
    *("mediation-screen", "mediation-screened", "mediation-stale"),
    *("cases", "board", "cases-psp", "help", "logged", "accessibility"),
    *("names-asked", "names-shown"),
    "report",
}


@pytest.fixture
def picture(tmp_path):
    """Keep a picture of a page; those of the docs go there when SAMRAAD_PICTURES is set."""
    renewing = bool(os.environ.get("SAMRAAD_PICTURES"))

    async def take(page, name, width):
        shown = (
            renewing and name in IN_DOCS and (width == 1280 or (width == 390 and "-" not in name))
        )
        folder = PICTURES if shown else tmp_path
        await page.screenshot(path=folder / f"{name}-{width}.png", full_page=True)

    return take
