"""Notices: their content, when they are recalled, and the facts about them.

Pure: no I/O, no clock, no randomness. A notice is known by its cause, so the same cause never
makes two. `rules` has the audience of each fact.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

from services.notify.rules import RULES, Audience, Readers, Rule, WorkArea, rule_of
from shared.cases.working_time import Length
from shared.contracts import Fact, psp
from shared.contracts.mediation import ClearanceGiven, Screened
from shared.contracts.notify import NoticeCreated, NoticeReminded
from shared.contracts.processes import Process
from shared.contracts.references import case_reference
from shared.contracts.steps import StepDue

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "Audience",
    "Notice",
    "WorkArea",
    "ended_by",
    "notice_created",
    "notice_reminded",
    "notices_of",
    "remind_at",
]


_WITH_RESULT: Final = (Screened, ClearanceGiven, psp.NecessityJudged)
_NOTICES: Final = uuid5(NAMESPACE_URL, "samraad:notices")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """An entry of an inbox: a reference, a place and a deadline."""

    id: UUID
    area: WorkArea
    about: str
    """The type of the fact that caused it."""
    subject: UUID
    """The case, or the report that has no case yet."""
    process: Process | None
    municipality: str
    audience: Audience
    due_at: datetime | None
    """When somebody must have acted; None where there is no deadline."""
    step: str | None = None
    """The step of a case whose time has passed, or the result of an assessment, where the notice is
    about that."""
    urgent: bool = False
    """Only the fact that ends it stops it."""

    @property
    def reference(self) -> str:
        """The case's reference, as people use it."""
        return case_reference(self.process, self.subject)


def notices_of(fact: Fact) -> tuple[Notice, ...]:
    """Return the notices that a fact causes; none where no rule exists for it."""
    step = _step_of(fact)
    rule = rule_of(fact.type, step)
    if rule is None:
        return ()
    return tuple(_notice(fact, rule, step, audience) for audience in _audiences(rule, fact))


def _audiences(rule: Rule[Any], fact: Fact) -> tuple[Audience, ...]:
    to = rule.to(fact)
    return (to,) if isinstance(to, Audience) else to


def _step_of(fact: Fact) -> str | None:
    """By what the rows of a fact differ: the step that it is about, its result, or its readers."""
    if isinstance(fact, psp.AccessChanged | psp.StepDue) and fact.authorities == ():
        return Readers.NONE
    if isinstance(fact, StepDue):
        return str(fact.step)
    return str(fact.result) if isinstance(fact, _WITH_RESULT) else None


def _notice(fact: Any, rule: Rule[Any], step: str | None, audience: Audience) -> Notice:
    cause = [fact.type, fact.subject(), str(audience)]
    if step is not None:
        cause.append(step)
    if isinstance(fact, StepDue):
        cause.append(fact.due_at.isoformat())  # each time that passes is a notice of its own
    return Notice(
        id=_id(cause),
        area=rule.area,
        about=fact.type,
        subject=UUID(fact.subject()),
        process=rule.process,
        municipality=fact.municipality,
        audience=audience,
        due_at=rule.due(fact),
        step=step,
        urgent=rule.ended_by is not None,
    )


def ended_by(fact: Fact, rules: Iterable[Rule[Any]] = RULES) -> tuple[UUID, ...]:
    """Return the ids of the urgent notices that a fact ends; it has their subject and place."""
    ended: list[UUID] = []
    for rule in rules:
        if rule.ended_by is type(fact):
            more = [rule.step.value] if rule.step else []
            ended += [
                _id([rule.fact.type, fact.subject(), str(audience), *more])
                for audience in _audiences(rule, fact)
            ]
    return tuple(ended)


def _id(cause: Iterable[str]) -> UUID:
    return uuid5(_NOTICES, "|".join(cause))


def notice_created(notice: Notice) -> NoticeCreated:
    """Return the fact that a notice was created."""
    return NoticeCreated(
        case_id=notice.subject,
        notice_id=notice.id,
        audience=str(notice.audience),
        about=notice.about,
    )


def remind_at(due_at: datetime | None, now: datetime, within: Length) -> datetime:
    """Return when a notice is recalled if nobody has acknowledged it.

    That is `within` after now; where its matter is due sooner, half way to the due time, so that
    time is left to act.
    """
    latest = within.after(now)
    if due_at is None or due_at <= now:
        return latest
    return min(latest, now + (due_at - now) / 2)


def notice_reminded(notice: Mapping[str, Any]) -> NoticeReminded:
    """Return the fact that nobody acknowledged a notice in time."""
    return NoticeReminded(
        case_id=UUID(notice["subject"]),
        notice_id=UUID(notice["_id"]),
        audience=f"{notice['role']}:{notice['place']}",
        about=notice["about"],
    )
