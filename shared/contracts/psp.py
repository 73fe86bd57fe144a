"""The facts of the co-operation of police, social services and psychiatry (PSP)."""

from datetime import datetime
from typing import ClassVar

from shared.contracts import CaseFact

__all__ = ["CaseReceived"]


class CaseReceived(CaseFact):
    """The case has arrived and its first deadline runs."""

    type: ClassVar[str] = "psp.case_received.v1"

    municipality: str
    """Kommunekode."""
    due_at: datetime
    """When it must have been judged whether the case is one for the co-operation."""

    def topic(self) -> str:
        """Return the service's own topic."""
        return "psp.cases"
