"""Deadlines through the real topics: a report becomes a case, its time passes, and staff are notified."""

import json
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from pymongo import MongoClient

from deploy.embedded.paths import Home
from shared.contracts.processes import Process
from shared.contracts.references import case_reference
from tests.live import LiveStack, wait_until
from tests.system.command_line import DONE, CommandLine

SHORT = {
    "INTAKE_TRIAGE_WITHIN": "PT6S",
    "MEDIATION_CONTACT_PARTIES_WITHIN": "PT6S",
    "PSP_JUDGE_NECESSITY_WITHIN": "PT6S",
    "NOTIFY_ACKNOWLEDGE_WITHIN": "PT3S",
}
"""As an operator sets them, though hardly so short."""
PATIENCE_S = 90.0
KEY = re.compile(r'name="key" value="([0-9a-f-]{36})"')


@pytest.fixture(scope="module")
def hurried(
    downloads: Home, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[LiveStack, CommandLine]]:
    """A stack of its own in which time runs out soon, and a partner that may send to it."""
    folder = tmp_path_factory.mktemp("hurried")
    live = LiveStack(folder / "home", downloads.cache, **SHORT)
    live.start()
    samraad = CommandLine(live, folder, "hurried-police")
    ran = samraad.add(kind="police")
    assert ran.returncode == DONE, ran.stderr
    yield live, samraad
    live.discard()


class Inbox:
    """The inbox of one person, as the site shows it."""

    def __init__(self, stack: LiveStack, person: str) -> None:
        self._site = stack.url("site")
        self._client = httpx.Client(follow_redirects=True, timeout=20)
        logged_in = self._client.post(f"{self._site}/notify/login", data={"person": person})
        assert logged_in.url.path == "/notify/inbox"

    def page(self, path: str) -> str:
        """What a page shows."""
        return self._client.get(f"{self._site}{path}").text

    def rows(self, reference: str) -> list[str]:
        """The rows about one case or report."""
        listed = self.page(f"/notify/inbox?sag={reference}").split("<li ")[1:]
        return [row for row in listed if f"<strong>{reference}</strong>" in row]

    def acknowledge(self, notice_id: str, reference: str) -> None:
        """Press the button of one notice."""
        [row] = [row for row in self.rows(reference) if notice_id in row]
        shown = KEY.search(row)
        assert shown is not None
        address = f"{self._site}/notify/inbox/{notice_id}"
        answer = self._client.post(address, data={"key": shown[1]}, headers={"Origin": self._site})
        assert answer.status_code == httpx.codes.OK, answer.text

    def wait_for(self, reference: str, *words: str) -> None:
        """Wait until a row about it contains all of that."""
        wait_until(
            lambda: any(all(each in row for each in words) for row in self.rows(reference)),
            PATIENCE_S,
            f"{words} about {reference}",
        )


def test_a_case_whose_first_step_is_not_taken_in_time_notifies_its_staff(
    hurried: tuple[LiveStack, CommandLine],
) -> None:
    stack, samraad = hurried
    letters = [
        samraad.report("mediation-violence-between-two-young"),
        samraad.report("psp-losing-the-home", municipality="0630"),
        samraad.report("triage-from-a-school", municipality="0630"),
    ]
    code, receipts = samraad.emit("\n".join(letters))
    assert code == DONE, receipts
    cases = {each["reference"]: each["case_id"] for each in receipts}
    mediation, psp, waiting = [cases[json.loads(letter)["reference"]] for letter in letters]
    assert waiting is None

    kira, peder, sofie = [Inbox(stack, who) for who in ("kira", "peder", "sofie")]
    of_mediation = case_reference(Process.MEDIATION, UUID(mediation))
    of_psp = case_reference(Process.PSP, UUID(psp))
    kira.wait_for(of_mediation, "sagen skulle være vurderet", "Overskredet")
    peder.wait_for(of_psp, "sagen skulle være vurderet til PSP", "Overskredet")
    kira.wait_for(of_mediation, "Ny sag", "Påmindelse: ingen har kvitteret endnu")
    assert kira.rows(of_psp) == peder.rows(of_mediation) == []
    assert "Vurdér nu, om sagen er egnet" in kira.page(f"/mediation/cases/{mediation}")
    assert "vurdér det nu" in peder.page(f"/psp/cases/{psp}")
    waits = partial(sofie.page, "/intake/triage")
    wait_until(lambda: "1 er over fristen" in waits(), PATIENCE_S, "the list to show it")
    [report] = [each for each in waits().split("<strong>") if each.startswith("M-")]
    sofie.wait_for(report.partition("<")[0], "henvendelse venter stadig på afgørelse")


def test_a_deadline_is_shown_beside_its_case_and_goes_with_what_it_was_for(
    stack: LiveStack, office: CommandLine
) -> None:
    code, [receipt] = office.emit(office.report())
    assert code == DONE, receipt
    case, kira = receipt["case_id"], Inbox(stack, "kira")
    reference = case_reference(Process.MEDIATION, UUID(case))
    kira.wait_for(reference, "Ny sag")

    with MongoClient[dict[str, Any]](inspector_uri(stack.status()), tz_aware=True) as mongo:
        [step] = mongo.mediation.due.find({"subject": case})
        mediation = mongo.mediation.mediations.find_one({"_id": case}) or {}
        assert (step["name"], step["due_at"]) == (mediation["next_step"], mediation["due_at"])
        [notice] = mongo.notify.notices.find({"subject": case})
        [reminder] = mongo.notify.due.find({"case_id": case})
        assert (reminder["subject"], reminder["due_at"]) == (notice["_id"], notice["remind_at"])

        kira.acknowledge(notice["_id"], reference)

        assert list(mongo.notify.due.find({"case_id": case})) == []
        assert len(list(mongo.mediation.due.find({"subject": case}))) == 1


def inspector_uri(status: dict[str, Any]) -> str:
    """The login that reads every database and writes none."""
    return Path(status["mongo"]["inspector_uri_file"]).read_text("utf-8").strip()
