"""The upstream service's writers: a worker and a staff action commit facts of the same cases."""

from tests.protocol.restoring import Numbered, forget, is_unknown, renumber
from tests.protocol.rules import Rules
from tests.protocol.state import (
    Packed,
    Relay,
    Scenario,
    State,
    Step,
    Steps,
    Writer,
    fault,
    listed,
    may_fail,
    number,
    put,
)

__all__ = ["steps"]

NAMES = ("the worker upstream", "staff upstream")


def steps(s: State, scenario: Scenario, rules: Rules) -> Steps:
    """What the writers may do next: load the cases, decide, commit with one outbox document."""
    for w, plan in enumerate(scenario.plans):
        me, who = s.writers[w], NAMES[w]
        if me.done == len(plan):
            continue
        intent = f"{who.split()[-2]} {me.done + 1}"
        done = put(s.writers, w, Writer(me.done + 1))
        if me.loaded is not None:
            again = put(s.writers, w, Writer(me.done))
            yield from _commit(s, w, scenario, rules, intent=intent, done=done, again=again)
        elif _is_committed(s, intent) and (rules.action_key or w == 0):
            yield Step(f"{who} finds what it had committed", s._replace(writers=done))
        else:
            loaded = put(s.writers, w, Writer(me.done, s.sequences))
            yield Step(f"{who} loads its cases", s._replace(writers=loaded))


def _is_committed(s: State, intent: str) -> bool:
    stands = any(fact.intent.startswith(f"{intent}.") for fact in s.committed)
    return stands and not is_unknown(s, intent)


def _commit(
    s: State,
    w: int,
    scenario: Scenario,
    rules: Rules,
    *,
    intent: str,
    done: tuple[Writer, ...],
    again: tuple[Writer, ...],
) -> Steps:
    me, who = s.writers[w], NAMES[w]
    cases = scenario.plans[w][me.done]
    assert me.loaded is not None
    if rules.version_guard and any(me.loaded[c] != s.sequences[c] for c in cases):
        yield Step(f"{who} meets a conflict and decides again", s._replace(writers=again))
        return
    republished = (
        renumber(s, w, cases, intent, rules)
        if s.lost
        else Numbered(*number(me.loaded, cases, intent))
    )
    if republished is None:
        return  # it is parked until a person has looked
    numbered, packed = republished
    if rules.size_checked_at_emit and any(str(fact) in scenario.oversize for fact in packed):
        yield Step(f"{who} is refused a message that is too large", s._replace(writers=done))
        return
    sequences = (
        numbered[0] if 0 in cases else s.sequences[0],
        numbered[1] if 1 in cases else s.sequences[1],
    )
    after = s._replace(sequences=sequences, committed=s.committed + packed, writers=done)
    after = forget(after)
    if not packed:
        yield Step(f"{who} counts what was published before", after)
        return
    for at in _places(s, packed, rules):
        then = after._replace(outbox=(*s.outbox[:at], packed, *s.outbox[at:]))
        story = f"{who} commits {listed(packed)}"
        if at < len(s.outbox):
            story += f", which is in the outbox before {listed(s.outbox[at])}"
        yield Step(story, then)
        if w == 1 and may_fail(s, scenario, "unclear commit"):
            yield fault(f"{story}, but sees an error and tries again", then._replace(writers=again))
    if not rules.outbox_in_transaction and may_fail(s, scenario, "torn write"):
        yield fault(f"{who} commits {listed(packed)} and dies before the outbox", after)
    if _may_read_too_early(s, rules) and may_fail(s, scenario, "rollback"):
        ghost = put(s.relays, 0, Relay("held", (packed,), packed))
        story = f"relay 1 reads {listed(packed)} before a majority has it; it is rolled back"
        yield fault(story, s._replace(relays=ghost, writers=again))


def _may_read_too_early(s: State, rules: Rules) -> bool:
    return not rules.majority_read and bool(s.relays) and s.relays[0] == Relay("held")


def _places(s: State, packed: Packed, rules: Rules) -> range:
    """Where a new document may be in the order in which the relay reads.

    A stamp that the server sets inside the transaction is later than the commit of every earlier
    writer of the same case, for a case admits one writer at a time; of other cases it assumes nothing.
    A process's own clock orders its own documents, and those of others anyhow.
    """
    cases, author = {fact.case for fact in packed}, packed[0].intent.split()[0]
    earliest = 0
    for at, other in enumerate(s.outbox, 1):
        if rules.outbox_order == "server stamp":
            is_earlier = any(fact.case in cases for fact in other)
        else:
            is_earlier = other[0].intent.startswith(author)
        if is_earlier:
            earliest = at
    return range(earliest, len(s.outbox) + 1)
