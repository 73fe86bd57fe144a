"""The one door by which tests that serve a service's pages themselves log staff in.

It does what a stack does: notify's key signs the session, and the person stands in the service's own
projection of staff, as a fact of notify would have left them there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

from fastapi import FastAPI
from pymongo.asynchronous.database import AsyncDatabase
from starlette.responses import Response

from shared import web
from shared.engine import Store
from shared.rights.projection import StaffProjection
from shared.rights.staff_facts import ENDED, STAFF
from shared.security.signatures import Signer
from shared.staff.access import Staff
from shared.staff.directory import Directory
from shared.web.session import sign_session
from tests.signing import KeyPairs


@dataclass
class Standing:
    """Whether the service stands at the end of notify's topics; a test says so."""

    is_current: bool = True


class Door:
    """Lets staff into an app whose pages a test serves on a database of its own."""

    def __init__(
        self,
        app: FastAPI,
        store: Store,
        folder: Path,
        *,
        service: str,
        templates: Path,
        directory: Callable[[Signer], Directory] | None = None,
        framed: frozenset[str] = frozenset(),
    ) -> None:
        """Give the app its pages; `directory` makes another one than the projection (notify's)."""
        secret = folder / "session.secret"
        secret.write_text("x" * 32)
        self.keys = KeyPairs.lay(folder / "signing", "notify", service)
        self.app = app
        self.standing = Standing()
        self._db: AsyncDatabase[dict[str, Any]] = store.db
        settings = SimpleNamespace(
            site_url="http://site",
            issuer="",
            client_secret_file=None,
            session_secret_file=secret,
            public_keys=self.keys.verifier(),
            assets_dir=None,
            demo=False,
        )
        projection = StaffProjection(store, self.standing)  # type: ignore[arg-type]
        known = directory(self.keys.signer("notify")) if directory else projection
        self.directory = known
        web.install(
            app, settings, service=service, templates=templates, directory=known, framed=framed
        )

    async def know(self, *people: Staff, active: bool = True) -> None:
        """Write people into the projection as they are now."""
        for one in people:
            now = {
                "name": one.name,
                "title": one.title,
                "roles": list(one.roles),
                "places": list(one.places),
                "authority": one.authority,
                "active": active,
            }
            change = {"$set": now, "$inc": {"number": 1, "version": 1}}
            await self._db[STAFF].update_one({"_id": one.id}, change, upsert=True)

    async def end(self, session_id: str) -> None:
        """Take in that a session has ended."""
        await self._db[ENDED].insert_one({"_id": session_id, "version": 1})

    def cookie(self, staff: Staff, session_id: str | None = None) -> str:
        """The cookies of a session that has just begun, as the header that a browser sends."""
        session_id = session_id or str(uuid4())
        signed = sign_session(self.keys.signer("notify"), staff.id, session_id)
        begun = Response()
        self.app.state.sessions.open(begun, signed, session_id)
        return "; ".join(each.split(";")[0] for each in begun.headers.getlist("set-cookie"))
