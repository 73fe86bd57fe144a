"""The cases of PSP on a real database, with what was disclosed in them, as staff reach them."""

import os
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
from fastapi import FastAPI

from services.psp import domain
from services.psp.disclosures import Disclosures, name_recipients
from services.psp.pages import TEMPLATES, make_pages
from services.psp.psp_cases import PSP_CASES
from shared.cases.commands.form_keys import prepare_keys
from shared.cases.report_details import DetailsFetcher
from shared.contracts.intake import CaseOpened, Party
from shared.contracts.places import PatrolCentre, PsychiatryRegion
from shared.contracts.processes import Category, PartnerKind, PersonRole, Process
from shared.engine import Store
from shared.security.data_keys import Keys, MasterKey
from shared.staff.access import Staff
from tests.door import Door
from tests.edge.intake_world import Sent
from tests.signing import a_signer

PEDER = Staff("peder", "Peder Prøvesen", "x", ("psp-police",), ("0630",))
HANNE = Staff("hanne", "Hanne Prøvesen", "x", ("psp-police",), ("0615",))
NINA = Staff("nina", "Nina Attrapsen", "x", ("psp-psychiatry",), ("syddanmark",))
MIKKEL = Staff("mikkel", "Mikkel Attrapsen", "x", ("psp-psychiatry",), ("midtjylland",))
BO = Staff("bo", "Bo Dummysen", "x", ("psp-municipality",), ("0630",))
LENA = Staff("lena", "Lena Testesen", "x", ("leader",), ("1463",))

PURPOSE = "Aftale, hvem der besøger borgeren."
NECESSITY = "To forgæves besøg siden udskrivelsen."
ITEM = "Borgeren er ikke mødt til behandling"


def a_disclosure(*authorities, **changes):
    return {
        "form": "PSP",
        "basis": "rpl § 115, stk. 2",  # as lawyers cite it: kept as it was sent
        "purpose": PURPOSE,
        "necessity": NECESSITY,
        "items": [
            {"what": ITEM, "kind": "fact", "source": "Distriktspsykiatrien", "date": "2026-11-17"},
            {
                "what": "Det er <b>tryggest</b> at komme to sammen",
                "kind": "assessment",
                "source": "Distriktspsykiatrien",
                "date": "2026-11-18",
            },
        ],
        "recipients": [{"authority": each, "role": f"Medlem ({each})"} for each in authorities],
        "decided_by": "Ledende overlæge",
        **changes,
    }


class PspDesk:
    """The cases of PSP, as staff reach them."""

    def __init__(self, client, folder):
        self.store = Store(client, f"test_{uuid4().hex[:10]}", cases=PSP_CASES.collection)
        self.db = self.store.db
        (folder / "master.key").write_bytes(os.urandom(96))
        keys = Keys(client, self.db.name, MasterKey.read(folder / "master.key"))
        self.details = DetailsFetcher(
            store=self.store,
            keys=keys,
            intake_url="http://intake",
            token="t",
            on_fetched=name_recipients,
        )
        self.disclosures = Disclosures(self.store, self.details)
        self.app = FastAPI()
        self.app.include_router(make_pages(self.store, self.disclosures, a_signer(folder, "psp")))
        self.door = Door(self.app, self.store, folder, service="psp", templates=TEMPLATES)

    async def arrives(self, *authorities, sender=PartnerKind.PSYCHIATRY, fetch=True, **changes):
        """Take a case in, and fetch what its report says."""
        opened = CaseOpened(
            case_id=uuid4(),
            process=Process.PSP,
            municipality="0630",
            patrol_centre=PatrolCentre.MID,
            psychiatry_region=PsychiatryRegion.SYDDANMARK,
            reported_at=datetime.now(UTC),
            occurred_at=datetime.now(UTC),
            reporter_kind=sender,
            parties=(
                Party(
                    party_id=uuid4(),
                    role=PersonRole.SUBJECT,
                    category=Category.OTHER,
                    minor=False,
                ),
            ),
        )
        case_id = str(opened.case_id)
        due_at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=5)
        case = domain.PspCase.received(opened, datetime.now(UTC), due_at)
        await self.store.act(
            f"arrive|{case_id}",
            {PSP_CASES.collection: [case_id]},
            lambda unit: PSP_CASES.save(unit, case),
        )
        if fetch:
            await self.fetch(case_id, *authorities, **changes)
        return case_id

    async def fetch(self, case_id, *authorities, **changes):
        intake = FastAPI()
        said = {"details": {}, "disclosure": a_disclosure(*authorities, **changes), "text": "…"}
        intake.get("/cases/{case_id}/details")(lambda: said)
        transport = httpx.ASGITransport(intake)
        async with httpx.AsyncClient(transport=transport, base_url="http://intake") as client:
            await self.details._fetch(case_id, client, {})

    def browser(self, staff, accept="text/html"):
        headers = {"cookie": self.door.cookie(staff), "accept": accept}
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app), base_url="http://site", headers=headers
        )

    async def open(self, case_id, staff, query=""):
        async with self.browser(staff) as site:
            return await site.get(f"/psp/cases/{case_id}{query}")

    async def judge(self, case_id, staff, result, *, revision=0, key=None):
        content = {"form_key": key or str(uuid4()), "revision": str(revision), "result": result}
        async with self.browser(staff) as site:
            return await site.post(f"/psp/cases/{case_id}/judge-necessity", data=content)

    async def stored(self, case_id):
        return await self.db.psp_cases.find_one({"_id": case_id})

    async def told(self):
        packed = await self.db.outbox.find().sort("at", 1).to_list()
        sent = [Sent(message) for one in packed for message in one["messages"]]
        return [(each.envelope.type, each.body) for each in sent]

    async def log(self, case_id):
        rows = await self.db.audit.find({"case_id": str(case_id)}).sort("at", 1).to_list()
        return [(row["action"], row["who"], row["why"], row["basis"]) for row in rows]


@asynccontextmanager
async def a_psp_desk(client, folder):
    desk = PspDesk(client, folder)
    await desk.details.prepare()
    await prepare_keys(desk.store)
    await desk.door.know(PEDER, HANNE, NINA, MIKKEL, BO, LENA)
    try:
        yield desk
    finally:
        await client.drop_database(desk.db.name)
