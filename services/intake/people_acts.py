"""What a form of a showing says, read and sealed before its transaction."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from services.intake import cases, people, people_forms, persons
from services.intake.name_views import Form, FormToken, NameView
from services.intake.people import ROLES_BESIDE, CasePeople, CustodyRow
from services.intake.personal_data import PersonalData
from services.intake.showing import parties_in
from shared.contracts.places import ZONE
from shared.contracts.processes import Custody, Process
from shared.errors import Rejected

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bson.binary import Binary
    from pymongo.asynchronous.client_session import AsyncClientSession

    from services.intake.blind import BlindIndex
    from services.intake.people_forms import Faults, Typed, TypedPerson
    from services.intake.vault import Vault
    from shared.engine import Document, Store
    from shared.security.data_keys import Keys

__all__ = ["Opened", "PeopleAct", "PeopleActs", "Spent", "Wrong", "case_people"]


class Spent(Rejected):
    """The token was used, its showing has ended, or the person may not do it any more."""


class Opened(NamedTuple):
    """What a token opens, and in which showing."""

    row_id: str
    opens: FormToken
    view: NameView


class Wrong(NamedTuple):
    """Nothing was kept: the fields that are wrong, or the code of a refusal."""

    faults: Faults = ()
    refusal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleAct:
    """An act that is ready for its transaction."""

    opened: Opened
    person_id: str
    case_ids: tuple[str, ...]
    """The cases that it changes, its own first: a correction reaches all cases of the process."""
    statement: Binary | None = None
    """What was learned, sealed; None where only the case changes."""
    cpr_mark: str | None = None
    typed: TypedPerson | None = None
    known: PersonalData = field(default_factory=PersonalData)
    """What is known of the person, after a correction."""
    births: tuple[date, ...] = field(default=(), repr=False)
    """Every day of birth that anybody stated: the younger age counts."""
    holder: UUID | None = None
    custody: Custody | None = None


class PeopleActs:
    """Reads forms, and seals what was typed."""

    def __init__(self, store: Store, vault: Vault, keys: Keys, index: BlindIndex) -> None:
        self._store = store
        self._vault = vault
        self._keys = keys
        self._index = index

    async def read(self, opened: Opened, typed: Typed) -> PeopleAct | Wrong:
        """Return the act that a form says, or what is wrong with it; raises Spent."""
        match opened.opens.form:
            case Form.ADD:
                return await self._add(opened, typed)
            case Form.CORRECT:
                return await self._correct(opened, typed)
            case Form.SAFE_WAY:
                return await self._safe_way(opened, typed)
            case Form.CUSTODY:
                return await self._custody(opened, typed)
            case Form.END_CUSTODY:
                return await self._custody(opened, {**typed, "custody": Custody.JOINT})

    async def _add(self, opened: Opened, typed: Typed) -> PeopleAct | Wrong:
        case = await self._case(opened.view)
        roles = ROLES_BESIDE.get(case.process, {}).get(opened.view.side, ())
        read, faults = people_forms.read_person(typed, roles)
        if read is None:
            return Wrong(faults)
        if read.child is not None and read.child not in opened.view.parties:
            return Wrong(("child",))
        wrong = people.gate(read.person, case, self._store.clock())
        if wrong:
            return Wrong(tuple(fault.field.rpartition("/")[2] for fault in wrong))
        mark, person_id = None, self._index.person_called(opened.view.case_id, opened.row_id)
        if read.person.cpr is not None:
            mark = self._index.cpr(read.person.cpr)
            known = await persons.marked_with(self._store.db, [mark])
            person_id = known.get(mark) or self._index.person_with(mark)
        sealed = await self._seal(str(person_id), people_forms.as_statement(read.person))
        return PeopleAct(
            opened=opened,
            person_id=str(person_id),
            case_ids=(str(case.case_id),),
            statement=sealed,
            cpr_mark=mark,
            typed=read,
        )

    async def _correct(self, opened: Opened, typed: Typed) -> PeopleAct | Wrong:
        act = await self._about(opened)
        before = act.known
        said, faults = people_forms.corrections(typed, before)
        if said is None:
            return Wrong(faults)
        if not said:
            return Wrong(refusal="nothing_changed")
        today = self._store.clock().astimezone(ZONE).date()
        if said.get("birth_date", "") > today.isoformat():
            return Wrong(("birth_date",))
        births = act.births
        if "birth_date" in said:
            births = (date.fromisoformat(said["birth_date"]),)
        protected = before.address_protected or said.get("address_protected") is True
        party = str(opened.opens.party_id)
        found = self._store.db[cases.COLLECTION].find({"parties.party_id": party}, {"_id": 1})
        others = [each["_id"] async for each in found if each["_id"] != act.case_ids[0]]
        return replace(
            act,
            case_ids=(*act.case_ids, *others),
            statement=await self._seal(act.person_id, said),
            known=replace(before, births=births, address_protected=protected),
        )

    async def _safe_way(self, opened: Opened, typed: Typed) -> PeopleAct | Wrong:
        way, faults = people_forms.read_safe_way(typed)
        if way is None:
            return Wrong(faults)
        act = await self._about(opened)
        said = {
            "channel": way.channel.value,
            "from_hour": way.from_hour,
            "to_hour": way.to_hour,
            "may_leave_message": way.may_leave_message,
        }
        return replace(act, statement=await self._seal(act.person_id, {"safe_way": said}))

    async def _custody(self, opened: Opened, typed: Typed) -> PeopleAct | Wrong:
        held, faults = people_forms.read_custody(typed)
        if held is None:
            return Wrong(faults)
        holder, custody = held
        if holder not in opened.view.parties:
            return Wrong(("holder",))
        return replace(await self._about(opened), holder=holder, custody=custody)

    async def _about(self, opened: Opened) -> PeopleAct:
        """Return an act about a person of the showing, which has logged that they are read."""
        case, party_id = await self._case(opened.view), opened.opens.party_id
        if party_id is None:
            raise Spent("the form is about nobody")

        async def read(
            session: AsyncClientSession,
        ) -> tuple[str, list[Document], frozenset[str]]:
            db = self._store.db
            known = await persons.known_as(db, case.process, [party_id], session=session)
            if party_id not in known:
                raise Spent("the person is not kept any more")
            person_id = known[party_id]
            rows = await persons.said_of(db, [person_id], session=session)
            own = await persons.said_in(db, case.process, rows, session=session)
            return person_id, rows, own

        person_id, rows, own = await self._store.persist(read)
        shown = await self._vault.open_said(rows, own)
        whole = await self._vault.open_said(rows)
        known = shown.get(person_id, PersonalData())
        is_protected = any(entry.address_protected for entry in case.entries(party_id))
        return PeopleAct(
            opened=opened,
            person_id=person_id,
            case_ids=(str(case.case_id),),
            known=replace(known, address_protected=known.address_protected or is_protected),
            births=whole.get(person_id, PersonalData()).births,
        )

    async def _case(self, view: NameView) -> CasePeople:
        document = await self._store.db[cases.COLLECTION].find_one({"_id": str(view.case_id)})
        if document is None:
            raise Spent("the case is not kept any more")
        return case_people(document)

    async def _seal(self, person_id: str, said: Mapping[str, Any]) -> Binary:
        name = persons.key_name(person_id)
        await self._keys.ensure([name])
        text = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
        return await self._keys.encrypt(name, text.encode())


def case_people(document: Document) -> CasePeople:
    """Return what a stored case knows of its people."""
    return CasePeople(
        case_id=UUID(document["_id"]),
        process=Process(document["process"]),
        occurred_at=document["occurred_at"],
        parties=parties_in(document),
        custody=tuple(
            CustodyRow(
                child=UUID(row["child"]),
                holder=UUID(row["holder"]),
                custody=Custody(row["custody"]),
                since=date.fromisoformat(row["since"]),
                until=None if row["until"] is None else date.fromisoformat(row["until"]),
            )
            for row in document.get("custody", ())
        ),
    )
