"""A batch in memory: what `Inbox` does with each event, on a case and its room as loaded."""

from typing import NamedTuple

from tests.protocol.rules import Rules
from tests.protocol.state import Case, Cases, Fact, Facts, Rooms, Scenario, both

__all__ = ["Outcome", "Unit", "kept_in", "merged"]


class Outcome(NamedTuple):
    """What a transaction would write, and how far it got."""

    to: int
    cases: Cases
    rooms: Rooms
    refused: bool
    """The database would refuse it for good."""


class Unit:
    """One transaction's work, event by event."""

    def __init__(self, scenario: Scenario, rules: Rules, *, mended: bool) -> None:
        self.scenario, self.rules, self.mended = scenario, rules, mended
        self.may_resume = rules.may_resume
        self.parked_is_complete = True
        self.refused = False

    def load_parked(self, case: Case, room: Facts, *, parked_too: bool = False) -> Facts:
        """What waits for a case, if its document says that anything does."""
        if not case.waiting or (case.parked and not parked_too):
            return ()
        self.parked_is_complete = self.parked_is_complete and len(room) < self.rules.room_rows
        return room[: self.rules.room_rows]

    def run(self, events: Facts, begin: int, cases: Cases, rooms: Rooms) -> Outcome:
        """Let a batch have its effect on what was loaded."""
        held, now, to = list(cases), list(rooms), begin
        for fact in events:
            k = fact.case
            mark = (held if self.rules.running_mark else cases)[k].mark
            outcome = self.take(held[k], now[k], fact, mark)
            if outcome is None:
                break
            held[k], now[k] = outcome
            to += 1
        for k in (0, 1):
            kept = now[k] != rooms[k] and self.rules.keeping_writes_case
            if held[k] != cases[k] or kept:
                held[k] = held[k]._replace(version=cases[k].version + 1)
        return Outcome(to, both(held), both(now), self.refused)

    def take(self, case: Case, room: Facts, fact: Fact, mark: int) -> tuple[Case, Facts] | None:
        """Drop a repeat, apply what is next and what waited for it, keep the rest.

        None: the worker stands still before it.
        """
        rules = self.rules
        if rules.drops_repeats and fact.sequence <= mark:
            return case, room
        if str(fact) in self.scenario.unknown and not rules.unknown_moves_mark:
            return case, room
        if rules.late_join == "adopt" and self.scenario.trimmed and not case.mark and not room:
            case = case._replace(mark=fact.sequence - 1)
        beyond = fact.sequence > case.mark + 1 and rules.gap != "none"
        if (case.parked and rules.parks_case) or (beyond and rules.gap == "room"):
            return self.keep(case, room, fact)
        if beyond:
            return None
        case, room = self.apply(case, room, fact)
        return self.drain(case, room) if rules.gap == "room" else (case, room)

    def apply(self, case: Case, room: Facts, fact: Fact) -> tuple[Case, Facts]:
        """Give it its effect and move the mark, or park what can never succeed."""
        if str(fact) in self.scenario.poison and not self.mended:
            effects = case.effects if self.rules.rolls_back_failed else (*case.effects, fact)
            return self.park(case._replace(effects=effects), room, fact)
        self.refused |= str(fact) in self.scenario.refused and not self.mended
        return case._replace(mark=fact.sequence, effects=(*case.effects, fact)), room

    def park(self, case: Case, room: Facts, fact: Fact) -> tuple[Case, Facts]:
        """Keep the event, leave its mark, let its case stand still."""
        mark = case.mark if self.rules.park_keeps_mark else fact.sequence
        return self.keep(case._replace(parked=True, mark=mark), room, fact)

    def keep(self, case: Case, room: Facts, fact: Fact) -> tuple[Case, Facts]:
        """Put it into the room: one row per case and sequence, and the document says so."""
        if self.rules.keeping_writes_case:
            case = case._replace(waiting=True)
        elif not case.waiting:
            case = case._replace(waiting=True)  # a variant leaves out the write that seems needless
        return case, kept_in(room, fact)

    def drain(self, case: Case, room: Facts) -> tuple[Case, Facts]:
        """Apply what waits, as long as the next one is there and the transaction has room."""
        while self.may_resume and (due := self.first_due(case, room)) is not None:
            self.may_resume -= 1
            room = tuple(fact for fact in room if fact != due)
            if not self.rules.drops_repeats or due.sequence > case.mark:
                case, room = self.apply(case, room, due)
        if not room and (self.parked_is_complete or not self.rules.clears_waiting_if_whole):
            case = case._replace(waiting=False)
        return case, room

    def first_due(self, case: Case, room: Facts) -> Fact | None:
        """The kept event that is next, unless the case is parked or waits for another."""
        if not room or case.parked:
            return None
        is_due = room[0].sequence <= case.mark + 1 or self.rules.gap == "none"
        return room[0] if is_due else None


def kept_in(room: Facts, fact: Fact) -> Facts:
    """The room with the fact in it, once, in order of sequence."""
    return tuple(sorted({*room, fact}))


def merged(stored: Facts, before: Facts, after: Facts) -> Facts:
    """Rooms are rows of their own: what was freed is deleted, what was kept is inserted."""
    freed, kept = set(before) - set(after), set(after) - set(before)
    return tuple(sorted((set(stored) - freed) | kept))
