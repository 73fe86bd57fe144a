"""The downstream service's consumers: whose worker has the partition, and how it takes batches."""

from tests.protocol.rules import Rules
from tests.protocol.state import (
    Batch,
    PartitionWorker,
    Scenario,
    State,
    Step,
    Steps,
    both,
    fault,
    listed,
    may_fail,
    put,
)
from tests.protocol.unit import Outcome, Unit, merged

__all__ = ["steps"]


def steps(s: State, scenario: Scenario, rules: Rules) -> Steps:
    """What the group, the broker's client and the workers may do next."""
    for c in range(len(s.workers)):
        yield from _worker(s, c, scenario, rules)
    if s.workers and may_fail(s, scenario, "rebalance"):
        heir = 1 - s.assigned
        story = f"the group gives the partition to consumer {heir + 1}; the other knows nothing"
        called = put(s.workers, heir, PartitionWorker("called"))
        yield fault(story, s._replace(assigned=heir, workers=called))
    if s.left_open and rules.transaction_limit:
        story = "the server ends the transaction that a dead owner left open, after a minute"
        yield Step(story, s._replace(left_open=False))


def _worker(s: State, c: int, scenario: Scenario, rules: Rules) -> Steps:
    me, who = s.workers[c], f"consumer {c + 1}"
    if me.phase == "off":
        return
    if s.assigned != c:
        yield Step(f"{who} learns that the partition went away", _become(s, c, PartitionWorker()))
    if me.phase == "called":
        yield from _take_watermark(s, c, scenario, rules)
        return
    if may_fail(s, scenario, "worker killed"):
        left_open = s.left_open or (me.owner and me.batch is not None)
        dead = _become(s, c, PartitionWorker(_restarted(s, c)))._replace(left_open=left_open)
        yield fault(f"{who} is killed", dead)
    if me.phase == "rewind":
        yield from _rewind_to_watermark(s, c, rules)
    elif me.batch is not None:
        yield from _commit(s, c, me.batch, scenario, rules)
    else:
        yield from _poll(s, c, scenario, rules)


def _become(s: State, c: int, worker: PartitionWorker) -> State:
    return s._replace(workers=put(s.workers, c, worker))


def _restarted(s: State, c: int) -> str:
    return "called" if s.assigned == c else "off"


def _take_watermark(s: State, c: int, scenario: Scenario, rules: Rules) -> Steps:
    """Bump the epoch, end what the owner before left open, and seek."""
    if s.left_open and not rules.kills_sessions:
        return  # the write waits for a transaction that nobody will end
    others = [x._replace(owner=False) for x in s.workers]
    if rules.kills_sessions:
        others = [x if x.batch is None else x._replace(phase="rewind", batch=None) for x in others]
    for at in [s.watermark] if rules.seek_on_take else sorted({scenario.trimmed, len(s.topic)}):
        workers = put(tuple(others), c, PartitionWorker("on", owner=True, at=at))
        taken = s._replace(workers=workers, left_open=False)
        yield Step(f"consumer {c + 1} takes the watermark and starts at offset {at}", taken)


def _rewind_to_watermark(s: State, c: int, rules: Rules) -> Steps:
    me, who = s.workers[c], f"consumer {c + 1}"
    if rules.epoch_guard and not me.owner:
        phase = _restarted(s, c) if rules.fenced_owner_returns else "off"
        then = "takes the partition again" if phase == "called" else "stops"
        yield Step(f"{who} finds itself fenced and {then}", _become(s, c, PartitionWorker(phase)))
    else:
        back = PartitionWorker("on", me.owner, s.watermark)
        yield Step(
            f"{who} reads the watermark and seeks to offset {s.watermark}", _become(s, c, back)
        )


def _poll(s: State, c: int, scenario: Scenario, rules: Rules) -> Steps:
    me, who = s.workers[c], f"consumer {c + 1}"
    if me.at < len(s.topic):
        to = min(len(s.topic), me.at + scenario.batch_most)
        story = f"{who} takes {listed(s.topic[me.at : to])} from offset {me.at} and loads the cases"
        opened = me._replace(batch=_open(s, me.at, to, scenario, rules))
        yield Step(story, _become(s, c, opened))
        if may_fail(s, scenario, "skipped record"):
            skipped = _become(s, c, me._replace(at=me.at + 1))
            yield fault(f"{who}'s client skips offset {me.at}", skipped)
    elif s.watermark < me.at and rules.watchdog:
        story = f"the watchdog sees lag without movement and has {who} take the partition again"
        yield Step(story, _become(s, c, PartitionWorker(_restarted(s, c))))
    if may_fail(s, scenario, "redelivery") and me.at > scenario.trimmed:
        back = _become(s, c, me._replace(at=scenario.trimmed))
        yield fault(f"{who} is set back to offset {scenario.trimmed}", back)


def _open(s: State, begin: int, to: int, scenario: Scenario, rules: Rules) -> Batch:
    unit = Unit(scenario, rules, fixed=s.fixed)
    parked_too = not rules.parks_case
    rows = both([unit.load_parked(s.cases[k], s.rows[k], parked_too=parked_too) for k in (0, 1)])
    return Batch(begin, to, s.cases, rows)


def _run(s: State, opened: Batch, scenario: Scenario, rules: Rules) -> Outcome:
    unit = Unit(scenario, rules, fixed=s.fixed)
    unit.parked_is_complete = all(
        len(opened.rows[k]) < rules.rows_loaded or not opened.cases[k].waiting for k in (0, 1)
    )
    outcome = unit.run(s.topic[opened.begin : opened.to], opened.begin, opened.cases, opened.rows)
    if not outcome.refused or opened.to - opened.begin > 1:
        return outcome
    return _alone(s, opened, scenario, rules)


def _alone(s: State, opened: Batch, scenario: Scenario, rules: Rules) -> Outcome:
    """Without what waits behind it, in case that is at fault; else it is parked itself."""
    unit = Unit(scenario, rules, fixed=s.fixed)
    unit.may_resume = 0
    fact = s.topic[opened.begin]
    outcome = unit.run((fact,), opened.begin, opened.cases, opened.rows)
    if not outcome.refused:
        return outcome
    k, cases, rows = fact.case, list(opened.cases), list(opened.rows)
    cases[k], rows[k] = unit.park(cases[k], rows[k], fact)
    cases[k] = cases[k]._replace(version=opened.cases[k].version + 1)
    return Outcome(opened.to, both(cases), both(rows), refused=False)


def _commit(s: State, c: int, opened: Batch, scenario: Scenario, rules: Rules) -> Steps:
    """Write everything in one transaction, or nothing."""
    me, who = s.workers[c], f"consumer {c + 1}"
    outcome = _run(s, opened, scenario, rules)
    onward = me._replace(at=outcome.to, batch=None)
    rewound = me._replace(phase="rewind", batch=None)
    in_doubt = rewound if rules.rewind_in_doubt else onward
    written = [k for k in (0, 1) if outcome.cases[k] != opened.cases[k]]

    if refusal := _refusal(s, me, opened.begin, rules):
        yield Step(f"{who}'s commit is refused: {refusal}", _become(s, c, in_doubt))
        return
    if rules.worker_version_guard and any(
        s.cases[k].version != opened.cases[k].version for k in written
    ):
        story = f"{who} meets a conflict on a case and takes the batch again"
        yield Step(story, _become(s, c, me._replace(batch=None)))
        return
    if outcome.refused:
        yield _halved(s, c, opened, scenario, rules)
        return
    if outcome.to == opened.begin:
        return  # it stops before a gap
    done = s._replace(
        cases=both([outcome.cases[k] if k in written else s.cases[k] for k in (0, 1)]),
        rows=both([merged(s.rows[k], opened.rows[k], outcome.rows[k]) for k in (0, 1)]),
        watermark=outcome.to,
    )
    story = f"{who} commits: {_summary(opened, outcome)}; watermark {outcome.to}"
    yield Step(story, _become(done, c, onward))
    if may_fail(s, scenario, "unclear commit"):
        yield fault(f"{story}; but it sees an error", _become(done, c, in_doubt))
        yield fault(f"{who}'s commit fails and it cannot know", _become(s, c, in_doubt))
    if may_fail(s, scenario, "torn write"):
        yield from _torn(s, c, opened, outcome, done, rules)


def _halved(s: State, c: int, opened: Batch, scenario: Scenario, rules: Rules) -> Step:
    """Look for what the database refuses by halves."""
    middle = (opened.begin + opened.to) // 2
    places = (opened.begin, middle) if rules.halves_left_to_right else (middle, opened.to)
    half = s.workers[c]._replace(batch=_open(s, *places, scenario, rules))
    story = f"the database refuses consumer {c + 1}'s batch; it tries [{places[0]}, {places[1]})"
    return Step(story, _become(s, c, half))


def _refusal(s: State, me: PartitionWorker, begin: int, rules: Rules) -> str:
    if rules.epoch_guard and not me.owner:
        return "its epoch is old"
    stands = {"equal": s.watermark == begin, "at most": s.watermark <= begin, "none": True}
    if not stands[rules.watermark]:
        return f"the watermark is at {s.watermark}, not at {begin}"
    return "a dead owner's transaction holds the watermark" if s.left_open else ""


def _torn(s: State, c: int, opened: Batch, outcome: Outcome, done: State, rules: Rules) -> Steps:
    """The process dies between two transactions that ought to be one."""
    dead = put(s.workers, c, PartitionWorker(_restarted(s, c)))
    if not rules.marks_in_transaction:
        effects = [s.cases[k]._replace(effects=outcome.cases[k].effects) for k in (0, 1)]
        torn = s._replace(cases=both(effects), workers=dead)
        yield fault(f"consumer {c + 1} saves the effects and dies before the marks", torn)
    kept = any(set(outcome.rows[k]) - set(opened.rows[k]) for k in (0, 1))
    if not rules.rows_in_transaction and kept:
        torn = done._replace(rows=s.rows, workers=dead)
        story = f"consumer {c + 1} commits watermark {outcome.to} and dies before the kept rows"
        yield fault(story, torn)


def _summary(opened: Batch, outcome: Outcome) -> str:
    parts = []
    for k in (0, 1):
        effects = outcome.cases[k].effects[len(opened.cases[k].effects) :]
        kept = tuple(fact for fact in outcome.rows[k] if fact not in opened.rows[k])
        parts += [f"{listed(effects)} applied"] if effects else []
        parts += [f"{listed(kept)} parked"] if kept else []
    return ", ".join(parts) or "nothing new"
