"""Names at the moment of showing: who may see whom for what purpose, logged before it is opened.

A grant of a service only narrows. Intake shows names where its own store says that the case is of a
process of that service and that the parties belong to it, and where its own table allows the member
of staff. What is refused is logged too, and a refusal does not say which of the conditions failed.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import UUID, uuid4

from pydantic import TypeAdapter

from services.intake import cases, persons
from services.intake.name_views import (
    REASONS,
    TOKENS,
    VIEWS,
    Form,
    FormToken,
    NameView,
    new_token,
)
from services.intake.people import ROLES_BESIDE
from services.intake.shown import RIGHTS, Refusal, Refused, Shown, ShownPerson
from shared.contracts.codes import AS_STORED
from shared.contracts.discovery import manifests
from shared.contracts.intake import Party
from shared.contracts.processes import Process
from shared.security.grants import GrantLate, read_grant
from shared.security.signatures import PublicKeys, TokenRefused
from shared.staff.access import Action, Staff, may
from shared.staff.audit import COLLECTION, Kind, LegalBasis, by_staff
from shared.web.purposes import NEEDS_REASON

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from pymongo.asynchronous.client_session import AsyncClientSession

    from services.intake.personal_data import PersonalData
    from services.intake.vault import Vault
    from shared.engine import Document, Store, Unit
    from shared.security.grants import Grant

__all__ = ["Showing", "parties_in"]


_PROCESSES: Final = {each.name: frozenset(each.serves) for each in manifests() if each.serves}
_READ: Final = "read"
_DENIED: Final = "denied"
_NAMES: Final = "names"
"""What was read, or asked for."""
_PARTIES: TypeAdapter[tuple[Party, ...]] = TypeAdapter(tuple[Party, ...])


class _Fetched(NamedTuple):
    """What the transaction of a reading has fetched, still sealed."""

    view: NameView
    process: Process
    parties: tuple[Party, ...]
    persons: Mapping[UUID, str]
    rows: Sequence[Document]
    own: Collection[str]
    """The ids of the rows that were said in this process."""
    tokens: Mapping[tuple[Form, UUID | None], str]


class Showing:
    """Shows names to staff, for other services."""

    def __init__(self, store: Store, vault: Vault, keys: PublicKeys) -> None:
        self._store = store
        self._vault = vault
        self._keys = keys

    async def begin(self, staff: Staff, token: str, purpose: str, reason: str) -> Shown | Refused:
        """Show what a grant asks for, once."""
        try:
            grant = read_grant(self._keys, token, issuers=_PROCESSES, now=self._store.clock())
        except TokenRefused:
            return await self.refuse(staff, Refused(Refusal.MISSING))
        except GrantLate as late:
            grant = late.grant
            why = Refusal.LATE if _is_of(grant, staff) else Refusal.MISSING
            return await self.refuse(staff, Refused(why, grant))
        wrong = _wrong_in(grant, staff, purpose, reason)
        if wrong is not None:
            return await self.refuse(staff, Refused(wrong, grant))
        sealed = await self._vault.seal_for_case(grant.case_id, reason) if reason else None
        view = NameView.of(grant, purpose, self._store.clock())

        async def step(session: AsyncClientSession) -> _Fetched | Refused:
            unit = self._store.unit()
            used = await self._store.db[VIEWS].find_one({"_id": grant.id}, session=session)
            if used is not None:
                return await self._deny(staff, Refused(Refusal.USED, grant), unit, session)
            unit.add(VIEWS, {**view.as_document(), "version": 1})
            found = await self._fetch(staff, view, unit, session, reason=sealed)
            return found or await self._deny(staff, Refused(Refusal.MISSING, grant), None, session)

        return await self._opened(await self._store.persist(step))

    async def extend(self, staff: Staff, token: str) -> Shown | Refused:
        """Show it a quarter of an hour longer, for the same purpose, while it is open."""
        grant = self._known_grant(token)
        return await self._again(staff, None if grant is None else grant.id, longer=True)

    async def again(self, staff: Staff, view_id: str) -> Shown | Refused:
        """Show it as it is now, for as long as it was to be shown: something in it was changed."""
        return await self._again(staff, view_id, longer=False)

    async def use(self, staff: Staff, token: str, purpose: str) -> Shown | Refused:
        """Use it for another purpose that its grant offers, while it is open; logged as such."""
        grant = self._known_grant(token)
        view_id = None if grant is None or purpose not in grant.purposes else grant.id
        return await self._again(staff, view_id, longer=False, purpose=purpose)

    async def hide(self, staff: Staff, token: str) -> None:
        """End a showing of this member of staff."""
        grant = self._known_grant(token)
        if grant is None:
            return

        async def step(session: AsyncClientSession) -> None:
            unit = self._store.unit()
            view = await self._load(grant.id, unit, session)
            if view is not None and view.staff_id == staff.id:
                unit.save(VIEWS, view.ended(unit.now).as_document())
                await self._store.write(unit, session)

        await self._store.persist(step)

    def _known_grant(self, token: str) -> Grant | None:
        """Return the grant of a showing: it was valid once, and is known by its id."""
        try:
            return read_grant(self._keys, token, issuers=_PROCESSES, now=self._store.clock())
        except GrantLate as late:
            return late.grant
        except TokenRefused:
            return None

    async def _again(
        self, staff: Staff, view_id: str | None, *, longer: bool, purpose: str = ""
    ) -> Shown | Refused:
        async def step(session: AsyncClientSession) -> _Fetched | Refused:
            unit = self._store.unit()
            view = await self._load(view_id, unit, session) if view_id else None
            if view is None or (view.staff_id, view.session) != (staff.id, staff.session):
                return await self._deny(staff, Refused(Refusal.MISSING), None, session)
            after = view.extended(unit.now) if longer else view
            if not view.is_open(unit.now) or not after.is_open(unit.now):
                return await self._deny(staff, Refused(Refusal.OVER), None, session)
            if after != view:
                unit.save(VIEWS, after.as_document())
            found = await self._fetch(staff, after, unit, session, purpose=purpose)
            return found or await self._deny(staff, Refused(Refusal.MISSING), None, session)

        return await self._opened(await self._store.persist(step))

    async def _load(self, view_id: str, unit: Unit, session: AsyncClientSession) -> NameView | None:
        await self._store.load(unit, {VIEWS: [view_id]}, session)
        document = unit.load(VIEWS, view_id)
        return None if document is None else NameView.stored(document)

    async def _fetch(
        self,
        staff: Staff,
        view: NameView,
        unit: Unit,
        session: AsyncClientSession,
        *,
        reason: object = None,
        purpose: str = "",
    ) -> _Fetched | None:
        """Judge by our own store and table, log the reading, and fetch what is sealed.

        Returns None, and writes nothing, if the person may not see it.
        """
        db = self._store.db
        case = await db[cases.COLLECTION].find_one({"_id": str(view.case_id)}, session=session)
        process = None if case is None else Process(case["process"])
        if case is None or process not in _PROCESSES[view.issuer] or process not in RIGHTS:
            return None
        parties = parties_in(case)
        asked = tuple(party for party in parties if party.party_id in view.parties)
        if {party.party_id for party in asked} != set(view.parties):
            return None
        rights = RIGHTS[process]
        if not _allows(staff, rights.read, case, view):
            return None
        known = await persons.known_as(db, process, view.parties, session=session)
        if set(known) != set(view.parties):
            return None
        rows = await persons.said_of(db, known.values(), session=session)
        own = await persons.said_in(db, process, rows, session=session)
        tokens = {}
        if _allows(staff, rights.change, case, view):
            for opens in _forms(view, process, asked):
                token, row = new_token(opens, unit.now)
                unit.add(TOKENS, {**row, "version": 1})
                tokens[opens.form, opens.party_id] = token
        row_id = str(uuid4())
        logged = by_staff(
            Kind.READ,
            staff,
            action=_READ,
            right=purpose or view.purpose,
            what=_NAMES,
            case_id=str(view.case_id),
            basis=LegalBasis(case["basis"]),
        )
        to = (f"service:{view.issuer}",)
        logged = replace(logged, person_ids=tuple(known.values()), recipients=to)
        unit.add(COLLECTION, logged.document(row_id))
        if reason is not None:
            unit.add(REASONS, {"_id": row_id, "case_id": str(view.case_id), "sealed": reason})
        await self._store.write(unit, session)
        return _Fetched(view, process, asked, known, rows, own, tokens)

    async def _opened(self, fetched: _Fetched | Refused) -> Shown | Refused:
        if isinstance(fetched, Refused):
            return fetched
        opened = await self._vault.open_said(fetched.rows, fetched.own)
        people = {
            party.party_id: ShownPerson(
                party=party,
                roles=tuple(
                    str(one.role) for one in fetched.parties if one.party_id == party.party_id
                ),
                data=protected_with(opened.get(fetched.persons[party.party_id]), party),
            )
            for party in reversed(fetched.parties)
        }
        return Shown(
            view=fetched.view,
            process=fetched.process,
            people=tuple(people[party_id] for party_id in fetched.view.parties),
            tokens=fetched.tokens,
        )

    async def refuse(self, staff: Staff, refused: Refused) -> Refused:
        """Log an attempt that is denied before anything is read; return it."""

        async def step(session: AsyncClientSession) -> Refused:
            return await self._deny(staff, refused, None, session)

        return await self._store.persist(step)

    async def _deny(
        self, staff: Staff, refused: Refused, unit: Unit | None, session: AsyncClientSession
    ) -> Refused:
        """Log the attempt. Whoever is denied never learns that the case or the grant exists."""
        unit = unit or self._store.unit()
        grant = refused.grant
        row = by_staff(
            Kind.DENIED,
            staff,
            action=_DENIED,
            right=refused.why.value,
            what=_NAMES,
            case_id=None if grant is None else str(grant.case_id),
            basis=LegalBasis.ACCESS_CONTROL,
        )
        unit.add(COLLECTION, row.document())
        await self._store.write(unit, session)
        return Refused(refused.why) if refused.why is Refusal.MISSING else refused


def protected_with(data: PersonalData | None, party: Party) -> PersonalData | None:
    """Return what is known, protected where the case says so: the statement may be damaged."""
    if data is None or not party.address_protected:
        return data
    return replace(data, address_protected=True)


def parties_in(case: Document) -> tuple[Party, ...]:
    """Return the parties of a stored case."""
    return _PARTIES.validate_python(case["parties"], context=AS_STORED)


def _is_of(grant: Grant, staff: Staff) -> bool:
    return (grant.staff_id, grant.session) == (staff.id, staff.session)


def _wrong_in(grant: Grant, staff: Staff, purpose: str, reason: str) -> Refusal | None:
    if not _is_of(grant, staff):
        return Refusal.MISSING
    if purpose not in grant.purposes:
        return Refusal.PURPOSE
    if purpose in NEEDS_REASON and not reason.strip():
        return Refusal.REASON
    return None


def _allows(staff: Staff, action: Action, case: Document, view: NameView) -> bool:
    named = (staff.id,) if view.named else ()
    return may(staff, action, municipality=case["municipality"], named=named)


def _forms(view: NameView, process: Process, asked: Iterable[Party]) -> Iterable[FormToken]:
    """Return the forms of a showing: of each person, and to add one."""
    if ROLES_BESIDE.get(process, {}).get(view.side):
        yield FormToken(view.id, Form.ADD, None)
    entries = {party.party_id: party for party in asked}
    for party in entries.values():
        yield FormToken(view.id, Form.CORRECT, party.party_id)
        yield FormToken(view.id, Form.SAFE_WAY, party.party_id)
        if party.minor is not False:
            if len(entries) > 1:
                yield FormToken(view.id, Form.CUSTODY, party.party_id)
            if entries.keys() & set(party.custody_holders):
                yield FormToken(view.id, Form.END_CUSTODY, party.party_id)
