"""Nothing personal is left readable outside the vault, and inside it everything is found again.

People with marks for names, numbers, streets and words go through mediation, PSP and triage, and
come in letters that are refused or set aside. Then everything that is written anywhere is searched.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import httpx
import pytest
from pymongo import AsyncMongoClient, MongoClient

from deploy.embedded.programs import services
from services.intake.blind import BlindIndex
from services.intake.vault import Vault
from shared.contracts.processes import PartnerKind
from shared.engine import Store
from shared.security.data_keys import Keys, MasterKey
from tests.live import wait_until
from tests.system import searching
from tests.system.command_line import CommandLine
from tests.system.hostile_partner import Partner
from tests.system.marked import Marked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.live import LiveStack

KINDS: Final = ("mediation", "psp", "waiting", "rejected", "parked")


@dataclass(slots=True)
class SentReports:
    """What was sent, and the cases that it opened."""

    partner: Partner
    reports: dict[str, Marked]
    references: dict[str, str]
    cases: dict[str, str]
    openly: str
    """What the partner itself wrote where everybody on its own topic can read it."""

    @property
    def marks(self) -> list[str]:
        return [mark for report in self.reports.values() for mark in report.marks.values()]


@pytest.fixture(scope="module")
def sent_reports(
    stack: LiveStack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SentReports]:
    samraad = CommandLine(stack, tmp_path_factory.mktemp("privacy"), f"privacy-{uuid4().hex[:8]}")
    partner = Partner(samraad, PartnerKind.POLICE)
    openly = Marked("openly").number("key", "3112##-####")
    reports = {kind: Marked(kind) for kind in KINDS}
    references = {kind: f"{kind}-{uuid4().hex[:8]}" for kind in KINDS}
    references["parked"] = "a reference that is none"
    for kind, reference in references.items():
        draft = partner.draft(reference, "", "nobody")
        opened = json.dumps(reports[kind].report(draft), ensure_ascii=False).encode()
        partner.send(kind, draft.record(draft.seal(opened)), 0)
    partner.send("openly", partner.draft(openly, "", "nobody").record(), 0)
    partner.flush()
    partner.listen({references[kind] for kind in KINDS if kind != "parked"}, 30)
    cases = {
        kind: partner.replies[references[kind]][0].body["case_id"] for kind in ("mediation", "psp")
    }
    with MongoClient[dict[str, Any]](stack.mongo("inspector")) as client:
        told = {"mediation": 1, "psp": 2}  # of psp its sender and its recipient
        for service, name in (("mediation", "mediations"), ("psp", "psp_cases")):
            wanted = {"_id": cases[service], "details.status": "held"}
            wait_for(client[service][name], wanted, "the details")
            about = {"subject": cases[service]}
            wait_for(client["notify"]["notices"], about, "the notices", told[service])
        ours = {"topic": partner.topics["reports"]}
        wait_for(client["intake"]["parked"], ours, "two letters to be set aside", 2)
        rows = list(client["intake"]["parked"].find(ours))
    yield SentReports(partner, reports, references, cases, openly)
    token = {"Authorization": f"Bearer {stack.operator_token('intake')}"}
    for row in rows:
        asked = {"id": row["_id"], "reason": "the test ends"}
        httpx.post(f"{stack.url('intake')}/operator/discard", json=asked, headers=token)


def wait_for(collection: Any, wanted: dict[str, str], what: str, count: int = 1) -> None:
    wait_until(lambda: collection.count_documents(wanted) == count, 20, what)


def services_of(stack: LiveStack) -> list[str]:
    return [stack.url(service) for service in searching.SERVICES]


@contextmanager
def logged_in(stack: LiveStack, person: str) -> Iterator[httpx.Client]:
    with httpx.Client(follow_redirects=True, timeout=20) as client:
        answer = client.post(f"{stack.url('site')}/notify/login", data={"person": person})
        assert answer.url.path == "/notify/inbox"
        yield client


def test_no_topic_and_no_file_of_the_broker_holds_any_of_it(
    stack: LiveStack, sent_reports: SentReports
) -> None:
    assert searching.find(sent_reports.marks, searching.kafka(stack)) == set()


def test_no_collection_and_no_file_of_the_database_holds_any_of_it(
    stack: LiveStack, sent_reports: SentReports
) -> None:
    assert searching.find(sent_reports.marks, searching.mongo_documents(stack)) == set()
    assert searching.find(sent_reports.marks, searching.mongo_files(stack)) == set()


def test_no_log_and_no_metrics_hold_any_of_it(stack: LiveStack, sent_reports: SentReports) -> None:
    assert searching.find(sent_reports.marks, searching.logs(stack)) == set()
    assert searching.find(sent_reports.marks, searching.metrics(services_of(stack))) == set()


HEAD: Final = {"purpose", "necessity", "role", "decided_by"}
"""What who sent a disclosure reads of it."""


@pytest.mark.parametrize(
    ("person", "read"), [("peder", HEAD), ("nina", HEAD | {"what", "source"}), ("bo", set())]
)
def test_a_disclosure_is_read_by_those_whom_it_concerns_and_nothing_else_of_its_report(
    stack: LiveStack, sent_reports: SentReports, person: str, read: set[str]
) -> None:
    address = f"{stack.url('site')}/psp/cases/{sent_reports.cases['psp']}"

    with logged_in(stack, person) as client:
        shown = client.get(address).text

    marks = sent_reports.reports["psp"].marks
    assert {name for name, mark in marks.items() if mark in shown} == read


@pytest.mark.parametrize(
    ("person", "paths"),
    [
        ("sofie", ("/notify/inbox", "/intake/triage", "/intake/triage?vis=rejected")),
        ("kira", ("/notify/inbox", "/mediation/cases/{mediation}")),
        ("peder", ("/notify/inbox",)),
        ("nina", ("/notify/inbox",)),
        ("otto", ("/notify/inbox",)),
    ],
)
def test_no_page_and_no_address_in_it_holds_any_of_it(
    stack: LiveStack, sent_reports: SentReports, person: str, paths: tuple[str, ...]
) -> None:
    addresses = [f"{stack.url('site')}{path.format(**sent_reports.cases)}" for path in paths]

    with logged_in(stack, person) as client:
        assert searching.find(sent_reports.marks, searching.pages(addresses, client)) == set()


def test_no_operator_is_shown_any_of_it(stack: LiveStack, sent_reports: SentReports) -> None:
    shown = []
    for service in services():
        token = {"Authorization": f"Bearer {stack.operator_token(service)}"}
        with httpx.Client(headers=token) as client:
            shown += searching.pages([f"{stack.url(service)}/operator/parked"], client)

    assert sent_reports.partner.topics["reports"].encode() in shown[0][1]
    assert searching.find([*sent_reports.marks, sent_reports.openly], shown) == set()


def test_what_a_partner_writes_openly_stays_on_its_own_topic(
    stack: LiveStack, sent_reports: SentReports
) -> None:
    """A CPR number as reference lies where the partner put it; nobody carries it any further."""
    topic = sent_reports.partner.topics["reports"]
    places = {place for _, place in searching.find([sent_reports.openly], searching.kafka(stack))}

    assert places
    assert {place for place in places if topic not in place} == set()
    for surface in (searching.mongo_documents, searching.mongo_files, searching.logs):
        assert searching.find([sent_reports.openly], surface(stack)) == set()


def test_an_address_that_somebody_puts_a_name_into_is_not_logged(stack: LiveStack) -> None:
    name = Marked("address").mark("name")

    with logged_in(stack, "sofie") as client:
        for path in ("/notify/inbox", "/intake/triage", "/mediation/cases/x", "/psp/x", "/x"):
            client.get(f"{stack.url('site')}{path}", params={"navn": name})
        for address in services_of(stack):
            client.get(f"{address}/operator/{name}")

    assert searching.find([name], searching.logs(stack)) == set()
    assert searching.find([name], searching.metrics(services_of(stack))) == set()


def test_a_service_receives_all_of_its_case_and_nothing_of_its_people(
    stack: LiveStack, sent_reports: SentReports
) -> None:
    for kind, case_id in sent_reports.cases.items():
        token = (stack.home.secrets / "service-tokens" / kind).read_text().strip()
        address = f"{stack.url('intake')}/cases/{case_id}/details"

        answer = httpx.get(address, headers={"Authorization": f"Bearer {token}"})

        assert answer.status_code == httpx.codes.OK
        answered = json.dumps(answer.json(), ensure_ascii=False)
        marks = sent_reports.reports[kind].marks
        assert {name for name, mark in marks.items() if mark in answered} == {
            name for name in marks if "." not in name
        }


async def test_the_vault_discloses_all_of_it_to_those_who_may_read(
    stack: LiveStack, sent_reports: SentReports
) -> None:
    index = BlindIndex((stack.home.secrets / "intake" / "index.key").read_bytes())
    client: AsyncMongoClient[dict[str, Any]]
    async with AsyncMongoClient(stack.mongo("intake"), tz_aware=True) as client:
        master = MasterKey.read(stack.home.secrets / "master" / "intake.key")
        vault = Vault(Store(client, "intake", cases="cases"), Keys(client, "intake", master))
        reader = {"by": "test", "purpose": "a test"}
        for kind in ("mediation", "psp", "waiting"):
            report_id = str(index.report_id(sent_reports.partner.id, sent_reports.references[kind]))
            read = await vault.read_report(report_id, **reader)
            assert read is not None
            read_back: list[Any] = [read.letter]
            for person in read.people:
                read_back += [
                    one.content for one in await vault.read_person(person.person_id, **reader)
                ]
            text = json.dumps(read_back, ensure_ascii=False)
            marks = sent_reports.reports[kind].marks
            assert {name for name, mark in marks.items() if mark not in text} == set()
        for kind in ("rejected", "parked"):
            report_id = str(index.report_id(sent_reports.partner.id, sent_reports.references[kind]))
            assert await vault.read_report(report_id, **reader) is None
