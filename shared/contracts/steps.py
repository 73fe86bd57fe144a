"""What every service with cases of its own tells: a case arrived, the time of a step has passed.

Each service tells them as types of its own, with its own steps; its module says what they mean there.
"""

from datetime import datetime

from shared.contracts import CaseFact

__all__ = ["CaseReceived", "StepDue"]


class _ToldByItsService(CaseFact):
    """A fact of the service that its type names."""

    def topic(self) -> str:
        """Return the service's own topic."""
        return f"{self.type.partition('.')[0]}.cases"


class CaseReceived(_ToldByItsService):
    """The case has arrived and its first deadline runs."""

    municipality: str
    """Kommunekode."""
    due_at: datetime
    """When the first step must have been taken."""


class StepDue(_ToldByItsService):
    """The time for a case's next step has passed, and nobody has told that it was taken."""

    municipality: str
    """Kommunekode."""
    step: str
    """Which step."""
    due_at: datetime
    """When it must have been taken."""
