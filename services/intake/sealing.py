"""Parts a report and seals the parts before they are stored: each person alone, the rest together.

A person's part goes under that person's key, so that erasing one person leaves the others. The
rest goes under the key of the case, or of the report while it waits for triage. The parts are kept
as they were sent, unknown fields included; together they give the whole letter again.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from services.intake import cases, persons, reports
from services.intake.domain import SERVED
from services.intake.sealed_report import SealedPerson, SealedReport
from shared.contracts.opened import read_opened

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from services.intake.blind import BlindIndex
    from shared.contracts.report import Report
    from shared.security.data_keys import Keys

__all__ = ["Parted", "PartedPerson", "part", "seal_all"]

Identity = TypeVar("Identity")


@dataclass(frozen=True, slots=True, kw_only=True)
class PartedPerson:
    """One person of a report, with the report's JSON about that person."""

    person_id: UUID
    cpr_mark: str | None
    marks: tuple[str, ...]
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Parted:
    """A report in parts, with the name of the key for the rest."""

    key_name: str
    people: tuple[PartedPerson, ...]
    rest: bytes

    @property
    def key_names(self) -> set[str]:
        """The names of all keys that seal its parts."""
        return {self.key_name, *(persons.key_name(person.person_id) for person in self.people)}


def part(
    report: Report,
    opened: bytes,
    *,
    report_id: UUID,
    index: BlindIndex,
    known: Mapping[str, UUID],
) -> Parted:
    """Part an opened report. `known` gives the persons that already have a CPR mark."""
    letter: dict[str, Any] = read_opened(opened)
    contents = letter.pop("people")
    odd: dict[str, list[str]] = {}
    for mark in report.marks:
        odd.setdefault(mark.field.rpartition("/")[0], []).append(mark.code.value)
    people = []
    for place, person in enumerate(report.people):
        cpr_mark = None if person.cpr is None else index.cpr(person.cpr)
        if cpr_mark is None:
            person_id = index.person_called(report_id, person.label)
        else:
            person_id = known.get(cpr_mark) or index.person_with(cpr_mark)
        people.append(
            PartedPerson(
                person_id=person_id,
                cpr_mark=cpr_mark,
                marks=tuple(odd.get(f"/people/{place}", ())),
                content=_as_sent(contents[place]),
            )
        )
    opens_case = report.process in SERVED
    key_name = (
        cases.key_name(index.case_id(report_id)) if opens_case else reports.key_name(report_id)
    )
    return Parted(key_name=key_name, people=tuple(people), rest=_as_sent(letter))


async def seal_all(parted: Mapping[Identity, Parted], keys: Keys) -> dict[Identity, SealedReport]:
    """Seal reports, and make the data keys that are missing. Repeating it is harmless."""
    await keys.ensure(name for report in parted.values() for name in report.key_names)
    sealed = await asyncio.gather(*(_seal(report, keys) for report in parted.values()))
    return dict(zip(parted, sealed, strict=True))


async def _seal(report: Parted, keys: Keys) -> SealedReport:
    rest, *people = await asyncio.gather(
        keys.encrypt(report.key_name, report.rest),
        *(
            keys.encrypt(persons.key_name(person.person_id), person.content)
            for person in report.people
        ),
    )
    return SealedReport(
        people=tuple(
            SealedPerson(
                person_id=person.person_id,
                cpr_mark=person.cpr_mark,
                marks=person.marks,
                sealed=sealed,
            )
            for person, sealed in zip(report.people, people, strict=True)
        ),
        rest=rest,
    )


def _as_sent(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
