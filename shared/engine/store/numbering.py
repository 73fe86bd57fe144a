"""How a unit of work numbers its facts: one after the other, unless the store was rolled back."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

__all__ = ["Counting", "Numbering"]


class Numbering(Protocol):
    """Numbers the facts of one unit of work."""

    def number(
        self, source: str, subject: str, counted: int, fact_type: str, value: bytes
    ) -> tuple[int, bool]:
        """Return the fact's stream position as it is counted now, and whether it was sent before.

        Args:
            source: the stream.
            subject: the fact's subject.
            counted: the last number that the store has given out for both.
            fact_type: the fact's type.
            value: the fact's body.

        Raises:
            Rejected: another fact was sent under this number.

        """
        ...

    def clock(
        self, subject: str, sequences: Mapping[str, int], appended_ms: float
    ) -> datetime | None:
        """Return the time at which the subject's next fact was sent first; None if it is new.

        Args:
            subject: the case.
            sequences: the last number of each stream that the case has counted.
            appended_ms: when the broker appended the event, in ms since 1970.

        """
        ...

    def accept(self, subject: str, sequences: Mapping[str, int]) -> None:
        """Let the subject continue above all numbers that were given out, from now on."""
        ...

    def savepoint(self) -> int:
        """Return the present state, for `roll_back`."""
        ...

    def roll_back(self, to: int) -> None:
        """Return to the state of a savepoint."""
        ...


class Counting:
    """Numbers facts one after the other. It has no state of its own."""

    __slots__ = ()

    def number(
        self,
        source: str,  # noqa: ARG002 - the protocol's
        subject: str,  # noqa: ARG002
        counted: int,
        fact_type: str,  # noqa: ARG002
        value: bytes,  # noqa: ARG002
    ) -> tuple[int, bool]:
        """Return the next number; every fact is new."""
        return counted + 1, False

    def clock(
        self,
        subject: str,  # noqa: ARG002 - the protocol's
        sequences: Mapping[str, int],  # noqa: ARG002
        appended_ms: float,  # noqa: ARG002
    ) -> datetime | None:
        """Return None: every fact is new."""
        return None

    def accept(self, subject: str, sequences: Mapping[str, int]) -> None:
        """Change nothing."""

    def savepoint(self) -> int:
        """Return 0: there is no state."""
        return 0

    def roll_back(self, to: int) -> None:
        """Change nothing."""
