"""One case with a deadline, two schedulers, staff who move or close it, and an operator who redrives."""

from dataclasses import dataclass
from typing import NamedTuple

from tests.protocol.rules import Rules
from tests.protocol.state import put

__all__ = ["Moment", "Step", "Ticking", "broken", "is_delivered", "missing", "start", "steps"]

LAST = 2
"""Time passes so far: deadlines lie at 1 and 2."""


class Case(NamedTuple):
    """A case's document: what it waits for, and what was emitted of it."""

    version: int = 0
    waits_for: int | None = None
    """When its next step must have been taken; None: nothing is awaited."""
    overdue: bool = False
    """Whether it was reported as missed."""
    parked: bool = False


class Scheduler(NamedTuple):
    """What one process knows that fires deadlines."""

    owner: bool = False
    """Whether it believes that the lease is its own."""
    due: int | None = None
    """The due document that it loaded, with the case below."""
    case: Case | None = None
    deletes: bool = False
    """A variant deletes the due document once it has committed."""


class FiredTimer(NamedTuple):
    """A fact that a time has passed, with what was so when it was committed."""

    due: int
    at: int
    was_awaited: bool
    was_parked: bool


class Moment(NamedTuple):
    """One moment of everything."""

    now: int
    """mongod's clock."""
    case: Case
    due: int | None
    """The due document, if there is one."""
    staff: int
    """How many of their acts are done."""
    decided_on: Case | None
    holder: int
    schedulers: tuple[Scheduler, Scheduler]
    fired: tuple[FiredTimer, ...]
    faults: int


class Step(NamedTuple):
    """One thing that may happen next."""

    story: str
    then: Moment
    fault: bool = False


@dataclass(frozen=True)
class Ticking:
    """What staff do to the case, one after the other, and what may go wrong."""

    name: str
    acts: tuple[int | None, ...]
    """A new time for the next step; None closes the case."""
    parks: bool = False
    """The case is parked once it waits, until an operator redrives it."""
    faults: int = 2


def start(scenario: Ticking) -> Moment:
    """Return the moment before anything happens."""
    schedulers = (Scheduler(owner=True), Scheduler())
    return Moment(0, Case(), None, 0, None, 0, schedulers, (), scenario.faults)


def steps(s: Moment, scenario: Ticking, rules: Rules) -> list[Step]:
    """What may happen next."""
    found: list[Step] = []
    if s.now < LAST:
        found.append(Step("time passes", s._replace(now=s.now + 1)))
    found += _staff(s, scenario, rules)
    if scenario.parks and s.staff and not s.case.parked and s.faults:
        parked = s.case._replace(parked=True, version=s.case.version + 1)
        found.append(_fault("an event of the case is parked", s._replace(case=parked)))
    if s.case.parked:
        free = s.case._replace(parked=False, version=s.case.version + 1)
        found.append(Step("an operator redrives the case", s._replace(case=free)))
    for t in (0, 1):
        found += _scheduler(s, t, rules)
    return found


def _fault(story: str, then: Moment) -> Step:
    return Step(story, then._replace(faults=then.faults - 1), fault=True)


def _staff(s: Moment, scenario: Ticking, rules: Rules) -> list[Step]:
    if s.staff == len(scenario.acts):
        return []
    if s.decided_on is None:
        return [Step("staff load the case", s._replace(decided_on=s.case))]
    if s.decided_on.version != s.case.version:
        return [Step("staff meet a conflict and decide again", s._replace(decided_on=None))]
    at = scenario.acts[s.staff]
    case = Case(s.case.version + 1, at, parked=s.case.parked)
    after = s._replace(case=case, staff=s.staff + 1, decided_on=None)
    story = "staff close the case" if at is None else f"staff let the case wait until {at}"
    due = at if at is not None or rules.cancels_due else s.due
    found = [Step(story, after._replace(due=due))]
    if not rules.due_in_transaction and s.faults:
        found.append(_fault(f"{story}, and die before the due document", after))
    return found


def _scheduler(s: Moment, t: int, rules: Rules) -> list[Step]:
    me, who = s.schedulers[t], f"scheduler {t + 1}"

    def become(scheduler: Scheduler, at: Moment = s) -> Moment:
        first, second = put(at.schedulers, t, scheduler)
        return at._replace(schedulers=(first, second))

    if not me.owner:
        if not rules.lease:
            return [Step(f"{who} starts", become(Scheduler(owner=True)))]
        taken = become(Scheduler(owner=True))._replace(holder=t)
        if not s.schedulers[s.holder].owner:
            return [Step(f"{who} takes the free lease", taken)]
        story = f"{who} takes over the lease while scheduler {s.holder + 1} still works"
        return [_fault(story, taken)] if s.faults else []
    found = [_fault(f"{who} is killed", become(Scheduler()))] if s.faults else []
    if me.deletes:
        gone = become(Scheduler(owner=True))._replace(due=None)
        return [*found, Step(f"{who} deletes the due document", gone)]
    if me.case is None:
        clock = s.now if rules.store_clock else s.now + 1
        if s.due is not None and s.due <= clock:
            loaded = become(Scheduler(owner=True, due=s.due, case=s.case))
            if rules.due_goes == "before":
                loaded = loaded._replace(due=None)
            found.append(Step(f"{who} loads what is due, and its case", loaded))
        return found
    return found + _fire(s, t, me.case, rules)


def _fire(s: Moment, t: int, case: Case, rules: Rules) -> list[Step]:
    """Commit what follows: the due document goes, the case is written, the fact is emitted."""
    me, who = s.schedulers[t], f"scheduler {t + 1}"
    assert me.due is not None

    def become(scheduler: Scheduler, at: Moment = s) -> Moment:
        first, second = put(at.schedulers, t, scheduler)
        return at._replace(schedulers=(first, second))

    again = become(Scheduler(owner=True))
    if rules.lease and rules.scheduler_fenced and s.holder != t:
        return [Step(f"{who} is fenced: the lease has another owner", become(Scheduler()))]
    changed = case.version != s.case.version or (rules.due_goes == "with" and me.due != s.due)
    if rules.scheduler_guarded and changed:
        return [Step(f"{who} meets a conflict and looks again", again)]
    if case.parked and rules.waits_for_parked:
        return [Step(f"{who} puts it off: the case is parked", again)]
    is_awaited = case.waits_for == me.due and not case.overdue
    done = s._replace(due=None) if rules.due_goes == "with" else s
    story = f"{who} finds that nothing is awaited any more"
    if is_awaited or not rules.looks_at_state:
        still_is = s.case.waits_for == me.due and not s.case.overdue
        firing = FiredTimer(me.due, s.now, still_is, s.case.parked)
        overdue = case._replace(version=s.case.version + 1, overdue=True)
        done = done._replace(case=overdue, fired=(*s.fired, firing))
        story = f"{who} emits that {me.due} has passed"
    done = become(Scheduler(owner=True, deletes=rules.due_goes == "after"), done)
    found = [Step(story, done)]
    if s.faults:
        found.append(_fault(f"{story}, but sees an error and looks again", done))
        found.append(_fault(f"{who}'s commit fails, and it cannot know", again))
    return found


def broken(s: Moment, wanted: frozenset[str]) -> tuple[str, str] | None:
    """The first invariant that the moment breaks, as (letter, sentence)."""
    times = [each.due for each in s.fired]
    checks = (
        ("D", len(set(times)) < len(times), "one deadline was emitted twice"),
        ("C", any(each.at < each.due for each in s.fired), "it was emitted before its time"),
        ("A", any(not each.was_awaited for each in s.fired), "nothing was awaited any more"),
        ("P", any(each.was_parked for each in s.fired), "its case was parked"),
    )
    return next(
        ((letter, why) for letter, is_so, why in checks if is_so and letter in wanted), None
    )


def is_delivered(s: Moment, scenario: Ticking) -> bool:
    """Staff have done their acts, and what is still awaited was reported as overdue."""
    is_reported = s.case.waits_for is None or s.case.overdue
    return s.staff == len(scenario.acts) and is_reported


def missing(s: Moment) -> str:
    """What will never be emitted."""
    where = "is nowhere" if s.due is None else "is in its due document"
    return f"the time {s.case.waits_for} {where}"
