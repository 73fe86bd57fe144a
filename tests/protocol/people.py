"""Who else writes the downstream cases: staff, an operator's redrive or discard, the sweeper."""

from typing import NamedTuple

from tests.protocol.rules import Rules
from tests.protocol.state import (
    Act,
    Case,
    Fact,
    Facts,
    Scenario,
    State,
    Step,
    Steps,
    both,
    fault,
    may_fail,
    put,
)
from tests.protocol.unit import Unit, merged

__all__ = ["steps"]

NAMES = "AB"


def steps(s: State, scenario: Scenario, rules: Rules) -> Steps:
    """What they may do next: load, then commit under the version guard."""
    if not s.workers:
        return
    yield from _staff(s, scenario, rules)
    if (scenario.poison or scenario.refused) and not scenario.discards and not s.fixed:
        yield Step("the handler is fixed", s._replace(fixed=True))
    if s.drain.loaded is None:
        yield from _begin_drain(s, scenario, rules)
    else:
        yield from _commit_drain(s, s.drain.loaded, scenario, rules)


def _staff(s: State, scenario: Scenario, rules: Rules) -> Steps:
    """A staff action writes a note on case A while the worker may hold the same case."""
    me, case, who = s.staff, s.cases[0], "staff downstream"
    if me.done:
        return
    if me.loaded is None:
        if case.notes and rules.action_key:
            yield Step(f"{who} find what they had committed", s._replace(staff=Act(done=True)))
        else:
            yield Step(f"{who} load case A", s._replace(staff=Act(loaded=case)))
    elif me.loaded.version != case.version:
        yield Step(f"{who} meet a conflict and decide again", s._replace(staff=Act()))
    else:
        noted = case._replace(version=case.version + 1, notes=case.notes + 1)
        after = s._replace(cases=(noted, s.cases[1]), staff=Act(done=True))
        yield Step(f"{who} commit a note on case A", after)
        if may_fail(s, scenario, "unclear commit"):
            story = f"{who} commit, but see an error and try again"
            yield fault(story, after._replace(staff=Act()))


def _begin_drain(s: State, scenario: Scenario, rules: Rules) -> Steps:
    for k, case in enumerate(s.cases):
        rows = s.rows[k]
        if case.parked:
            wanted = s.fixed or scenario.discards
        else:
            gap = rules.late_join == "accept" and scenario.trimmed and rows
            due = bool(rows) and rows[0].sequence == case.mark + 1
            wanted = bool(gap) or (rules.sweeps and case.waiting and due)
        if wanted:
            unit = Unit(scenario, rules, fixed=s.fixed)
            loaded = unit.load_parked(case, rows, parked_too=True)
            drain = Act(case=k, loaded=case, rows=loaded)
            yield Step(f"a drain loads case {NAMES[k]}", s._replace(drain=drain))


def _commit_drain(s: State, loaded_case: Case, scenario: Scenario, rules: Rules) -> Steps:
    k, rows = s.drain.case, s.drain.rows
    if rules.redrive_guarded and loaded_case.version != s.cases[k].version:
        yield Step("the drain meets a conflict and loads again", s._replace(drain=Act()))
        return
    for done in _outcomes(loaded_case, rows, scenario, rules, fixed=s.fixed):
        written = done.case._replace(version=loaded_case.version + 1)
        then = s._replace(
            cases=both(list(put(s.cases, k, written))),
            rows=both(list(put(s.rows, k, merged(s.rows[k], rows, done.rows)))),
            discarded=s.discarded | done.discarded,
            drain=Act(),
        )
        yield Step(f"{done.story} case {NAMES[k]}", then)


class _Done(NamedTuple):
    story: str
    case: Case
    rows: Facts
    discarded: frozenset[Fact] = frozenset()


def _outcomes(
    loaded_case: Case, rows: Facts, scenario: Scenario, rules: Rules, *, fixed: bool
) -> list[_Done]:
    """What the drain may come to; more than one only where a variant knows no order."""

    def drained(case: Case, rest: Facts) -> tuple[Case, Facts]:
        case = case._replace(waiting=True)  # written in any case: a worker that passes by conflicts
        for most in (rules.may_resume, 1):
            unit = _unit(scenario, rules, fixed=fixed, whole=len(rows) < rules.rows_loaded)
            unit.may_resume = most
            after = unit.drain(case, rest)
            if not unit.refused:
                return after
        due = unit.first_due(case, rest)
        assert due is not None
        return unit.park(case, rest, due)

    free = loaded_case._replace(parked=False)
    if not loaded_case.parked:
        accepted = bool(scenario.trimmed) and bool(rows)
        case = loaded_case._replace(mark=rows[0].sequence - 1) if accepted else loaded_case
        story = "an operator accepts the gap of" if accepted else "the sweeper goes on with"
        return [_Done(story, *drained(case, rows))]
    if scenario.discards:
        moved = free._replace(mark=rows[0].sequence) if rules.discard_moves_mark else free
        story = f"an operator discards {rows[0]} of"
        return [_Done(story, *drained(moved, rows[1:]), frozenset(rows[:1]))]
    if rules.redrive_in_order:
        return [_Done("an operator redrives", *drained(free, rows))]
    return list(_row_by_row(free, rows, scenario, rules, fixed=fixed))


def _unit(scenario: Scenario, rules: Rules, *, fixed: bool, whole: bool) -> Unit:
    unit = Unit(scenario, rules, fixed=fixed)
    unit.parked_is_complete = whole
    return unit


def _row_by_row(
    free: Case, rows: Facts, scenario: Scenario, rules: Rules, *, fixed: bool
) -> list[_Done]:
    found = []
    for fact in rows:
        unit = _unit(scenario, rules, fixed=fixed, whole=True)
        rest = tuple(each for each in rows if each != fact)
        outcome = unit.take(free, rest, fact, free.mark)
        if outcome is not None and outcome[1] != rows:
            case, left = outcome
            parked = case._replace(parked=bool(left))
            found.append(_Done(f"an operator redrives {fact} alone of", parked, left))
    return found
