"""Reports as a person has them at hand: a file with one, a file with one a line, or standard input.

Pure: reads bytes, asks nobody.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.contracts.opened import OpenedRefused, read_opened
from shared.contracts.processes import PartnerKind, Process
from shared.contracts.references import is_cpr_shaped, usable_reference
from shared.contracts.report import ReportRefused, check_report

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from shared.contracts.receipts import FieldError

__all__ = ["Letter", "Sender", "read_letters"]

MAX_KEY = 1_000
"""Characters of a reference that is sent at all."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends, as intake knows it; without `kind`, what hangs on the kind is left to intake."""

    partner: str
    kind: PartnerKind | None = None
    municipalities: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Letter:
    """One report, byte by byte as it was given, and where it stands."""

    opened: bytes
    line: int | None = None
    """The line it stands on, from 1, where there is one a line."""

    @property
    def name(self) -> str:
        """How to speak of it without quoting what may not be quoted."""
        reference = self.reference
        if self.line is not None:
            return f"line {self.line}" if reference is None else f"line {self.line}, {reference}"
        return "the report" if reference is None else reference

    @property
    def reference(self) -> str | None:
        """Its reference where one can be read and may stand outside the seal."""
        reference = self._said("reference")
        if not isinstance(reference, str) or not 0 < len(reference) <= MAX_KEY:
            return None
        return None if is_cpr_shaped(reference) or not reference.isprintable() else reference

    @property
    def is_answerable(self) -> bool:
        """Whether a receipt can ever come: it needs a reference that it may repeat."""
        return usable_reference(self.reference) is not None

    @property
    def partner(self) -> str | None:
        """The partner it names."""
        partner = self._said("partner")
        return partner if isinstance(partner, str) else None

    @property
    def process(self) -> Process | None:
        """Its process where it names one that there is."""
        try:
            return Process(str(self._said("process")))
        except ValueError:
            return None

    def faults(self, sender: Sender, now: datetime) -> tuple[FieldError, ...]:
        """Find what intake would reject it for.

        Where the sender's kind is not known, it is judged as one that may say everything.
        """
        try:
            check_report(
                self.opened,
                partner=sender.partner,
                kind=sender.kind or PartnerKind.POLICE,
                municipalities=sender.municipalities,
                reference=str(self._said("reference")),
                now=now,
            )
        except ReportRefused as refused:
            return refused.errors
        return ()

    def _said(self, name: str) -> object:
        try:
            return read_opened(self.opened).get(name)
        except OpenedRefused:
            return None


def read_letters(given: bytes) -> list[Letter]:
    """Part what was given into reports: one JSON document is one, else one stands on each line."""
    lines = [(at, line.strip()) for at, line in enumerate(given.splitlines(), 1) if line.strip()]
    whole = given.strip()
    if not whole:
        return []
    if len(lines) == 1 or _is_json(whole):
        return [Letter(whole)]
    if _is_json(lines[0][1]) or _is_json(lines[-1][1]):
        return [Letter(line, at) for at, line in lines]
    return [Letter(whole)]


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
