"""Names in a real browser: shown in a frame, corrected there, and read by no script of the site."""

import re
import time
from datetime import UTC, datetime

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect
from pymongo import MongoClient

CHILD, MOTHER, OTHER = "Testolina Prøvegaard", "Grete Prøvegaard", "Attrapolf Demogaard"
PEOPLE = [
    {
        "label": "a",
        "role": "harmed",
        "category": "victim",
        "name": {"given": "Testolina", "family": "Prøvegaard"},
        "birth_date": f"{datetime.now(UTC).year - 16}-01-02",
        "phone": "+4500000001",
        "address": {"street": "Hemmelighedsvej 17", "postal_code": "7100", "city": "Vejle"},
        "address_protected": True,
    },
    {
        "label": "b",
        "role": "responsible",
        "category": "other",
        "name": {"given": "Attrapolf", "family": "Demogaard"},
    },
    {
        "label": "c",
        "role": "guardian",
        "category": "other",
        "name": {"given": "Grete", "family": "Prøvegaard"},
        "phone": "+4500000002",
        "custody_of": ["a"],
        "custody": "joint",
    },
]


@pytest.fixture
def a_case(stack, partners):
    """Let a partner report a family; return the address of its case."""
    reference = partners.send("valid/mediation-vandalism-at-school.json", people=PEOPLE)
    with MongoClient(stack.mongo("admin"), tz_aware=True) as client:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            report = client.intake.reports.find_one({"reference": reference})
            case_id = report and report["case_id"]
            if case_id and client.mediation.mediations.find_one({"_id": case_id}):
                return f"/mediation/cases/{case_id}"
            time.sleep(0.1)
    raise AssertionError("the case did not arrive")


async def test_a_coordinator_sees_names_in_a_frame_for_a_purpose_and_corrects_them_there(
    as_staff, a_case, picture
):
    kira = await as_staff("kira", path=a_case)
    page = kira.page
    assert "Testolina" not in await page.content()

    await page.locator("#navne-harmed").get_by_role("link", name="Vis navne").click()
    await picture(page, "names-asked", 1280)
    await looks_right(page)
    block = page.locator("#navne-harmed")
    await block.get_by_label("Aftale møde").check()
    await block.get_by_role("button", name="Vis", exact=True).click()
    frame = page.frame_locator("iframe[name=navne-harmed-ramme]")
    await expect(frame.get_by_text(CHILD).first).to_be_visible()
    await expect(
        frame.get_by_text("Adressen er beskyttet og vises ikke for nogen.")
    ).to_be_visible()
    await expect(block.get_by_text(re.compile(r"^til kl\. "))).to_be_visible()
    assert "Testolina" not in await page.content()
    for width, height in ((1280, 900), (390, 844), (320, 700)):
        await page.set_viewport_size({"width": width, "height": height})
        await picture(page, "names-shown", width)
        await looks_right(page)
    await page.set_viewport_size({"width": 1280, "height": 900})

    form = frame.locator("details", has_text="Ret sikker kontakt").first
    await form.locator("summary").click()
    await form.get_by_label("Sikker vej").select_option(label="Telefon")
    await form.get_by_label("Tidligst kl.").fill("15")
    await form.get_by_label("Senest kl.").fill("20")
    await form.get_by_role("button", name="Gem").click()
    await expect(frame.get_by_text("Den sikre kontakt er gemt.")).to_be_visible()
    await expect(frame.get_by_text("Ring kl. 15-20")).to_be_visible()
    await expect(frame.get_by_text("Læg ikke besked.").first).to_be_visible()
    await picture(page, "names-saved", 1280)

    letter = block.locator("details", has_text="Brev og kalenderfil")
    await letter.locator("summary").click()
    to = letter.get_by_label("Brev til")
    await to.select_option(label="Forælder med forældremyndighed")
    await letter.get_by_label("Dag").fill("2026-12-03")
    await letter.get_by_label("Begynder kl.").fill("16:00")
    await letter.get_by_label("Slutter kl.").fill("17:30")
    await letter.get_by_label("Neutralt sted").fill("Prøvebiblioteket")
    for button, file in (
        ("Hent brev (PDF)", "indbydelse.pdf"),
        ("Hent kalenderfil", "indbydelse.ics"),
    ):
        async with page.expect_download() as downloaded:
            await letter.get_by_role("button", name=button).click()
        assert (await downloaded.value).suggested_filename == file
    await picture(page, "names-letter", 1280)
    await looks_right(page)

    await block.get_by_role("button", name="Forlæng").click()
    await expect(frame.get_by_text(CHILD).first).to_be_visible()
    await block.get_by_role("button", name="Skjul nu").click()
    await expect(frame.get_by_text("Skjult igen.", exact=False).first).to_be_visible()
    own = [each for each in kira.complaints if "postMessage" not in each]  # axe asks the frame
    assert own == []


async def test_without_scripts_the_same_names_open_in_a_tab(as_staff, a_case):
    kira = await as_staff("kira", path=f"{a_case}?navne=harmed", java_script_enabled=False)
    block = kira.page.locator("#navne-harmed")
    await block.get_by_label("Aftale møde").check()

    async with kira.page.context.expect_page() as opened:
        await block.get_by_role("button", name="Vis i en ny fane").click()

    tab = await opened.value
    await expect(tab.get_by_text(CHILD).first).to_be_visible()


HOSTILE = """
async (grant) => {
  const found = {};
  const form = { grant, purpose: "arrange_meeting" };
  const body = () => new URLSearchParams(form);
  const attempt = async (name, read) => {
    try { found[name] = String(await read()); } catch (error) { found[name] = `refused: ${error}`; }
  };
  for (const mode of ["same-origin", "cors", "no-cors", "navigate"])
    for (const credentials of ["include", "same-origin"])
      await attempt(`fetch ${mode} ${credentials}`, async () =>
        (await fetch("/intake/names/show", { method: "POST", mode, credentials, body: body() })).text());
  await attempt("fetch with a header of its own", async () =>
    (await fetch("/intake/names/show", { method: "POST", headers: { "Sec-Fetch-Dest": "iframe" }, body: body() })).text());
  await attempt("XMLHttpRequest", () => new Promise((done) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/intake/names/show");
    request.onloadend = () => done(request.responseText);
    request.setRequestHeader("Content-Type", "application/x-www-form-urlencoded");
    request.send(body().toString());
  }));
  for (const [name, script, scope] of [["for the site", "/assets/samraad/samraad.js", "/"], ["for assets", "/assets/samraad/samraad.js", "/assets/samraad/"]])
    await attempt(`a service worker ${name}`, async () => (await navigator.serviceWorker.register(script, { scope })).scope);
  const post = (target) => {
    const sent = document.createElement("form");
    Object.assign(sent, { method: "post", action: "/intake/names/show", target });
    for (const [key, value] of Object.entries(form)) {
      const field = document.createElement("input");
      Object.assign(field, { type: "hidden", name: key, value });
      sent.append(field);
    }
    document.body.append(sent);
    sent.submit();
  };
  const frame = document.createElement("iframe");
  frame.name = "theirs";
  document.body.append(frame);
  const loaded = new Promise((done) => { frame.onload = done; });
  post("theirs");
  await loaded;
  await attempt("the frame's document", () => frame.contentDocument.body.innerText);
  await attempt("the frame's window", () => frame.contentWindow.document.body.innerText);
  await attempt("the frame's address", () => frame.contentWindow.location.href);
  await attempt("a script in the frame", async () => {
    frame.contentWindow.location = "javascript:parent.postMessage(document.body.innerText, '*')";
    return new Promise((done) => {
      onmessage = (event) => done(event.data);
      setTimeout(() => done("nothing"), 300);
    });
  });
  return found;
}
"""

POPUP = """
(grant) => {
  window.theirs = window.open("", "popup");
  const sent = document.createElement("form");
  Object.assign(sent, { method: "post", action: "/intake/names/show", target: "popup" });
  for (const [key, value] of Object.entries({ grant, purpose: "arrange_meeting" })) {
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name: key, value });
    sent.append(field);
  }
  document.body.append(sent);
  sent.submit();
}
"""
READ_POPUP = """
() => {
  try { return String(window.theirs.document.body.innerText); } catch (error) { return `refused: ${error}`; }
}
"""


async def test_a_hostile_script_that_mediation_serves_reads_no_name(as_staff, a_case):
    kira = await as_staff("kira", path=f"{a_case}?navne=harmed")
    page = kira.page
    grant = await page.locator("#navne-harmed input[name=grant]").first.input_value()
    await page.reload()
    other = await page.locator("#navne-harmed input[name=grant]").first.input_value()
    await page.context.route(
        "**/mediation/hostile",
        lambda route: route.fulfill(content_type="text/html", body="<!doctype html><body>"),
    )
    await kira.go("/mediation/hostile")

    found = await page.evaluate(HOSTILE, grant)
    async with page.context.expect_page() as opened:
        await page.evaluate(POPUP, other)
    popup = await opened.value

    theirs = page.frame(name="theirs")
    await expect(theirs.get_by_text(CHILD).first).to_be_visible()
    await expect(popup.get_by_text(CHILD).first).to_be_visible()
    found["a window's document"] = await page.evaluate(READ_POPUP)
    assert len(found) == 17
    assert {name for name, text in found.items() if "Testolina" in text or "Grete" in text} == set()
    by_script = {name: text for name, text in found.items() if "frame" in name or "window" in name}
    assert all(text.startswith("refused:") or text == "nothing" for text in by_script.values())
    workers = [text for name, text in found.items() if "service worker" in name]
    assert all(text.startswith("refused:") for text in workers)


async def looks_right(page):
    """No axe violation, no sideways scroll, on the page and in its frame."""
    report = await Axe().run(page)
    assert report.response["violations"] == [], report.generate_report()
    assert await page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )
