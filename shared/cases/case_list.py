"""The list of a service's cases, and the same cases on a board with a column for each stage.

A query finds only what the person may open (`shared.staff.sight`): what is not there and what the
person may not see look the same. Each reading is logged first, as one row without content. Lists
are read by indexes, a page at a time.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, Generic, Literal, NamedTuple, TypeVar
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase

from shared.cases.case_store import CaseStore
from shared.cases.next_step import AwaitsStep
from shared.contracts.places import MUNICIPALITIES, place_name
from shared.contracts.references import case_reference, typed_part
from shared.engine import Document
from shared.staff.sight import Sight
from shared.web import N_

__all__ = ["PAGE", "CaseList", "Column", "Found", "ListFilter", "ListedCase"]

C = TypeVar("C", bound=AwaitsStep)

PAGE: Final = 50
"""How many cases a page of the list shows."""
_CARDS: Final = 5
"""How many cards a column of the board shows."""
_COUNTED: Final = 10_000
"""Counting stops here."""
_ORDER: Final = [("listed.due", 1), ("_id", 1)]


class Due(StrEnum):
    """Which deadlines the list is narrowed to."""

    LATE = "overskredet"
    WEEK = "uge"
    NONE = "ingen"


DUE_WORDS: Final = {
    Due.LATE: N_("Overskredet"),
    Due.WEEK: N_("Inden for en uge"),
    Due.NONE: N_("Ingen frist"),
}
OPEN, ALL = "", "alle"


class ListFilter(BaseModel):
    """What a person asked for, from the query of the address."""

    model_config = ConfigDict(frozen=True)

    vis: Literal["liste", "tavle"] = "liste"
    trin: str = Field(OPEN, max_length=40)
    """A stage; empty for cases that are open, `alle` for all."""
    kommune: str = Field("", max_length=4)
    frist: Due | Literal[""] = ""
    sag: str = Field("", max_length=64)
    """A part of a reference, as typed."""
    side: int = Field(1, ge=1, le=1000)

    @classmethod
    def read(cls, query: str) -> "ListFilter":
        """Read it from a query; an invalid one is ignored as a whole."""
        try:
            return cls.model_validate(dict(parse_qsl(query, max_num_fields=10)))
        except (ValidationError, ValueError):
            return cls()

    def query(self, **changes: object) -> str:
        """Write it as the query of an address."""
        kept = self.model_copy(update=changes)
        return urlencode(kept.model_dump(exclude_defaults=True, mode="json"))

    @property
    def is_narrowed(self) -> bool:
        """Whether it asks for less than all open cases."""
        return self.model_copy(update={"vis": "liste", "side": 1}) != ListFilter()


class ListedCase(NamedTuple):
    """One line of a list, or one card of a board."""

    id: str
    reference: str
    address: str
    place: str
    stage: str
    """In Danish."""
    due_at: datetime | None


class Found(NamedTuple):
    """A page of the list, and the length of the list."""

    cases: Sequence[ListedCase]
    total: int

    @property
    def pages(self) -> int:
        """How many pages the list has."""
        return -(-self.total // PAGE)


class Column(NamedTuple):
    """A column of the board: the cases of one stage that are due first."""

    stage: str
    words: str
    """In Danish."""
    found: Found

    @property
    def more(self) -> int:
        """How many it does not show."""
        return self.found.total - len(self.found.cases)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseList(Generic[C]):
    """The cases of one service that one person may open."""

    database: AsyncDatabase[Document]
    cases: CaseStore[C]
    prefix: str
    """The address of the list; a case lies below it."""
    stages: Mapping[StrEnum, str]
    """The name of each stage, in Danish."""
    ended: frozenset[StrEnum]
    """The stages of cases that are over."""
    sight: Sight

    async def page(self, asked: ListFilter, now: datetime) -> Found:
        """Return a page of the list; the nearest deadline first, cases without one last."""
        wanted = self._wanted(asked, now)
        if wanted is None:
            return Found([], 0)
        return await self._find(wanted, (asked.side - 1) * PAGE, PAGE)

    async def columns(self, asked: ListFilter, now: datetime) -> list[Column]:
        """Return the board: a column for each stage of open cases."""
        wanted = self._wanted(asked.model_copy(update={"trin": OPEN}), now)
        columns = []
        for stage, words in self.stages.items():
            if stage in self.ended:
                continue
            nothing = Found([], 0)
            of_stage = {"$and": [wanted or {}, {"stage": stage.value}]}
            found = nothing if wanted is None else await self._find(of_stage, 0, _CARDS)
            columns.append(Column(stage.value, words, found))
        return columns

    async def count_late(self, now: datetime) -> int:
        """How many open cases have passed their deadline."""
        wanted = self._wanted(ListFilter(frist=Due.LATE), now)
        return await self._cases.count_documents(wanted or {"_id": None}, limit=_COUNTED)

    def places(self) -> list[tuple[str, str]]:
        """The municipalities that the person may choose: code and name."""
        codes = sorted(MUNICIPALITIES, key=place_name)
        if not (self.sight.is_district or self.sight.is_named or self.sight.is_member):
            codes = [code for code in codes if code in self.sight.places | self.sight.held]
        return [(code, place_name(code)) for code in codes]

    @property
    def _cases(self) -> AsyncCollection[Document]:
        return self.database[self.cases.collection]

    def _wanted(self, asked: ListFilter, now: datetime) -> Document | None:
        """The condition on a document; None where nothing can meet it."""
        asked_for: list[Document] = [{"stage": {"$exists": True}}, self.sight.query()]
        if asked.trin == OPEN and not asked.sag:
            ended = sorted(stage.value for stage in self.ended)
            asked_for.append({"stage": {"$nin": ended}})
        elif asked.trin not in (OPEN, ALL):
            asked_for.append({"stage": asked.trin})
        if asked.kommune:
            asked_for.append({"municipality": asked.kommune})
        match asked.frist:
            case Due.LATE:
                asked_for.append({"due_at": {"$ne": None, "$lte": now}})
            case Due.WEEK:
                asked_for.append({"due_at": {"$ne": None, "$lte": now + timedelta(days=7)}})
            case Due.NONE:
                asked_for.append({"due_at": None})
        if asked.sag.strip():
            part = typed_part(asked.sag)
            if part is None:
                return None
            asked_for.append({"listed.parts": {"$regex": f"^{part}"}})
        return {"$and": asked_for}

    async def _find(self, wanted: Document, skip: int, most: int) -> Found:
        fields = {"municipality": 1, "stage": 1, "due_at": 1, "next_step": 1}
        rows = self._cases.find(wanted, fields).sort(_ORDER).skip(skip).limit(most)
        cases = [self._listed(one) async for one in rows]
        total = await self._cases.count_documents(wanted, limit=_COUNTED)
        return Found(cases, total)

    def _listed(self, document: Document) -> ListedCase:
        case_id = document["_id"]
        stage: str = document["stage"]
        words: dict[str, str] = {each.value: name for each, name in self.stages.items()}
        due_at = document.get("due_at") if document.get("next_step") else None
        return ListedCase(
            id=case_id,
            reference=case_reference(self.cases.process, UUID(case_id)),
            address=f"{self.prefix}/{case_id}",
            place=place_name(document["municipality"]),
            stage=words.get(stage, stage),
            due_at=due_at.replace(tzinfo=UTC) if due_at and due_at.tzinfo is None else due_at,
        )
