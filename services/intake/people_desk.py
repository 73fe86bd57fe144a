"""What staff learn about the people of a case, typed into a showing: checked, sealed, kept, told.

A form is judged by its token alone: once, for one member of staff, showing, party and act. The right is
asked for anew in the transaction, which keeps the sealed statement, the case, the facts and the row of
the log together.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import UUID, uuid4

from services.intake import cases, people, persons
from services.intake.ages import births_of
from services.intake.name_views import TOKENS, VIEWS, Form, FormToken, NameView, token_id
from services.intake.people import CasePeople, NewParty
from services.intake.people_acts import (
    Opened,
    PeopleAct,
    PeopleActs,
    Spent,
    Wrong,
    case_people,
)
from services.intake.shown import RIGHTS
from shared.contracts.places import ZONE
from shared.contracts.processes import Process
from shared.staff.access import may
from shared.staff.audit import COLLECTION, Kind, LegalBasis, by_staff

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from pymongo.asynchronous.client_session import AsyncClientSession

    from services.intake.blind import BlindIndex
    from services.intake.people import PeopleDecision
    from services.intake.people_forms import Typed, TypedPerson
    from shared.engine import Document, Store, Unit
    from shared.staff.access import Staff
    from shared.staff.directory import Directory

__all__ = ["Done", "Opened", "PeopleDesk", "Spent", "Wrong"]

_ACTION: Final[Mapping[Form, str]] = {
    Form.ADD: "add-person",
    Form.CORRECT: "correct-person",
    Form.SAFE_WAY: "set-safe-way",
    Form.CUSTODY: "record-custody",
    Form.END_CUSTODY: "end-custody",
}
"""What the log calls each form."""


class Done(NamedTuple):
    """It is kept."""

    form: Form


class PeopleDesk:
    """Carries out the forms of a showing."""

    def __init__(
        self, store: Store, acts: PeopleActs, index: BlindIndex, directory: Directory
    ) -> None:
        self._store = store
        self._acts = acts
        self._index = index
        self._directory = directory

    async def find(self, token: str) -> Opened | None:
        """Return what a token opens; None if it opens nothing, or not any more."""
        row_id = token_id(token)
        row = await self._store.db[TOKENS].find_one({"_id": row_id, "used": False})
        if row is None:
            return None
        view = await self._store.db[VIEWS].find_one({"_id": row["view_id"]})
        opened = None if view is None else NameView.stored(view)
        if opened is None or not opened.is_open(self._store.clock()):
            return None
        return Opened(row_id, FormToken.stored(row), opened)

    async def staff_of(self, view: NameView) -> Staff | None:
        """Return whom a showing is for, as they are now; None if their session has ended.

        Raises:
            NotCurrent: what is known of staff may be old.

        """
        return await self._directory.find(view.staff_id, view.session)

    async def act(self, opened: Opened, typed: Typed) -> Done | Wrong:
        """Carry out the form once.

        Raises:
            NotCurrent: what is known of staff may be old.
            Spent: nothing was kept, for the token opens nothing any more.

        """
        act = await self._acts.read(opened, typed)
        if isinstance(act, Wrong):
            return act
        needs = {
            TOKENS: [opened.row_id],
            VIEWS: [opened.view.id],
            cases.COLLECTION: list(act.case_ids),
            persons.COLLECTION: [act.person_id],
        }
        attempt = str(uuid4())
        written: list[Unit] = []

        async def step(session: AsyncClientSession) -> None:
            written.clear()
            unit = self._store.unit()
            await self._store.load(unit, needs, session)
            token = unit.load(TOKENS, opened.row_id)
            if token is not None and token["used"] == attempt:
                return  # an earlier try was committed, and its answer was lost
            view = opened.view
            staff = await self._directory.find(view.staff_id, view.session, session)
            if staff is None:
                raise Spent("the session has ended")
            self._keep(staff, act, attempt, unit)
            await self._store.write(unit, session)
            written.append(unit)

        try:
            await self._store.persist(step)
        except people.AlreadyThere:
            return Wrong(refusal="already_there")
        except people.CustodyRefused as refused:
            return Wrong(refusal=refused.code)
        for unit in written:
            self._store.settle(unit)
        self._store.committed.set()
        return Done(opened.opens.form)

    def _keep(self, staff: Staff, act: PeopleAct, attempt: str, unit: Unit) -> None:
        """Judge again, and keep everything together."""
        token = unit.load(TOKENS, act.opened.row_id)
        view = unit.load(VIEWS, act.opened.view.id)
        case = unit.load(cases.COLLECTION, str(act.opened.view.case_id))
        if token is None or token["used"] or view is None or case is None:
            raise Spent("the form was used")
        shown = NameView.stored(view)
        right = RIGHTS[Process(case["process"])].change
        named = (staff.id,) if shown.named else ()
        allowed = may(staff, right, municipality=case["municipality"], named=named)
        is_theirs = (shown.staff_id, shown.session) == (staff.id, staff.session)
        if not allowed or not is_theirs or not shown.is_open(unit.now):
            raise Spent("the person may not do this any more")
        unit.save(TOKENS, {**token, "used": attempt})
        for case_id in act.case_ids:
            self._change(act, case_id, unit)
        self._write_down(staff, act, case, unit)

    def _change(self, act: PeopleAct, case_id: str, unit: Unit) -> None:
        document = unit.load(cases.COLLECTION, case_id)
        if document is None:
            return
        case = case_people(document)
        after, facts = self._decide(act, case, unit)
        custody = [
            {
                "child": str(row.child),
                "holder": str(row.holder),
                "custody": row.custody.value,
                "since": row.since.isoformat(),
                "until": None if row.until is None else row.until.isoformat(),
            }
            for row in after.custody
        ]
        changed = {
            **document,
            "parties": [party.model_dump(mode="json") for party in after.parties],
            **({"custody": custody} if custody else {}),
        }
        unit.save(cases.COLLECTION, changed)
        unit.emit(*facts)

    def _decide(self, act: PeopleAct, case: CasePeople, unit: Unit) -> PeopleDecision:
        party_id, now, today = act.opened.opens.party_id, unit.now, self._today()
        known = act.known
        if act.typed is not None:
            return people.add(case, self._meet(act, act.typed, case, unit), now, today)
        if party_id is None:
            raise Spent("the form is about nobody")
        match act.opened.opens.form:
            case Form.CUSTODY if act.holder is not None and act.custody is not None:
                return people.give_custody(case, party_id, act.holder, act.custody, today)
            case Form.END_CUSTODY if act.holder is not None:
                return people.end_custody(case, party_id, act.holder, today)
            case _:
                return people.correct(
                    case, party_id, known.births, now, protected=known.address_protected
                )

    def _meet(self, act: PeopleAct, typed: TypedPerson, case: CasePeople, unit: Unit) -> NewParty:
        """Keep the person, and let the showing show them too."""
        stored = unit.load(persons.COLLECTION, act.person_id) or {"party_ids": {}}
        known_as = stored["party_ids"].get(case.process.value)
        party_id = (
            UUID(known_as) if known_as else self._index.party_id(UUID(act.person_id), case.process)
        )
        protected = persons.meet(
            unit,
            act.person_id,
            act.cpr_mark,
            party=(case.process, party_id),
            protected=typed.person.address_protected,
        )
        view = act.opened.view
        if party_id not in view.parties:
            shown = replace(view, parties=(*view.parties, party_id))
            unit.save(VIEWS, shown.as_document())
        return NewParty(
            party_id=party_id,
            role=typed.person.role,
            births=births_of(typed.person),
            address_protected=protected,
            child=typed.child,
            custody=typed.custody,
        )

    def _write_down(self, staff: Staff, act: PeopleAct, case: Document, unit: Unit) -> None:
        view = act.opened.view
        if act.known.address_protected:
            person = unit.load(persons.COLLECTION, act.person_id)
            if person is not None and not person["address_protected"]:
                unit.save(persons.COLLECTION, {**person, "address_protected": True})
        if act.statement is not None:
            unit.add(
                persons.STATEMENTS,
                persons.said_by_staff(
                    act.person_id,
                    act.statement,
                    row_id=f"staff:{act.opened.row_id}",
                    case_id=view.case_id,
                    staff_id=staff.id,
                    at=unit.now,
                ),
            )
        row = by_staff(
            Kind.ACT,
            staff,
            action=_ACTION[act.opened.opens.form],
            right=RIGHTS[Process(case["process"])].change.value,
            what=str(view.case_id),
            case_id=str(view.case_id),
            basis=LegalBasis(case["basis"]),
        )
        unit.add(COLLECTION, replace(row, person_ids=(act.person_id,)).document())

    def _today(self) -> date:
        return self._store.clock().astimezone(ZONE).date()
