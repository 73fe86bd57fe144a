"""The staff directory: who holds which role where, now. `notify` owns it, and tells all services.

Each change is one transaction with its fact on `notify.staff` and its row in the audit log. The facts
of everybody are written anew each week (`snapshots`). The sessions of staff are kept beside it: which
are open, and the issuer's own session of each.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import yaml

from services.notify.staff import Change, Member, change, staff_changed
from shared.contracts.notify import SessionEnded
from shared.contracts.places import MUNICIPALITIES
from shared.engine import Document, Store, Unit
from shared.errors import Rejected
from shared.security.signatures import Signer
from shared.staff import audit
from shared.staff.access import Staff
from shared.staff.audit import AuditRow, Kind, LegalBasis, Why
from shared.staff.directory import stored_staff
from shared.web import N_
from shared.web.backchannel import LogoutToken
from shared.web.login import Claims, Opened
from shared.web.session import LASTS, sign_session

__all__ = ["DIRECTORY", "SESSIONS", "StaffDirectory", "prepare_directory", "read_staff"]

DIRECTORY: Final = "directory"
SESSIONS: Final = "sessions"
MEMBERS: Final[Mapping[str, Any]] = {"name": {"$exists": True}}
"""What tells a member's document from the one about snapshots."""
_KEPT_S: Final = 2 * 24 * 3600
"""How long a session is kept after it would have ended: longer than the fact of its end."""
_KINDS: Final = {
    "login": Kind.LOGGED_IN,
    "login_refused": Kind.LOGIN_REFUSED,
    "logout": Kind.LOGGED_OUT,
    "logout_by_issuer": Kind.LOGGED_OUT,
}
_LOGIN: Final = Why("login")
_DEMO: Final = Why("demo")

WORDS: Final = (
    N_("Sekretariatet, henvendelser"),
    N_("Sorterer henvendelser"),
    N_("Sekretariatet, leder"),
    N_("Ser tal og det, der haster"),
    N_("Konfliktråd, koordinator"),
    N_("Ser alle sager og fordeler dem"),
    N_("Konfliktråd, mægler"),
    N_("Ser kun sine egne sager"),
    N_("PSP, politi"),
    N_("Svarer på, hvad der må deles"),
    N_("PSP, psykiatri"),
    N_("Beder om og modtager"),
    N_("PSP, kommune"),
    N_("Er ansvarlig for borgeren"),
    N_("Databeskyttelse"),
    N_("Ser, hvem der så hvad"),
    N_("Indsigt og sletning"),
    N_("Behandler borgeres anmodninger"),
    N_("Patruljecenter Nord, leder"),
    N_("Patruljecenter Midt, leder"),
    N_("Patruljecenter Syd, leder"),
    N_("Fordeler det, centret skal gøre"),
    N_("Vagtchef"),
    N_("Tager over uden for kontortid"),
    N_("Politiadvokat"),
    N_("Godkender sager, hvor der er tilhold"),
    N_("Drift"),
    N_("Får standsede sager i gang"),
)
"""Titles and duties of the synthetic staff (`SAMRAAD_DEMO_STAFF_FILE`), for the catalogue."""
_FIELDS: Final = ("id", "name", "title", "does", "roles", "places", "authority")


def read_staff(file: Path) -> list[dict[str, Any]]:
    """Read a demo's staff; raises ValueError where the file is no list of them."""
    try:
        people: list[dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))["staff"]
        complete = all(one.keys() >= set(_FIELDS) for one in people)
    except (yaml.YAMLError, TypeError, KeyError, AttributeError) as error:
        raise ValueError("the file holds no list of staff") from error
    if not complete:
        raise ValueError(f"each of the staff has {', '.join(_FIELDS)}")
    return people


async def prepare_directory(store: Store) -> None:
    """Make the indexes of sessions."""
    sessions = store.db[SESSIONS]
    await sessions.create_index("ends_at", expireAfterSeconds=_KEPT_S)
    await sessions.create_index([("staff_id", 1), ("ended_at", 1)])
    await sessions.create_index(
        "issuer_session", partialFilterExpression={"issuer_session": {"$type": "string"}}
    )


class StaffDirectory:
    """The staff as stored, and their sessions (`shared.staff.directory.Directory`, `LoginStore`)."""

    def __init__(self, store: Store, signer: Signer) -> None:
        self._store = store
        self._signer = signer

    async def find(self, staff_id: str, session_id: str, transaction: Any = None) -> Staff | None:
        """Return somebody with the roles and places of now; None where the session is not open."""
        database = self._store.db
        wanted = {"_id": session_id, "staff_id": staff_id, "ended_at": None}
        if await database[SESSIONS].find_one(wanted, {"_id": 1}, session=transaction) is None:
            return None
        known = await database[DIRECTORY].find_one({"_id": staff_id}, session=transaction)
        if known is None or not known["active"]:
            return None
        return stored_staff(known, session_id)

    async def everyone(self) -> Sequence[Mapping[str, Any]]:
        """Return the demo's staff who are active, as the login page shows them."""
        wanted = {"active": True, "does": {"$exists": True}}
        found = self._store.db[DIRECTORY].find(wanted).sort("order", 1)
        return [_shown(one) for one in await found.to_list()]

    async def members(self) -> list[Member]:
        """Return all members, by id."""
        found = self._store.db[DIRECTORY].find(MEMBERS).sort("_id", 1)
        return [Member.stored(one) async for one in found]

    async def member(self, staff_id: str) -> Member | None:
        """Return one member."""
        found = await self._store.db[DIRECTORY].find_one({**MEMBERS, "_id": staff_id})
        return None if found is None else Member.stored(found)

    async def take_in_synthetic(self, file: Path) -> None:
        """Take in the demo's staff, once for each content of the file.

        What an operator changed since stays, also over a restart.
        """
        people = read_staff(file)
        digest = hashlib.sha256(json.dumps(people, sort_keys=True).encode()).hexdigest()

        def decide(unit: Unit) -> None:
            for place, one in enumerate(people):
                shown = {"does": one["does"], "first": bool(one.get("first")), "order": place}
                member = Member(
                    id=one["id"],
                    name=one["name"],
                    title=one["title"],
                    roles=tuple(one["roles"]),
                    places=tuple(one["places"]),
                    authority=one["authority"],
                )
                _keep(unit, member, shown)
            unit.add(audit.COLLECTION, _row("staff_seeded", digest[:12], _DEMO))

        needs = {DIRECTORY: [one["id"] for one in people]}
        await self._store.act(f"demo-staff|{digest}", needs, decide)

    async def change(self, staff_id: str, wanted: Change, why: Why) -> Member:
        """Change a member or add one, tell it, and log it, in one transaction.

        Who is not active any more loses every session in the same transaction.

        Raises:
            Rejected: the change cannot be; see `services.notify.staff.change`.

        """
        open_now = await self._open({"staff_id": staff_id}) if wanted.active is False else []

        def decide(unit: Unit) -> None:
            known = _member(unit, staff_id)
            after = change(known, staff_id, wanted)
            if after == known:
                return
            _keep(unit, after)
            for session_id in open_now:
                _end(unit, session_id)
            action = "staff_changed" if after.active else "staff_deactivated"
            unit.add(audit.COLLECTION, _row(action, staff_id, why))

        needs = {DIRECTORY: [staff_id], SESSIONS: open_now}
        await self._store.act(f"staff|{staff_id}|{uuid4()}", needs, decide)
        # A login that came in between ends too: else it would live again with the person's return.
        late = await self._open({"staff_id": staff_id}) if wanted.active is False else []
        if late:
            await self._end_all(late, "logout")
        after = await self.member(staff_id)
        if after is None:
            raise Rejected("nobody has this id")
        return after

    async def begin(self, who: Claims) -> Opened | None:
        """Begin a session; somebody whom the directory does not know is taken in as they claim.

        None where the directory says that the person does not belong to the staff any more.
        """
        session_id = str(uuid4())

        def decide(unit: Unit) -> bool:
            known = _member(unit, who.id)
            if known is not None and not known.active:
                unit.add(audit.COLLECTION, _access_row("login_refused", who.id, _LOGIN))
                return False
            if known is None:
                _keep(unit, _claimed(who))
                unit.add(audit.COLLECTION, _access_row("staff_seeded", who.id, _LOGIN))
            else:  # written too, so that a removal at the same time ends this session as well
                unit.save(DIRECTORY, unit.load(DIRECTORY, who.id) or {})
            unit.save(SESSIONS, _session(who, session_id, unit))
            unit.add(audit.COLLECTION, _access_row("login", session_id, Why(f"staff:{who.id}")))
            return True

        needs = {DIRECTORY: [who.id], SESSIONS: [session_id]}
        if not await self._store.act(f"login|{session_id}", needs, decide):
            return None
        return Opened(session_id, sign_session(self._signer, who.id, session_id))

    async def end(self, session_id: str) -> None:
        """End a session at every service."""
        await self._end_all([session_id], "logout")

    async def end_of_issuer(self, ended: LogoutToken) -> int:
        """End the sessions that the issuer has ended, once; return how many were open.

        Where the issuer names a session of its own, the other sessions of the person stay.
        """
        wanted: dict[str, Any] = {}
        if ended.staff_id is not None:
            wanted["staff_id"] = ended.staff_id
        if ended.issuer_session is not None:
            wanted["issuer_session"] = ended.issuer_session
        found = await self._open(wanted) if wanted else []
        await self._end_all(found, "logout_by_issuer", key=f"issuer|{ended.id}")
        return len(found)

    async def _open(self, wanted: Mapping[str, Any]) -> list[str]:
        found = self._store.db[SESSIONS].find({**wanted, "ended_at": None}, {"_id": 1})
        return [one["_id"] async for one in found]

    async def _end_all(
        self, session_ids: Sequence[str], action: str, key: str | None = None
    ) -> None:
        def decide(unit: Unit) -> None:
            for session_id in session_ids:
                if staff_id := _end(unit, session_id):
                    why = Why(f"staff:{staff_id}")
                    unit.add(audit.COLLECTION, _access_row(action, session_id, why))

        await self._store.act(key or f"{action}|{uuid4()}", {SESSIONS: list(session_ids)}, decide)


def _member(unit: Unit, staff_id: str) -> Member | None:
    stored = unit.load(DIRECTORY, staff_id)
    return None if stored is None else Member.stored(stored)


def _keep(unit: Unit, member: Member, shown: Mapping[str, Any] | None = None) -> None:
    """Save a member and tell it; `shown` is what the demo's login page shows besides."""
    before = unit.load(DIRECTORY, member.id) or {}
    unit.save(DIRECTORY, {**before, **member.as_document(), **(shown or {})})
    unit.emit(staff_changed(member), counted_in=(DIRECTORY, member.id))


def _end(unit: Unit, session_id: str) -> str | None:
    """End a session and tell it; return whose it was, None if it was not open."""
    session = unit.load(SESSIONS, session_id)
    if session is None or session["ended_at"] is not None:
        return None
    unit.save(SESSIONS, {**session, "ended_at": unit.now})
    unit.emit(SessionEnded(sid=UUID(session_id)), counted_in=(SESSIONS, session_id))
    return str(session["staff_id"])


def _claimed(who: Claims) -> Member:
    return Member(
        id=who.id,
        name=who.name,
        title=who.title,
        roles=who.roles,
        places=who.places,
        authority="",
    )


def _session(who: Claims, session_id: str, unit: Unit) -> Document:
    return {
        "_id": session_id,
        "staff_id": who.id,
        "issuer_session": who.issuer_session,
        "began_at": unit.now,
        "ends_at": unit.now + LASTS,
        "ended_at": None,
    }


def _row(action: str, what: str, why: Why) -> Document:
    """Return the row of an operator's act."""
    return audit.by_operator(action, what=what, why=why).document()


def _access_row(action: str, what: str, why: Why) -> Document:
    """Return the row of a login, or of the end of a session."""
    row = AuditRow(
        kind=_KINDS.get(action, Kind.OPERATION),
        action=action,
        who=why.who,
        what=what,
        why=why.reason,
        basis=LegalBasis.ACCESS_CONTROL,
    )
    return row.document()


def _shown(one: Mapping[str, Any]) -> dict[str, Any]:
    given, family = one["name"].split(" ", 1)
    places = [MUNICIPALITIES[place].name for place in one["places"] if place in MUNICIPALITIES]
    regions = [
        place.capitalize() for place in one["places"] if place in ("midtjylland", "syddanmark")
    ]
    return {
        **one,
        "id": one["_id"],
        "initials": given[0] + family[0],
        "where": ", ".join([*places, *regions]),
    }
