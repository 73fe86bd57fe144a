"""One act of a person on one case, in one transaction.

In this order:

1. The key of the form. The same key with other input is refused; a repeated post goes on to step 2
   and then gets the stored outcome.
2. The right of the person to do this to this case now, as the service's directory of staff says
   within the transaction. If it is missing: a denied row and the key are committed, and the answer is
   the one for a case that does not exist.
3. The revision that the person saw.
4. The case is not parked.
5. The rule decides. State, history, facts, timers, audit row and key are committed together.

A refusal of steps 3 to 5, or a wrong input, writes nothing: the next try is judged anew.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from http import HTTPStatus
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar
from uuid import UUID

from pymongo.asynchronous.client_session import AsyncClientSession

from shared.cases.commands.command import Command, Faults
from shared.cases.commands.form_keys import FormKey, find_key, keep_key
from shared.cases.history import ActedOn, Actor, HistoryLine
from shared.cases.next_step import Decision
from shared.crash_points import reach
from shared.engine import Rejected, Store, Unit
from shared.staff import audit
from shared.staff.access import Staff
from shared.staff.directory import Directory

__all__ = ["ActedOnStore", "Attempt", "Kind", "Outcome", "RegisteredCommand", "Runner"]

C = TypeVar("C", bound=ActedOn)


class ActedOnStore(Protocol[C]):
    """Where that which people act on is stored: cases (`CaseStore`), or reports."""

    @property
    def collection(self) -> str:
        """The collection; a document's id is that of the case or report."""

    def load(self, unit: Unit, case_id: UUID | str) -> C | None:
        """It as it was loaded, if it is there."""

    def save(self, unit: Unit, case: C) -> None:
        """Write it, with its deadlines."""


_DENIED: Final = "denied"


class Kind(Enum):
    """What came of an attempt."""

    DONE = "done"
    MISSING = "missing"
    """The case does not exist, or the person may not do this to it."""
    REUSED = "reused"
    """The key was used for other input."""
    INVALID = "invalid"
    """The input is no act."""
    STALE = "stale"
    """The case has changed since the person saw it."""
    PARKED = "parked"
    """The case is parked: nothing changes it until an operator has acted."""
    REFUSED = "refused"
    """The rule does not allow it as the case stands."""
    BUSY = "busy"
    """Others wrote the case at each of many tries."""


class Outcome(NamedTuple):
    """What came of an attempt, with what the answer needs."""

    kind: Kind
    address: str = ""
    """Where the done act is seen."""
    refusal: Rejected | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredCommand(Generic[C]):
    """A command with what decides about it."""

    command: type[Command]
    rule: Callable[[C, Any, Actor], Decision[C]]
    """Pure: the case, the act, who acts and when give the new state and the facts. Raises Rejected."""
    offered: Callable[[C], bool]
    """Whether the form is shown; the rule decides whatever this says."""
    refusals: Mapping[type[Rejected], str]
    """What a page says of each refusal of the rule, in Danish."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt(Generic[C]):
    """What a person sent."""

    staff: Staff
    """Who acts, as the request was recognised; the right is asked again in the transaction."""
    directory: Directory
    case_id: UUID
    registered: RegisteredCommand[C]
    key: UUID | None
    """None if the form had none: then the input is wrong."""
    revision: int | None
    """The revision that the person saw; None as above."""
    values: Mapping[str, object]
    """The fields as they were sent."""
    act: Command | None
    """None if the values are no act."""
    faults: Faults

    @property
    def form_key(self) -> FormKey | None:
        """The key of the form with its input."""
        if self.key is None:
            return None
        name, seen = self.registered.command.name, {"": self.revision}
        return FormKey(self.staff.id, name, self.case_id, self.key, {**self.values, **seen})


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner(Generic[C]):
    """Carries out the acts on a service's cases."""

    store: Store
    cases: ActedOnStore[C]
    basis: audit.LegalBasis
    address_of: Callable[[UUID, int], str]
    """Where a case is seen at a revision."""

    async def run(self, attempt: Attempt[C]) -> Outcome:
        """Carry out an act, once for its key.

        Raises:
            Conflict: others changed the case at each of many tries; nothing was done.
            Unavailable: the database did not answer in any try; it may have been done.
            NotCurrent: what is known of staff may be old; nothing was done.

        """
        written: list[Unit] = []

        async def step(session: AsyncClientSession) -> Outcome:
            written.clear()
            unit = self.store.unit()
            outcome = await self._decide(attempt, unit, session)
            if unit.rows:
                await self.store.write(unit, session)
                written.append(unit)
                reach("command.before_commit")
            return outcome

        outcome = await self.store.persist(step)
        for unit in written:
            reach("command.after_commit")
            self.store.settle(unit)
        return outcome

    async def _decide(
        self, attempt: Attempt[C], unit: Unit, session: AsyncClientSession
    ) -> Outcome:
        key = attempt.form_key
        known = await find_key(self.store, key, session) if key else None
        if key and known and known["input"] != key.digest:
            return Outcome(Kind.REUSED)
        case_id = str(attempt.case_id)
        await self.store.load(unit, {self.cases.collection: [case_id]}, session)
        case = self.cases.load(unit, case_id)
        staff = None if case is None else await self._allowed(attempt, case, session)
        if case is None or staff is None:
            unit.add(audit.COLLECTION, self._row(audit.Kind.DENIED, _DENIED, attempt))
            if key and not known:
                keep_key(unit, key, {"status": HTTPStatus.NOT_FOUND.value})
            return Outcome(Kind.MISSING)
        if known:
            address = known["outcome"].get("address")
            return Outcome(Kind.DONE, address) if address else Outcome(Kind.MISSING)
        return self._act(replace(attempt, staff=staff), case, key, unit)

    async def _allowed(
        self, attempt: Attempt[C], case: C, session: AsyncClientSession
    ) -> Staff | None:
        """Return who acts, with the roles of now; None if they may not do it."""
        known = attempt.staff
        now = await attempt.directory.find(known.id, known.session, session)
        action = attempt.registered.command.action
        return now if now is not None and case.is_open_to(now, action) else None

    def _act(self, attempt: Attempt[C], case: C, key: FormKey | None, unit: Unit) -> Outcome:
        """Steps 3 to 5, for a first post by somebody who may do it."""
        if key is None or attempt.act is None or attempt.revision is None:
            return Outcome(Kind.INVALID)
        if attempt.revision != case.revision:
            return Outcome(Kind.STALE)
        if unit.document(self.cases.collection, str(attempt.case_id)).protocol.parked is not None:
            return Outcome(Kind.PARKED)
        try:
            who = Actor(id=attempt.staff.id, roles=attempt.staff.roles, at=unit.now)
            decided = attempt.registered.rule(case, attempt.act, who)
        except Rejected as refusal:
            return Outcome(Kind.REFUSED, refusal=refusal)
        return self._keep(attempt, attempt.act, decided, key, unit)

    def _keep(
        self, attempt: Attempt[C], act: Command, decided: Decision[C], key: FormKey, unit: Unit
    ) -> Outcome:
        line = HistoryLine(
            revision=decided.case.revision + 1,
            at=unit.now,
            by=attempt.staff.id,
            name=attempt.staff.name,
            act=act.name,
            content=act.content(),
        )
        self.cases.save(unit, decided.case.with_line(line))
        counted_in = (self.cases.collection, str(attempt.case_id))
        unit.emit(*decided.facts, counted_in=counted_in)
        unit.add(audit.COLLECTION, self._row(audit.Kind.ACT, act.name, attempt))
        address = self.address_of(attempt.case_id, line.revision)
        keep_key(unit, key, {"status": HTTPStatus.SEE_OTHER.value, "address": address})
        return Outcome(Kind.DONE, address)

    def _row(self, kind: audit.Kind, action: str, attempt: Attempt[C]) -> dict[str, Any]:
        case_id = str(attempt.case_id)
        return audit.by_staff(
            kind,
            attempt.staff,
            action=action,
            right=attempt.registered.command.action.value,
            what=case_id,
            case_id=case_id,
            basis=self.basis,
        ).document()
