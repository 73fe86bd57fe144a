"""The facts of mediation (konfliktråd)."""

from datetime import datetime
from typing import ClassVar

from shared.contracts import CaseFact

__all__ = ["CaseReceived"]


class CaseReceived(CaseFact):
    """The case has arrived and its first deadline runs."""

    type: ClassVar[str] = "mediation.case_received.v1"

    municipality: str
    """Kommunekode."""
    due_at: datetime
    """When the parties must have been contacted."""

    def topic(self) -> str:
        """Return the service's own topic."""
        return "mediation.cases"
