"""The facts of every service with cases of its own: a case arrived, the time of a step has passed.

Each service emits them as types of its own, with its own steps; its module defines their meaning.
"""

from datetime import datetime

from shared.contracts import CaseFact

__all__ = ["CaseReceived", "StepDue"]


class _OwnFact(CaseFact):
    """A fact of the service that its type names."""

    def topic(self) -> str:
        """Return the service's own topic."""
        return f"{self.type.partition('.')[0]}.cases"


class CaseReceived(_OwnFact):
    """The case has arrived and its first deadline runs."""

    municipality: str
    """Kommunekode."""
    due_at: datetime
    """When the first step must have been taken."""


class StepDue(_OwnFact):
    """The time for a case's next step has passed, and the step was not recorded as taken."""

    municipality: str
    """Kommunekode."""
    step: str
    """Which step."""
    due_at: datetime
    """When it must have been taken."""
