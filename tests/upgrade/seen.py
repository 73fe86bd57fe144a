"""What was sent, and what one version showed of it."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from shared.contracts.processes import Process
from shared.contracts.references import case_reference
from tests.faults.checker.ledger import Sent
from tests.faults.checker.observed import Observed

__all__ = ["Seen", "SentReport"]


@dataclass(frozen=True, slots=True)
class SentReport:
    """A report, and the case that its receipt names."""

    text: str
    reference: str
    process: Process | None
    receipt: dict[str, Any]

    @property
    def case_id(self) -> str:
        """The id of its case."""
        return str(self.receipt["case_id"])

    @property
    def case(self) -> str:
        """What people call its case."""
        assert self.process is not None
        return case_reference(self.process, UUID(self.case_id))


@dataclass(slots=True)
class Seen:
    """What one version showed."""

    ports: dict[str, int] = field(default_factory=dict)
    topics: list[Any] = field(default_factory=list)
    """The differences between the broker and the declaration."""
    alarms: set[tuple[str, str]] = field(default_factory=set)
    """Service and name, soon after the start."""
    alarms_at_the_end: set[tuple[str, str]] = field(default_factory=set)
    parked: dict[tuple[str, str], tuple[str, int]] = field(default_factory=dict)
    """By service and id: the state, and how many events wait behind it."""
    halts: dict[str, Any] = field(default_factory=dict)
    pages: dict[str, str] = field(default_factory=dict)
    waiting: list[str] = field(default_factory=list)
    """The reports in triage, as the list names them."""
    details: dict[str, Any] = field(default_factory=dict)
    """What intake holds sealed of the first mediation case."""
    again: list[dict[str, Any]] = field(default_factory=list)
    """Receipts of reports that were sent before."""
    log: list[tuple[str, str]] = field(default_factory=list)
    """The operators' acts on the first case that was parked: what, and why."""
    outcomes: dict[str, Any] = field(default_factory=dict)
    """Of what was done under this version, by name."""
    observed: Observed = field(default_factory=Observed)
    sent: list[Sent] = field(default_factory=list)
    planted: dict[tuple[str, str], int] = field(default_factory=dict)
