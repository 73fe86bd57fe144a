"""Keyed marks: ids and search marks that are the same on every retry and reveal nothing.

Everything is HMAC-SHA256 under one key of intake's own, with the purpose as a prefix.
Without the key nobody can guess a person's id from a CPR number, or try reports against a mark.
Pure: no I/O, no clock, no randomness.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Final
from uuid import UUID

if TYPE_CHECKING:
    from shared.contracts.processes import Process

__all__ = ["BlindIndex"]

_KEY_BYTES: Final = 32


class BlindIndex:
    """Marks and ids under one key."""

    def __init__(self, key: bytes) -> None:
        if len(key) != _KEY_BYTES:
            raise ValueError(f"The index key must be {_KEY_BYTES} bytes.")
        self._key = key

    def content(self, canonical: bytes) -> str:
        """Return the mark of a letter's content; it does not depend on the seal."""
        return self._mark("content", canonical).hex()

    def cpr(self, digits: str) -> str:
        """Return the mark of a CPR number: it finds the person and does not reveal the number."""
        return self._mark("cpr", digits.encode()).hex()

    def report_id(self, partner: str, reference: str) -> UUID:
        """Return the id of the report that a partner has under a reference."""
        return self._id("report", partner, reference)

    def receipt_id(self, report_id: UUID) -> UUID:
        """Return the id of the one acceptance that a report can have."""
        return self._id("acceptance", str(report_id))

    def case_id(self, report_id: UUID) -> UUID:
        """Return the id of the case that a report opens."""
        return self._id("case", str(report_id))

    def person_with(self, cpr_mark: str) -> UUID:
        """Return the id of the person with a CPR number."""
        return self._id("person-of-number", cpr_mark)

    def person_called(self, report_id: UUID, label: str) -> UUID:
        """Return the id of a person who is known only by the label in a report."""
        return self._id("person-of-report", str(report_id), label)

    def party_id(self, person_id: UUID, process: Process) -> UUID:
        """Return a person's pseudonym in one process; another process has another one."""
        return self._id("party", str(person_id), process.value)

    def _id(self, purpose: str, *parts: str) -> UUID:
        # Version 8 is RFC 9562's for ids of one's own making.
        digest = self._mark(purpose, "\x00".join(parts).encode())
        number = int.from_bytes(digest[:16], "big")
        number = number & ~(0xF << 76) | 0x8 << 76
        number = number & ~(0x3 << 62) | 0x2 << 62
        return UUID(int=number)

    def _mark(self, purpose: str, content: bytes) -> bytes:
        return hmac.digest(self._key, purpose.encode() + b"|" + content, "sha256")
