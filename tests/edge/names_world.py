"""Intake's fragment on a real database: a browser that asks with a grant, as the site sends it."""

import re
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI

from services.intake.frame import FRAMED, make_frame
from services.intake.name_views import prepare_views
from services.intake.pages import TEMPLATES
from services.intake.people_acts import PeopleActs
from services.intake.people_desk import PeopleDesk
from services.intake.showing import Showing
from shared.security.grants import Grant, sign_grant
from shared.staff.access import Staff
from tests.door import Door
from tests.edge.intake_world import accepted, facts
from tests.signing import KeyPairs

KIRA = Staff("kira", "Kira Prøvesen", "x", ("mediation-coordinator",), ("1463",))
MONA = Staff("mona", "Mona Attrapsen", "x", ("mediator",), ("1463",))
SARA = Staff("sara", "Sara Demosen", "x", ("triage",), ("1463",))
PIA = Staff("pia", "Pia Testesen", "x", ("psp-police",), ("0630",))
FRAME = {"sec-fetch-dest": "iframe", "sec-fetch-site": "same-origin"}
INSIDE = {"sec-fetch-dest": "iframe", "sec-fetch-site": "cross-site", "origin": "null"}

FAMILY = [
    {
        "label": "a",
        "role": "harmed",
        "category": "victim",
        "name": {"given": "Testolina", "family": "Prøvegaard"},
        "birth_date": "2010-05-01",
        "phone": "+4500000001",
        "email": "testolina@example.org",
        "address": {"street": "Hemmelighedsvej 17", "postal_code": "7100", "city": "Vejle"},
        "address_protected": True,
    },
    {
        "label": "b",
        "role": "responsible",
        "category": "other",
        "name": {"given": "Attrapolf", "family": "Demogaard"},
        "address": {"street": "Synligvej 3", "postal_code": "7100", "city": "Vejle"},
    },
    {
        "label": "c",
        "role": "guardian",
        "category": "other",
        "name": {"given": "Grete", "family": "Prøvegaard"},
        "birth_date": "1980-01-01",
        "custody_of": ["a"],
        "custody": "joint",
    },
]
NAMES = ("Testolina", "Attrapolf", "Grete", "Prøvegaard", "Demogaard", "Hemmelighedsvej")


class NamesDesk:
    """Intake's fragment, and the cases that it shows people of."""

    def __init__(self, intake, folder):
        self.intake = intake
        self.db = intake.db
        self.app = FastAPI()
        self.door = Door(
            self.app,
            intake.store,
            folder,
            service="intake",
            templates=TEMPLATES,
            framed=FRAMED,
        )
        self.pairs = KeyPairs.lay(folder / "signing", "mediation", "psp")
        showing = Showing(intake.store, intake.vault, self.pairs.verifier())
        acts = PeopleActs(intake.store, intake.vault, intake.keys, intake.index)
        desk = PeopleDesk(intake.store, acts, intake.index, self.door.directory)
        self.app.include_router(make_frame(showing, desk))

    async def a_case(self, reference="S-1", **changes):
        """Open a case of a family; return its id and its parties by role."""
        answers = await self.intake.arrive(
            self.intake.record(reference=reference, **{"people": FAMILY} | changes)
        )
        case_id = accepted(answers)[0].body["case_id"]
        [opened] = facts(answers)
        parties = {party["role"]: UUID(party["party_id"]) for party in opened.body["parties"]}
        return case_id, parties

    def logged_in(self, staff):
        """Return the cookies of a session of this person, and the person in it."""
        session = str(uuid4())
        return self.door.cookie(staff, session), replace(staff, session=session)

    def grant(self, staff, case_id, parties, *, issuer="mediation", now=None, **changes):
        grant = Grant(
            staff_id=staff.id,
            session=staff.session,
            case_id=UUID(case_id),
            parties=tuple(parties),
            side="harmed",
            purposes=("arrange_meeting", "other"),
            named=False,
        )
        signer = self.pairs.signer(issuer)
        return sign_grant(signer, replace(grant, **changes), now=now or self.intake.now)

    async def post(self, path, cookie=None, headers=FRAME, **fields):
        sent = {"accept": "text/html", **headers, **({"cookie": cookie} if cookie else {})}
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app), base_url="http://site", headers=sent
        ) as site:
            return await site.post(f"/intake/names/{path}", data=fields)

    async def shown(self, staff=KIRA, roles=("harmed", "guardian"), case=None):
        """Show a side of a case; return the answer, the case and what is needed to go on."""
        case_id, parties = case or await self.a_case()
        cookie, staff = self.logged_in(staff)
        grant = self.grant(staff, case_id, [parties[role] for role in roles])
        answer = await self.post("show", cookie, grant=grant, purpose="arrange_meeting")
        return SimpleNamespace(
            answer=answer,
            text=answer.text,
            case_id=case_id,
            parties=parties,
            cookie=cookie,
            grant=grant,
            staff=staff,
            tokens=tokens_in(answer.text),
        )

    async def log(self, action=None):
        rows = await self.db.audit.find({"what": "names"}).sort("at", 1).to_list()
        return [row for row in rows if action is None or row["action"] == action]


def tokens_in(text):
    """The token of each form: the title of the form, in order, with its token."""
    found = re.findall(
        r"<summary>([^<]*)</summary>.*?name=\"token\" value=\"([^\"]*)\"", text, re.DOTALL
    )
    tokens = {}
    for title, token in found:
        tokens.setdefault(title, []).append(token)
    return tokens


@asynccontextmanager
async def a_names_desk(intake, folder):
    await prepare_views(intake.db)
    desk = NamesDesk(intake, folder)
    await desk.door.know(KIRA, MONA, SARA, PIA)
    yield desk
