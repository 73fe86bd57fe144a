"""Deadlines as documents: written by the transaction of their case, fired by the scheduler.

A deadline's document holds when it is due, its subject, and the case in whose order it fires. The
transaction that changes the subject sets, moves or cancels it, so the two never disagree. A service
registers here, by the deadline's name, what happens when it fires.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import msgspec

from shared.engine.store.document import NOTHING, Document, Needs
from shared.engine.store.unit_of_work import Unit

__all__ = ["COLLECTION", "Timer", "Timers", "read_timer", "sync_timers"]

COLLECTION: Final = "due"


class Timer(msgspec.Struct, frozen=True, gc=False):
    """One deadline, as it was set."""

    name: str
    """Its name. A subject has at most one deadline of each name."""
    subject: str
    """The id of a case, a report or a notice."""
    case_id: str
    """The case in whose order it fires. It waits while this case is parked."""
    due_at: datetime

    @property
    def row_id(self) -> str:
        """The id of its document. A deadline that is set again is moved."""
        return f"{self.subject}|{self.name}"

    def as_document(self) -> Document:
        """Return it as it is stored. `look_at` is when the scheduler tries it; later than due if it waits."""
        return {
            "_id": self.row_id,
            "name": self.name,
            "subject": self.subject,
            "case_id": self.case_id,
            "due_at": self.due_at,
            "look_at": self.due_at,
        }


def read_timer(row: Document) -> Timer:
    """Read a stored deadline."""
    return Timer(row["name"], row["subject"], row["case_id"], row["due_at"])


def sync_timers(
    unit: Unit,
    subject: str,
    *,
    before: Mapping[str, datetime],
    now: Mapping[str, datetime],
    case_id: str | None = None,
) -> None:
    """Set, move and cancel the deadlines of a subject according to its state.

    Args:
        unit: the unit of work that changes the subject.
        subject: the id of the case, report or notice.
        before: its deadlines by name, as loaded.
        now: its deadlines by name, as it is saved.
        case_id: its case; the subject itself by default.

    """
    for name in before.keys() - now.keys():
        unit.timers.append((f"{subject}|{name}", None))
    for name, at in now.items():
        if before.get(name) != at:
            timer = Timer(name, subject, case_id or subject, at)
            unit.timers.append((timer.row_id, timer.as_document()))


Handler = Callable[[Timer, Unit], None]
NeedsOf = Callable[[Timer], Needs]


class Timers:
    """The deadlines of a service, with the handler of each."""

    def __init__(self) -> None:
        self._handlers: dict[str, tuple[Handler, NeedsOf | None]] = {}

    def on(self, name: str, *, needs: NeedsOf | None = None) -> Callable[[Handler], Handler]:
        """Register a handler. It loads, decides, saves and emits in memory.

        The deadline is no longer set when it fires; the handler may set it again. The handler must
        check the state that it loads: a deadline only tells that its time has come.

        Args:
            name: the deadline's.
            needs: returns the documents that it loads beside the case's own, as collection -> ids.

        """

        def register(handler: Handler) -> Handler:
            self._handlers[name] = (handler, needs)
            return handler

        return register

    def knows(self, name: str) -> bool:
        """Whether there is a handler. After a rollback of the deployment there may be none."""
        return name in self._handlers

    def needs(self, timer: Timer) -> Needs:
        """Return the documents that its handler loads beside the case's own."""
        known = self._handlers.get(timer.name)
        return NOTHING if known is None or known[1] is None else known[1](timer)

    def fire(self, timer: Timer, unit: Unit) -> None:
        """Remove the deadline, and call its handler."""
        unit.timers.append((timer.row_id, None))
        self._handlers[timer.name][0](timer, unit)
