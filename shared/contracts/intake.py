"""The facts of intake: a case was opened, a report waits for triage, a party's standing changed."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.contracts import CaseFact, Fact
from shared.contracts.codes import OpenCode, UnknownCode
from shared.contracts.places import PatrolCentre, PsychiatryRegion
from shared.contracts.processes import AgeBand, Category, PartnerKind, PersonRole, Process

__all__ = [
    "CaseOpened",
    "DangerNote",
    "DangerNoted",
    "DangerOverdue",
    "DangerReported",
    "Party",
    "PartyCameOfAge",
    "PartyChanged",
    "PartyErased",
    "PartyFact",
    "PartyJoined",
    "PartyLeft",
    "TriageOverdue",
    "TriageWaiting",
    "cases_topic",
]


def cases_topic(process: Process | UnknownCode) -> str:
    """Return the topic of one process's cases; no topic carries two."""
    return f"intake.cases.{process}"


class Party(BaseModel):
    """Somebody in a case, as a pseudonym that holds for one person in one process."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    party_id: UUID
    role: OpenCode[PersonRole]
    category: OpenCode[Category]
    minor: bool | None
    """Under 18 on the Danish day of the fact; null where no age is known."""
    custody_holders: tuple[UUID, ...] = ()
    """The parties who hold custody of this one."""
    address_protected: bool = False
    age_band: OpenCode[AgeBand] | None = None
    """The age on the Danish day of the fact; null in facts written before this field was added."""


class CaseOpened(CaseFact):
    """A report became a case of one process."""

    type: ClassVar[str] = "intake.case_opened.v1"

    process: OpenCode[Process]
    municipality: str
    """Kommunekode."""
    patrol_centre: OpenCode[PatrolCentre]
    psychiatry_region: OpenCode[PsychiatryRegion] | None = None
    """The region whose psychiatry takes part; null where psychiatry has no part."""
    reported_at: datetime
    occurred_at: datetime
    reporter_kind: OpenCode[PartnerKind]
    parties: tuple[Party, ...]

    def topic(self) -> str:
        """Return the topic of its process."""
        return cases_topic(self.process)


class TriageWaiting(Fact):
    """A report without a process waits for the secretariat to decide."""

    type: ClassVar[str] = "intake.triage_waiting.v1"

    report_id: UUID
    municipality: str
    since: datetime
    due_at: datetime | None = None
    """When it must have been decided; null in facts written before this field was added."""

    def subject(self) -> str:
        """Return the report: there is no case yet."""
        return str(self.report_id)

    def topic(self) -> str:
        """Return the signals of intake."""
        return "intake.signals"


class DangerNote(StrEnum):
    """What a member of staff has noted of a report that says danger to life."""

    CALLED_112 = "called_112"
    """112 was called."""
    NO_DANGER = "no_danger"
    """Somebody assessed it: there is no danger."""


class _OfDanger(Fact):
    report_id: UUID
    municipality: str
    """Kommunekode."""
    since: datetime
    """When the report arrived."""

    def subject(self) -> str:
        """Return the report, whether or not it has a case."""
        return str(self.report_id)

    def topic(self) -> str:
        """Return the signals of intake."""
        return "intake.signals"


class DangerReported(_OfDanger):
    """A report arrived that says that somebody may be in danger of life."""

    type: ClassVar[str] = "intake.danger_reported.v1"


class DangerOverdue(_OfDanger):
    """Office hours have ended, and nobody has noted what was done about the danger."""

    type: ClassVar[str] = "intake.danger_overdue.v1"


class DangerNoted(_OfDanger):
    """A member of staff has noted that 112 was called, or that there is no danger."""

    type: ClassVar[str] = "intake.danger_noted.v1"

    note: OpenCode[DangerNote]


class TriageOverdue(Fact):
    """A report has waited for a decision for longer than it may."""

    type: ClassVar[str] = "intake.triage_overdue.v1"

    report_id: UUID
    municipality: str
    """Kommunekode."""
    since: datetime
    due_at: datetime
    """When it must have been decided."""

    def subject(self) -> str:
        """Return the report: there is no case yet."""
        return str(self.report_id)

    def topic(self) -> str:
        """Return the signals of intake."""
        return "intake.signals"


class PartyFact(CaseFact):
    """A fact about one party. It goes to the topic of its process, for a party exists in one only."""

    process: OpenCode[Process]

    def topic(self) -> str:
        """Return the topic of its process."""
        return cases_topic(self.process)


class PartyJoined(PartyFact):
    """Somebody became a party of the case. A person in two roles joins once in each."""

    type: ClassVar[str] = "intake.party_joined.v1"

    party: Party


class PartyLeft(PartyFact):
    """Somebody is no party of the case any more, in any role."""

    type: ClassVar[str] = "intake.party_left.v1"

    party_id: UUID


class PartyChanged(PartyFact):
    """Custody of a party, the protection of the address, or the age band changed.

    `party` takes the place of what was known of the party in that role.
    """

    type: ClassVar[str] = "intake.party_changed.v1"

    party: Party


class PartyCameOfAge(PartyFact):
    """A party turned 18: custody holders no longer speak for them. A date would reveal the birthday."""

    type: ClassVar[str] = "intake.party_came_of_age.v1"

    party_id: UUID


class PartyErased(PartyFact):
    """A person was erased: what is kept about the party, and its keys, must go."""

    type: ClassVar[str] = "intake.party_erased.v1"

    party_id: UUID
