"""A service's pages on a real database, and staff who act on them over HTTP."""

import asyncio
import json
import sys
import tempfile
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
from fastapi import FastAPI
from pymongo import AsyncMongoClient

from services.mediation.pages import TEMPLATES, make_pages
from shared.cases.commands.form_keys import prepare_keys
from shared.crash_points import arm
from shared.engine import Store
from shared.staff.access import Staff
from tests.door import Door
from tests.edge.intake_world import Sent
from tests.signing import a_signer

KIRA = Staff("kira", "Kira Prøvesen", "x", ("mediation-coordinator",), ("1463",))
KARL = Staff("karl", "Karl Attrapsen", "x", ("mediation-coordinator",), ("1463",))
MONA = Staff("mona", "Mona Attrapsen", "x", ("mediator",), ("1463",))
PAGE, DATA = "text/html", "application/json"
UNSUITABLE = {"result": "unsuitable", "code": "not_acknowledged"}


def a_door(store, folder):
    app = FastAPI()
    app.include_router(make_pages(store, a_signer(Path(folder), "mediation")))
    return Door(app, store, Path(folder), service="mediation", templates=TEMPLATES)


class Desk:
    """The cases of mediation, as staff reach them."""

    def __init__(self, store, folder):
        self.store = store
        self.db = store.db
        self.door = a_door(store, folder)
        self.app = self.door.app

    async def a_case(self, **changes):
        """Store a case as the first version did, without a revision, and with its deadline."""
        case_id, due_at = str(uuid4()), datetime.now(UTC).replace(microsecond=0) + timedelta(days=5)
        case = {
            "_id": case_id,
            "version": 1,
            "municipality": "0630",
            "patrol_centre": "mid",
            "parties": [],
            "received_at": datetime.now(UTC),
            "due_at": due_at,
            "next_step": "contact_parties",
            "overdue": False,
            "stage": "proposed",
            "details": {"status": "wanted"},
            "protocol": {"marks": {"/intake/cases/mediation": 1}, "sequences": {}},
        }
        await self.db.mediations.insert_one(case | changes)
        timer = {"name": "contact_parties", "subject": case_id, "case_id": case_id}
        row = {"_id": f"{case_id}|contact_parties", "due_at": due_at, "look_at": due_at, **timer}
        await self.db.due.insert_one(row)
        return case_id

    def browser(self, staff, accept=PAGE):
        headers = {"cookie": self.door.cookie(staff), "accept": accept}
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app), base_url="http://site", headers=headers
        )

    async def open(self, case_id, staff=KIRA, query=""):
        async with self.browser(staff) as site:
            return await site.get(f"/mediation/cases/{case_id}{query}")

    async def screen(self, case_id, staff=KIRA, *, key=None, revision=0, accept=PAGE, **values):
        content = {"form_key": key or str(uuid4()), "revision": str(revision), **values}
        async with self.browser(staff, accept) as site:
            return await site.post(f"/mediation/cases/{case_id}/screen", data=content)

    async def stored(self, case_id):
        return await self.db.mediations.find_one({"_id": case_id})

    async def told(self):
        packed = await self.db.outbox.find().sort("at", 1).to_list()
        return [Sent(message).envelope.type for one in packed for message in one["messages"]]

    async def log(self, case_id):
        rows = await self.db.audit.find({"case_id": str(case_id)}).sort("at", 1).to_list()
        return [(row["action"], row["who"], row["why"]) for row in rows]

    async def due(self):
        return [row["subject"] async for row in self.db.due.find()]


@asynccontextmanager
async def a_desk(client, folder):
    store = Store(client, f"test_{uuid4().hex[:10]}", cases="mediations")
    await prepare_keys(store)
    try:
        desk = Desk(store, folder)
        await desk.door.know(KIRA, KARL, MONA)
        yield desk
    finally:
        await client.drop_database(store.db.name)


async def act_and_die(uri, database, case_id, key):
    """Screen a case in this process, which dies at the crash point of its environment."""
    arm("desk")
    async with AsyncMongoClient(uri, tz_aware=True) as client:
        with tempfile.TemporaryDirectory() as folder:
            desk = Desk(Store(client, database, cases="mediations"), folder)
            answer = await desk.screen(case_id, key=key, **UNSUITABLE)
    sys.stdout.write(json.dumps({"status": answer.status_code}))


if __name__ == "__main__":
    asyncio.run(act_and_die(*sys.argv[1:]))
