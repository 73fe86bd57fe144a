"""Persons in MongoDB: their pseudonyms, and what each report states about them.

A person is an id, a blind mark of the CPR number where one is known, and a pseudonym per process.
Statements lie in the collection `said`: one row per report and person, sealed under that person's
own key, with source and date. No row is overwritten; destroying the key erases all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from services.intake import cases, reports

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from bson.binary import Binary
    from pymongo.asynchronous.client_session import AsyncClientSession
    from pymongo.asynchronous.database import AsyncDatabase

    from services.intake.sealed_report import SealedPerson
    from shared.contracts.processes import Process
    from shared.engine import Unit

__all__ = [
    "COLLECTION",
    "STATEMENTS",
    "key_name",
    "known_as",
    "marked_with",
    "meet",
    "said_by_staff",
    "said_in",
    "said_of",
    "statements",
]

COLLECTION = "persons"
STATEMENTS = "said"

Document = dict[str, Any]


def key_name(person_id: UUID | str) -> str:
    """Return the name of the data key for all statements about a person."""
    return f"person:{person_id}"


async def marked_with(db: AsyncDatabase[Document], marks: Iterable[str]) -> dict[str, UUID]:
    """Return the persons whose CPR number has one of the marks, in one query."""
    wanted = sorted(set(marks))
    if not wanted:
        return {}
    found = db[COLLECTION].find({"cpr_index": {"$in": wanted}}, {"cpr_index": 1})
    return {person["cpr_index"]: UUID(person["_id"]) async for person in found}


async def known_as(
    db: AsyncDatabase[Document],
    process: Process,
    party_ids: Iterable[UUID],
    *,
    session: AsyncClientSession,
) -> dict[UUID, str]:
    """Return the person behind each pseudonym of a process, in one query."""
    field = f"party_ids.{process.value}"
    wanted = {"$in": sorted(map(str, set(party_ids)))}
    found = db[COLLECTION].find({field: wanted}, {field: 1}, session=session)
    return {UUID(each["party_ids"][process.value]): each["_id"] async for each in found}


async def said_of(
    db: AsyncDatabase[Document], person_ids: Iterable[str], *, session: AsyncClientSession
) -> list[Document]:
    """Return all statements about some persons, oldest first; the caller logs the reading."""
    wanted = {"person_id": {"$in": sorted(set(person_ids))}}
    found = db[STATEMENTS].find(wanted, session=session)
    return await found.sort([("at", 1), ("_id", 1)]).to_list()


async def said_in(
    db: AsyncDatabase[Document],
    process: Process,
    rows: Iterable[Document],
    *,
    session: AsyncClientSession,
) -> frozenset[str]:
    """Return the ids of the statements that were made in cases of a process, or in reports for it.

    What a report said for one process is not passed on in another (retsplejeloven section 115).
    """
    rows = list(rows)
    wanted = {"_id": {"$in": sorted(row["report_id"] for row in rows if row["report_id"])}}
    found = db[reports.COLLECTION].find(wanted, {"process": 1, "case_id": 1}, session=session)
    sent = {each["_id"]: each async for each in found}
    case_of = {
        row["_id"]: sent.get(row["report_id"], {}).get("case_id") or row.get("case_id")
        for row in rows
    }
    of_process = {
        "_id": {"$in": sorted(one for one in case_of.values() if one)},
        "process": process.value,
    }
    own = {one["_id"] async for one in db[cases.COLLECTION].find(of_process, {}, session=session)}
    return frozenset(
        row["_id"]
        for row in rows
        if case_of[row["_id"]] in own
        or (
            case_of[row["_id"]] is None
            and sent.get(row["report_id"], {}).get("process") == process.value
        )
    )


def meet(
    unit: Unit,
    person_id: UUID | str,
    cpr_mark: str | None,
    *,
    party: tuple[Process, UUID] | None,
    protected: bool,
) -> bool:
    """Store the person, under the pseudonym `party` in that process.

    Returns whether the address is protected: it is, once any report stated so.
    """
    known = unit.load(COLLECTION, str(person_id))
    before = known or {"_id": str(person_id), "party_ids": {}, "address_protected": False}
    after = {**before, "address_protected": before["address_protected"] or protected}
    if cpr_mark is not None:
        after["cpr_index"] = cpr_mark
    if party is not None:
        process, party_id = party
        after["party_ids"] = {process.value: str(party_id), **before["party_ids"]}
    if after != known:
        unit.save(COLLECTION, after)
    return bool(after["address_protected"])


def statements(
    report_id: UUID, people: Iterable[SealedPerson], *, partner: str, at: datetime
) -> Iterator[Document]:
    """Return the rows of one report's statements: one row per person, in the report's order."""
    for place, person in enumerate(people):
        yield {
            "_id": f"{report_id}:{place}",
            "person_id": str(person.person_id),
            "report_id": str(report_id),
            "place": place,
            "partner": partner,
            "at": at,
            "marks": list(person.marks),
            "sealed": person.sealed,
        }


def said_by_staff(
    person_id: str, sealed: Binary, *, row_id: str, case_id: UUID, staff_id: str, at: datetime
) -> Document:
    """Return the row of what a member of staff learned about a person in a case."""
    return {
        "_id": row_id,
        "person_id": person_id,
        "report_id": None,
        "case_id": str(case_id),
        "place": None,
        "partner": None,
        "staff": staff_id,
        "at": at,
        "marks": [],
        "sealed": sealed,
    }
