"""The facts of notify: notices to staff, who they are and what they may do, and ended sessions.

A notice identifies a case by its reference only.
"""

from datetime import datetime
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import StringConstraints

from shared.contracts import CaseFact, Fact

__all__ = [
    "NoticeCreated",
    "NoticeReminded",
    "SessionEnded",
    "StaffChanged",
    "StaffFact",
    "StaffId",
    "StaffSnapshotEnded",
]


class NoticeCreated(CaseFact):
    """A notice was created in an inbox. It has the type of the fact that caused it, never its content."""

    type: ClassVar[str] = "notify.notice_created.v1"

    notice_id: UUID
    audience: str
    """A role and its scope, such as `mediation_coordinator` or `secretariat`; never a person."""
    about: str
    """The `ce_type` of what happened."""

    def topic(self) -> str:
        """Return the service's own topic."""
        return "notify.notices"


class NoticeReminded(CaseFact):
    """Nobody acknowledged a notice in time: it is shown first to all whom it is for."""

    type: ClassVar[str] = "notify.notice_reminded.v1"

    notice_id: UUID
    audience: str
    """A role and its scope, as in the fact that created the notice; never a person."""
    about: str
    """The `ce_type` of what happened."""

    def topic(self) -> str:
        """Return the service's own topic."""
        return "notify.notices"


StaffId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][!-~]{0,254}$")]
"""The subject of a member of staff at the login's issuer; never a CPR number."""


class StaffFact(Fact):
    """A fact about the staff directory; its subject is no UUID, but the id of a member of staff."""

    def topic(self) -> str:
        """Return the topic that every service keeps its projection of staff from."""
        return "notify.staff"


class StaffChanged(StaffFact):
    """Which roles somebody holds where, now. Each fact says all, and replaces those before."""

    type: ClassVar[str] = "notify.staff_changed.v1"

    staff_id: StaffId
    display_name: Annotated[str, StringConstraints(max_length=200)]
    """Names of staff may stand in this fact; colleagues see who did what."""
    title: Annotated[str, StringConstraints(max_length=200)] = ""
    """What colleagues call the work, in Danish; no rule depends on it."""
    roles: tuple[str, ...]
    """Codes of roles; a reader gives nothing for one that it does not know."""
    places: tuple[str, ...]
    """Kommunekoder, psychiatry regions, or the police district."""
    authority: str
    """The authority whose member it is, such as `police`."""
    active: bool
    """False: may do nothing any more, and has no session."""

    def subject(self) -> str:
        """Return the member of staff."""
        return self.staff_id


class StaffSnapshotEnded(StaffFact):
    """The whole directory stands between two times in the topic: a reader may begin there."""

    type: ClassVar[str] = "notify.staff_snapshot_ended.v1"

    began_at: datetime
    """Everybody's fact stands after this time; what stands before it is not needed any more."""
    staff: int
    """How many were told."""

    def subject(self) -> str:
        """Return the directory; no member of staff can be called so."""
        return "_directory"


class SessionEnded(Fact):
    """A session of a member of staff ended before its time: nobody takes it any more."""

    type: ClassVar[str] = "notify.session_ended.v1"

    sid: UUID

    def subject(self) -> str:
        """Return the session."""
        return str(self.sid)

    def topic(self) -> str:
        """Return the ended sessions; kept for longer than a session can live."""
        return "notify.sessions"
