"""The facts of notify: notices to staff, which identify a case by its reference only."""

from typing import ClassVar
from uuid import UUID

from shared.contracts import CaseFact

__all__ = ["NoticeCreated", "NoticeReminded"]


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
