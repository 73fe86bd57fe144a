"""A batch in memory: what `Inbox` does with each event, on a case and its parked rows as loaded."""

from typing import NamedTuple

from tests.protocol.rules import Rules
from tests.protocol.state import Case, Cases, Fact, Facts, Rows, Scenario, both

__all__ = ["Outcome", "Unit", "kept_in", "merged"]


class Outcome(NamedTuple):
    """What a transaction would write, and how far it got."""

    to: int
    cases: Cases
    rows: Rows
    refused: bool
    """The database would refuse it for good."""


class Unit:
    """One transaction's work, event by event."""

    def __init__(self, scenario: Scenario, rules: Rules, *, fixed: bool) -> None:
        self.scenario, self.rules, self.fixed = scenario, rules, fixed
        self.may_resume = rules.may_resume
        self.parked_is_complete = True
        self.refused = False

    def load_parked(self, case: Case, rows: Facts, *, parked_too: bool = False) -> Facts:
        """What waits for a case, if its document records that anything does."""
        if not case.waiting or (case.parked and not parked_too):
            return ()
        self.parked_is_complete = self.parked_is_complete and len(rows) < self.rules.rows_loaded
        return rows[: self.rules.rows_loaded]

    def run(self, events: Facts, begin: int, cases: Cases, rows: Rows) -> Outcome:
        """Let a batch have its effect on what was loaded."""
        loaded, now, to = list(cases), list(rows), begin
        for fact in events:
            k = fact.case
            mark = (loaded if self.rules.running_mark else cases)[k].mark
            outcome = self.take(loaded[k], now[k], fact, mark)
            if outcome is None:
                break
            loaded[k], now[k] = outcome
            to += 1
        for k in (0, 1):
            kept = now[k] != rows[k] and self.rules.keeping_writes_case
            if loaded[k] != cases[k] or kept:
                loaded[k] = loaded[k]._replace(version=cases[k].version + 1)
        return Outcome(to, both(loaded), both(now), self.refused)

    def take(self, case: Case, rows: Facts, fact: Fact, mark: int) -> tuple[Case, Facts] | None:
        """Drop a repeat, apply what is next and what waited for it, keep the rest.

        None: the worker stops before it.
        """
        rules = self.rules
        if rules.drops_repeats and fact.sequence <= mark:
            return case, rows
        if str(fact) in self.scenario.unknown and not rules.unknown_moves_mark:
            return case, rows
        if rules.late_join == "adopt" and self.scenario.trimmed and not case.mark and not rows:
            case = case._replace(mark=fact.sequence - 1)
        beyond = fact.sequence > case.mark + 1 and rules.gap != "none"
        if (case.parked and rules.parks_case) or (beyond and rules.gap == "park"):
            return self.keep(case, rows, fact)
        if beyond:
            return None
        case, rows = self.apply(case, rows, fact)
        return self.drain(case, rows) if rules.gap == "park" else (case, rows)

    def apply(self, case: Case, rows: Facts, fact: Fact) -> tuple[Case, Facts]:
        """Give it its effect and move the mark, or park what can never succeed."""
        if str(fact) in self.scenario.poison and not self.fixed:
            effects = case.effects if self.rules.rolls_back_failed else (*case.effects, fact)
            return self.park(case._replace(effects=effects), rows, fact)
        self.refused |= str(fact) in self.scenario.refused and not self.fixed
        return case._replace(mark=fact.sequence, effects=(*case.effects, fact)), rows

    def park(self, case: Case, rows: Facts, fact: Fact) -> tuple[Case, Facts]:
        """Keep the event, leave its mark, park its case."""
        mark = case.mark if self.rules.park_keeps_mark else fact.sequence
        return self.keep(case._replace(parked=True, mark=mark), rows, fact)

    def keep(self, case: Case, rows: Facts, fact: Fact) -> tuple[Case, Facts]:
        """Park it: one row per case and sequence, and the document records it."""
        if self.rules.keeping_writes_case:
            case = case._replace(waiting=True)
        elif not case.waiting:
            case = case._replace(waiting=True)  # a variant leaves out the write that seems needless
        return case, kept_in(rows, fact)

    def drain(self, case: Case, rows: Facts) -> tuple[Case, Facts]:
        """Apply what waits, as long as the next one is there and the transaction has space."""
        while self.may_resume and (due := self.first_due(case, rows)) is not None:
            self.may_resume -= 1
            rows = tuple(fact for fact in rows if fact != due)
            if not self.rules.drops_repeats or due.sequence > case.mark:
                case, rows = self.apply(case, rows, due)
        if not rows and (self.parked_is_complete or not self.rules.clears_waiting_if_whole):
            case = case._replace(waiting=False)
        return case, rows

    def first_due(self, case: Case, rows: Facts) -> Fact | None:
        """The kept event that is next, unless the case is parked or waits for another."""
        if not rows or case.parked:
            return None
        is_due = rows[0].sequence <= case.mark + 1 or self.rules.gap == "none"
        return rows[0] if is_due else None


def kept_in(rows: Facts, fact: Fact) -> Facts:
    """The rows with the fact among them, once, in order of sequence."""
    return tuple(sorted({*rows, fact}))


def merged(stored: Facts, before: Facts, after: Facts) -> Facts:
    """Parked events are rows of their own: what was freed is deleted, what was kept is inserted."""
    freed, kept = set(before) - set(after), set(after) - set(before)
    return tuple(sorted((set(stored) - freed) | kept))
