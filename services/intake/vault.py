"""The vault: opens sealed content of people, reports and cases, and logs each reading.

Every reading is a transaction that writes a row of the log and fetches the sealed content. Only
after the commit is anything opened: no log row, no reading. The caller decides who may read what
(`shared.staff.access`, and whose case it is); the vault makes sure that each reading is logged.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import structlog

from services.intake import cases, persons, processing_log, reports
from services.intake.personal_data import Said, fold
from services.intake.processing_log import Act
from shared.security.data_keys import KeyDestroyed, NotABlob
from shared.staff.audit import LegalBasis

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime
    from uuid import UUID

    from bson.binary import Binary
    from pymongo.asynchronous.client_session import AsyncClientSession

    from services.intake.personal_data import PersonalData
    from shared.contracts.processes import Process
    from shared.engine import Document, Store
    from shared.security.data_keys import Keys

__all__ = ["CaseContent", "PersonContent", "ReportContent", "Vault"]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonContent:
    """What one report states about one person, with its source and date."""

    person_id: str
    report_id: str | None
    """None if a member of staff made the statement in a case."""
    partner: str | None
    """None as above."""
    at: datetime
    marks: tuple[str, ...]
    content: dict[str, Any] | None = field(repr=False)
    """As it was sent; None if the person was erased or the stored content is damaged."""
    damaged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportContent:
    """A whole report: the letter without its people, and the people in the report's order."""

    letter: dict[str, Any] = field(repr=False)
    people: tuple[PersonContent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseContent:
    """The content of a case, for the service that handles it; without names, which stay here."""

    details: dict[str, Any] = field(repr=False)
    disclosure: dict[str, Any] | None = field(repr=False)
    text: str | None = field(repr=False)
    parties: list[dict[str, Any]]


class Vault:
    """The only access to sealed content."""

    def __init__(self, store: Store, keys: Keys) -> None:
        self._store = store
        self._keys = keys

    async def disclose_case(
        self, case_id: str, *, processes: Collection[Process], to: str
    ) -> CaseContent | None:
        """Return a case's content for the service of its process; None if there is no such case.

        Raises:
            NotABlob: the stored content of the case is damaged.

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
        """Return a whole report; None if there is none, or its case was erased.

        Raises:
            NotABlob: the stored content of the report, apart from its people, is damaged.

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
            rows = await (
                db[persons.STATEMENTS]
                .find({"report_id": report_id}, session=session)
                .sort("place", 1)
            ).to_list()
            await self._log(
                Act.READ,
                report,
                who=by,
                why=purpose,
                report_id=report_id,
                case_id=report["case_id"],
                person_ids=[row["person_id"] for row in rows],
                session=session,
            )
            return keeper["sealed"], rows

        found = await self._store.persist(fetch)
        if found is None:
            return None
        sealed, rows = found
        letter = await self._open(sealed)
        if letter is None:
            return None
        return ReportContent(letter=letter, people=tuple([await self._person(row) for row in rows]))

    async def read_person(self, person_id: str, *, by: str, purpose: str) -> list[PersonContent]:
        """Return what all reports state about a person, oldest first."""

        async def fetch(session: AsyncClientSession) -> list[Document]:
            found = self._store.db[persons.STATEMENTS].find(
                {"person_id": person_id}, session=session
            )
            rows = await found.sort([("at", 1), ("_id", 1)]).to_list()
            await self._log(
                Act.READ, {}, who=by, why=purpose, person_ids=[person_id], session=session
            )
            return rows

        return [await self._person(row) for row in await self._store.persist(fetch)]

    async def open_said(
        self, rows: Iterable[Document], own: Collection[str] | None = None
    ) -> dict[str, PersonalData]:
        """Return what stored statements say together, by person, in the order of the rows.

        The transaction that fetched the rows has logged the reading. A person whose statements were
        all erased is not in the answer.

        Args:
            rows: the statements.
            own: the ids of those that may be shown (`persons.said_in`); of the others only what
                protects counts: the protection of the address, and the safe way. All by default.

        """
        said: dict[str, list[tuple[str, Said]]] = {}
        for row in rows:
            opened = await self._person(row)
            if opened.content is not None:
                one = Said(opened.content, row.get("staff") is not None)
                said.setdefault(row["person_id"], []).append((row["_id"], one))
        known = {}
        for person_id, each in said.items():
            whole = fold(one for _, one in each)
            shown = fold(one for row_id, one in each if own is None or row_id in own)
            protected, way = whole.address_protected, whole.safe_way
            known[person_id] = replace(shown, address_protected=protected, safe_way=way)
        return known

    async def seal_for_case(self, case_id: UUID, text: str) -> Binary | None:
        """Seal what a person wrote under the case's key; None if there is no such case."""
        try:
            return await self._keys.encrypt(cases.key_name(case_id), text.encode())
        except KeyDestroyed:
            return None

    async def _log(
        self,
        action: Act,
        kept: Document,
        *,
        session: AsyncClientSession,
        **facts: Any,
    ) -> None:
        basis = kept.get("basis")
        row = processing_log.entry(
            action,
            row_id=str(uuid4()),
            basis=None if basis is None else LegalBasis(basis),
            **facts,
        )
        unit = self._store.unit()
        unit.add(processing_log.COLLECTION, row)
        await self._store.write(unit, session)

    async def _person(self, row: Document) -> PersonContent:
        """Open one statement about a person; if it is damaged, the others can still be read."""
        content, damaged = None, False
        try:
            content = await self._open(row["sealed"])
        except NotABlob:
            damaged = True
            log.exception("sealed_part_damaged", row_id=str(row["_id"]))
        return PersonContent(
            person_id=row["person_id"],
            report_id=row["report_id"],
            partner=row["partner"],
            at=row["at"],
            marks=tuple(row["marks"]),
            content=content,
            damaged=damaged,
        )

    async def _open(self, blob: Binary) -> dict[str, Any] | None:
        try:
            opened: dict[str, Any] = json.loads(await self._keys.decrypt(blob))
        except KeyDestroyed:
            return None
        return opened
