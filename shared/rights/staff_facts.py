"""Takes notify's facts about staff and sessions into the projection.

Each fact about somebody says all there is to say, so the one with the highest number counts: a repeat
is dropped, and a gap does not matter. A fact that cannot be read takes the person's rights away,
until an operator or the next fact gives them back: without a doubt less is shared. For the same reason
the end of a session counts also where its content cannot be read.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from shared.contracts.notify import SessionEnded, StaffChanged
from shared.engine import Document, Needs, Record, Store, Unit
from shared.engine.consume.inbox import Arrival, read_arrival
from shared.errors import Rejected

__all__ = ["ENDED", "STAFF", "StaffFacts", "prepare"]

STAFF: Final = "staff"
ENDED: Final = "ended_sessions"

_KEPT: Final = timedelta(days=1)
"""Longer than a session can live."""


async def prepare(store: Store) -> None:
    """Make the index that removes ended sessions which would be over anyhow."""
    await store.db[ENDED].create_index("at", expireAfterSeconds=int(_KEPT.total_seconds()))


class StaffFacts:
    """The processor of `notify.staff` and `notify.sessions` (`shared.engine.Processor`)."""

    most: int = 500

    async def prepare(self, records: Sequence[Record]) -> Sequence[Arrival]:
        """Read the envelopes."""
        return [read_arrival(record) for record in records]

    def needs(self, arrival: Arrival) -> Needs:
        """Return the document of the person or session."""
        match arrival.envelope:
            case None:
                return {}
            case envelope if envelope.type == StaffChanged.type:
                return {STAFF: [arrival.case_id]}
            case envelope if envelope.type == SessionEnded.type:
                return {ENDED: [arrival.case_id]}
            case _:
                return {}

    def case_of(self, arrival: Arrival) -> str | None:  # noqa: ARG002 - they are about no case
        """Return None: a fact about staff waits for no other."""
        return None

    def take(self, arrival: Arrival, unit: Unit) -> None:
        """Keep what the fact says.

        Raises:
            Rejected, ValidationError: it cannot be read.

        """
        envelope = arrival.envelope
        if envelope is None:
            raise Rejected(arrival.fault)
        if envelope.type == StaffChanged.type:
            self._take_staff(arrival, unit)
        elif envelope.type == SessionEnded.type:
            SessionEnded.read(arrival.record.value or b"")
            _end(arrival.case_id, unit)

    def park(self, arrival: Arrival, unit: Unit, reason: str, cause: str) -> None:
        """Park the record. If it is about somebody, they may do nothing for now; a session ends."""
        unit.set_aside(arrival.record, reason, cause)
        unit.failures.append((cause, arrival.record.position))
        if arrival.envelope is None:
            return
        if arrival.envelope.type == SessionEnded.type:
            _end(arrival.case_id, unit)
        if arrival.envelope.type != StaffChanged.type:
            return
        known = unit.load(STAFF, arrival.case_id)
        if not _is_old(arrival, known):
            nothing = {"name": "", "title": "", "roles": [], "places": [], "authority": ""}
            kept = known or {"_id": arrival.case_id, **nothing}
            unit.save(STAFF, {**kept, "active": False, "number": arrival.sequence})

    def _take_staff(self, arrival: Arrival, unit: Unit) -> None:
        fact = StaffChanged.read(arrival.record.value or b"")
        if fact.subject() != arrival.case_id:
            raise Rejected("the fact's subject is not the one on its envelope")
        if _is_old(arrival, unit.load(STAFF, arrival.case_id)):
            unit.duplicates += 1
            return
        unit.save(STAFF, {**as_stored(fact), "number": arrival.sequence})


def as_stored(fact: StaffChanged) -> Document:
    """Return what a fact says of somebody, as it is stored."""
    return {
        "_id": fact.staff_id,
        "name": fact.display_name,
        "title": fact.title,
        "roles": list(fact.roles),
        "places": list(fact.places),
        "authority": fact.authority,
        "active": fact.active,
    }


def _end(session_id: str, unit: Unit) -> None:
    if unit.load(ENDED, session_id) is None:
        unit.save(ENDED, {"_id": session_id, "at": unit.now})


def _is_old(arrival: Arrival, known: Document | None) -> bool:
    return known is not None and arrival.sequence <= known["number"]
