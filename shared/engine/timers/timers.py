"""Deadlines as documents: written in the step's own transaction, fired by the scheduler (`scheduler`).

A due document says when somebody must be told, about what, and in which case's order. It is set,
moved and cancelled by the transaction that changes what it is about, so the two never disagree. What
firing means is a rule of the service, registered here by the deadline's name.
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
    """Which of the subject's deadlines: it has at most one of each name."""
    subject: str
    """What it is about: a case, a report or a notice."""
    case_id: str
    """In whose order it fires, and whose parking it waits for."""
    due_at: datetime

    @property
    def row_id(self) -> str:
        """The id of its document: set again, it is moved."""
        return f"{self.subject}|{self.name}"

    def as_document(self) -> Document:
        """As it is stored; `look_at` is when the scheduler looks at it, later where it has to wait."""
        return {
            "_id": self.row_id,
            "name": self.name,
            "subject": self.subject,
            "case_id": self.case_id,
            "due_at": self.due_at,
            "look_at": self.due_at,
        }


def read_timer(row: Document) -> Timer:
    """A stored due document."""
    return Timer(row["name"], row["subject"], row["case_id"], row["due_at"])


def sync_timers(
    unit: Unit,
    subject: str,
    *,
    before: Mapping[str, datetime],
    now: Mapping[str, datetime],
    case_id: str | None = None,
) -> None:
    """Let the deadlines of a subject follow its state: set what is new, move, cancel what is gone.

    Args:
        unit: the step that changes the subject.
        subject: the id of the case, report or notice.
        before: its deadlines by name, as loaded.
        now: its deadlines by name, as it is saved.
        case_id: the case that it belongs to; itself by default.

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
    """The deadlines that a service knows, and what each does when it has passed."""

    def __init__(self) -> None:
        self._handlers: dict[str, tuple[Handler, NeedsOf | None]] = {}

    def on(self, name: str, *, needs: NeedsOf | None = None) -> Callable[[Handler], Handler]:
        """Register what happens when a deadline has passed: load, decide, save, emit; in memory.

        By then it is no longer set; whoever wants it again sets it again. The handler must look at
        the state that it loads: a deadline says that somebody must look, not what is so.

        Args:
            name: of the deadline.
            needs: documents beside the case's own, as collection -> ids.

        """

        def register(handler: Handler) -> Handler:
            self._handlers[name] = (handler, needs)
            return handler

        return register

    def knows(self, name: str) -> bool:
        """Whether this code can fire it: an older one that is rolled back to may not."""
        return name in self._handlers

    def needs(self, timer: Timer) -> Needs:
        """What its handler asks for, beside the case's own document."""
        known = self._handlers.get(timer.name)
        return NOTHING if known is None or known[1] is None else known[1](timer)

    def fire(self, timer: Timer, unit: Unit) -> None:
        """Take it off, and let it have its effect."""
        unit.timers.append((timer.row_id, None))
        self._handlers[timer.name][0](timer, unit)
