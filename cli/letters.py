"""Reads reports from a file: one JSON document, or one report on each line. Pure."""

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
"""The longest reference that is sent, in characters."""


@dataclass(frozen=True, slots=True)
class Sender:
    """The sender as registered at intake; without `kind` only intake checks its rules."""

    partner: str
    kind: PartnerKind | None = None
    municipalities: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Letter:
    """One report, byte by byte as given, with its line in the file."""

    opened: bytes
    line: int | None = None
    """Its line, from 1; None if the file holds one report."""

    @property
    def name(self) -> str:
        """A name for messages that quotes nothing confidential."""
        reference = self.reference
        if self.line is not None:
            return f"line {self.line}" if reference is None else f"line {self.line}, {reference}"
        return "the report" if reference is None else reference

    @property
    def reference(self) -> str | None:
        """Its reference; None if it cannot be read or may not be sent outside the seal."""
        reference = self._field("reference")
        if not isinstance(reference, str) or not 0 < len(reference) <= MAX_KEY:
            return None
        return None if is_cpr_shaped(reference) or not reference.isprintable() else reference

    @property
    def is_answerable(self) -> bool:
        """Whether intake can send a receipt: that needs a reference which may be repeated."""
        return usable_reference(self.reference) is not None

    @property
    def partner(self) -> str | None:
        """The partner that it names; None if there is none."""
        partner = self._field("partner")
        return partner if isinstance(partner, str) else None

    @property
    def process(self) -> Process | None:
        """The process that it names; None without a valid one."""
        try:
            return Process(str(self._field("process")))
        except ValueError:
            return None

    def faults(self, sender: Sender, now: datetime) -> tuple[FieldError, ...]:
        """Return the errors for which intake would reject it.

        If the sender's kind is not known, the kind with all rights is assumed.
        """
        try:
            check_report(
                self.opened,
                partner=sender.partner,
                kind=sender.kind or PartnerKind.POLICE,
                municipalities=sender.municipalities,
                reference=str(self._field("reference")),
                now=now,
            )
        except ReportRefused as refused:
            return refused.errors
        return ()

    def _field(self, name: str) -> object:
        try:
            return read_opened(self.opened).get(name)
        except OpenedRefused:
            return None


def read_letters(given: bytes) -> list[Letter]:
    """Split the input into reports: one JSON document is one report, else each line is one."""
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
