"""The vault: what was said of people and cases, opened for one reader, one purpose, one log row.

Every reading is a transaction that writes its row in the log and fetches what it tells of; only
when that is committed is anything opened. No log, no read. What may be read by whom is decided by
the caller (`shared.staff.access`, and whose case it is): the vault only makes sure that it is known.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import structlog

from services.intake import cases, persons, processing_log, reports
from services.intake.processing_log import Act
from shared.security.data_keys import KeyDestroyed, NotABlob
from shared.staff.audit import LegalBasis

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from bson.binary import Binary
    from pymongo.asynchronous.client_session import AsyncClientSession

    from shared.contracts.processes import Process
    from shared.engine import Document, Store
    from shared.security.data_keys import Keys

__all__ = ["CaseContent", "PersonContent", "ReportContent", "Vault"]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonContent:
    """What one report says of one person, with its source and date."""

    person_id: str
    report_id: str
    partner: str
    at: datetime
    marks: tuple[str, ...]
    said: dict[str, Any] | None = field(repr=False)
    """As it was sent; None where the person was erased, or what is kept is damaged."""
    damaged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportContent:
    """A whole report: what it says beside the people, and its people in their order."""

    letter: dict[str, Any] = field(repr=False)
    people: tuple[PersonContent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseContent:
    """What reports say of a case, for the service that handles it. No names: those stay here."""

    details: dict[str, Any] = field(repr=False)
    disclosure: dict[str, Any] | None = field(repr=False)
    text: str | None = field(repr=False)
    parties: list[dict[str, Any]]


class Vault:
    """The only way to what is sealed."""

    def __init__(self, store: Store, keys: Keys) -> None:
        self._store = store
        self._keys = keys

    async def disclose_case(
        self, case_id: str, *, processes: Collection[Process], to: str
    ) -> CaseContent | None:
        """Hand a case's details to the service of its process; None where it has no such case.

        Raises:
            NotABlob: what is kept of the case is damaged.

        """

        async def fetch(session: AsyncClientSession) -> Document | None:
            case = await self._store.db[cases.COLLECTION].find_one(
                {"_id": case_id, "process": {"$in": sorted(processes)}}, session=session
            )
            if case is not None:
                await self._log(
                    Act.DISCLOSED,
                    case,
                    who=to,
                    why="the service that handles the case fetches its details",
                    case_id=case_id,
                    recipients=(to,),
                    session=session,
                )
            return case

        case = await self._store.persist(fetch)
        if case is None:
            return None
        letter = await self._open(case["sealed"])
        if letter is None:
            return None
        return CaseContent(
            details=letter.get("details", {}),
            disclosure=letter.get("disclosure"),
            text=letter.get("text"),
            parties=case["parties"],
        )

    async def read_report(self, report_id: str, *, by: str, purpose: str) -> ReportContent | None:
        """Read a report whole; None where there is none, or its case was erased.

        Raises:
            NotABlob: what is kept of the report, beside its people, is damaged.

        """

        async def fetch(session: AsyncClientSession) -> tuple[Binary, list[Document]] | None:
            db = self._store.db
            report = await db[reports.COLLECTION].find_one({"_id": report_id}, session=session)
            if report is None or not reports.stands(report):
                return None
            keeper = report
            if report["case_id"] is not None:
                found = await db[cases.COLLECTION].find_one(
                    {"_id": report["case_id"]}, session=session
                )
                if found is None:
                    return None
                keeper = found
            said = await (
                db[persons.SAID].find({"report_id": report_id}, session=session).sort("place", 1)
            ).to_list()
            await self._log(
                Act.READ,
                report,
                who=by,
                why=purpose,
                report_id=report_id,
                case_id=report["case_id"],
                person_ids=[row["person_id"] for row in said],
                session=session,
            )
            return keeper["sealed"], said

        found = await self._store.persist(fetch)
        if found is None:
            return None
        sealed, said = found
        letter = await self._open(sealed)
        if letter is None:
            return None
        return ReportContent(letter=letter, people=tuple([await self._person(row) for row in said]))

    async def read_person(self, person_id: str, *, by: str, purpose: str) -> list[PersonContent]:
        """Read all that reports ever said of a person, oldest first."""

        async def fetch(session: AsyncClientSession) -> list[Document]:
            found = self._store.db[persons.SAID].find({"person_id": person_id}, session=session)
            said = await found.sort([("at", 1), ("_id", 1)]).to_list()
            await self._log(
                Act.READ, {}, who=by, why=purpose, person_ids=[person_id], session=session
            )
            return said

        return [await self._person(row) for row in await self._store.persist(fetch)]

    async def _log(
        self,
        action: Act,
        kept: Document,
        *,
        session: AsyncClientSession,
        **told: Any,
    ) -> None:
        basis = kept.get("basis")
        row = processing_log.entry(
            action,
            row_id=str(uuid4()),
            at=self._store.clock(),
            basis=None if basis is None else LegalBasis(basis),
            **told,
        )
        await self._store.db[processing_log.COLLECTION].insert_one(row, session=session)

    async def _person(self, row: Document) -> PersonContent:
        """Open what is said of one person; what is damaged hides nothing of the others."""
        said, damaged = None, False
        try:
            said = await self._open(row["sealed"])
        except NotABlob:
            damaged = True
            log.exception("sealed_part_damaged", said_id=str(row["_id"]))
        return PersonContent(
            person_id=row["person_id"],
            report_id=row["report_id"],
            partner=row["partner"],
            at=row["at"],
            marks=tuple(row["marks"]),
            said=said,
            damaged=damaged,
        )

    async def _open(self, blob: Binary) -> dict[str, Any] | None:
        try:
            opened: dict[str, Any] = json.loads(await self._keys.decrypt(blob))
        except KeyDestroyed:
            return None
        return opened
