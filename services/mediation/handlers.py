"""Handlers of facts and timers: those of every service with cases, by the rules of mediation."""

from services.mediation.domain import RULES
from services.mediation.mediations import MEDIATIONS
from shared.cases import case_handlers
from shared.cases.working_time import Length
from shared.engine import Inbox, Timers

__all__ = ["make_inbox", "make_timers"]


def make_inbox(within: Length = RULES.first_step_within) -> Inbox:
    """Return the handlers of facts; `within` is how long a case's first step may take."""
    inbox = case_handlers.make_inbox(RULES, MEDIATIONS, within)
    return case_handlers.follow_people(inbox, MEDIATIONS)


def make_timers() -> Timers:
    """Return the handlers of timers: a step was not taken in time."""
    return case_handlers.make_timers(RULES, MEDIATIONS)
