"""The upstream store is restored to an earlier state; its topic knows more than it does."""

from typing import NamedTuple

from tests.protocol.rules import Rules
from tests.protocol.state import (
    Copy,
    Fact,
    Facts,
    Relay,
    Scenario,
    State,
    Step,
    Steps,
    Writer,
    both,
    fault,
    listed,
    may_fail,
)

__all__ = ["Numbered", "forget", "is_unknown", "renumber", "steps"]


class Numbered(NamedTuple):
    """What a transaction comes to while facts are on the topic that its store does not know."""

    sequences: tuple[int, int]
    sent: Facts
    """Sent now: what is on the topic already is not."""


def steps(s: State, scenario: Scenario, rules: Rules) -> Steps:
    """Take a copy, restore it with the service stopped, and let a person look."""
    if not scenario.restores:
        return
    if s.copy is None:
        copy = Copy(s.sequences, s.committed, s.outbox, s.writers[0])
        yield Step("a copy of the store is taken", s._replace(copy=copy))
    elif may_fail(s, scenario, "restore") and not any(s.late):
        yield fault("the service is stopped and its store restored", _restored(s, s.copy, rules))
    if s.lost and not s.accepted:
        story = f"an operator has looked at {listed(s.lost)} and lets the case go on"
        yield Step(story, s._replace(accepted=True))


def _restored(s: State, copy: Copy, rules: Rules) -> State:
    """What staff did since is not done again; what the worker read is read again."""
    published = tuple(dict.fromkeys(s.topic))
    lost = tuple(fact for fact in published if fact.sequence > copy.sequences[fact.case])
    kept = tuple(fact for fact in s.committed if fact in copy.committed or fact in published)
    return s._replace(
        sequences=copy.sequences,
        committed=kept,
        outbox=copy.outbox,
        writers=(copy.worker._replace(loaded=None), *(Writer(w.done) for w in s.writers[1:])),
        relays=tuple(Relay("held" if r == 0 else "none") for r in range(len(s.relays))),
        holder=0,
        lost=lost if rules.compares else (),
        accepted=False,
        read_before=max(s.read_before, s.writers[0].done),
    )


def renumber(
    s: State, w: int, cases: tuple[int, ...], intent: str, rules: Rules
) -> Numbered | None:
    """Count each fact as `Republished.number` does; None where it would publish something else.

    `ParkingLot.go_on` lets nobody go on before all is read again, and drains in its own transaction.
    """
    loaded = s.writers[w].loaded
    assert loaded is not None
    if w and rules.waits_until_read and s.writers[0].done < s.read_before:
        return None
    counters, sent = list(loaded), []
    for place, case in enumerate(cases):
        known = [fact for fact in s.lost if fact.case == case and fact.sequence > counters[case]]
        own = f"{intent}.{place}"
        again = [fact for fact in known if fact.intent == own and rules.knows_what_was_published]
        if not known:
            counters[case] += 1
        elif again and (s.accepted or again[0].sequence == counters[case] + 1):
            counters[case] = again[0].sequence
            continue
        elif not s.accepted:
            return None
        else:
            counters[case] = known[-1].sequence + 1
        sent.append(Fact(case, counters[case], own))
    return Numbered(both(counters), tuple(sent))


def is_unknown(s: State, intent: str) -> bool:
    """Whether what was done is on the topic alone."""
    return any(fact.intent.startswith(f"{intent}.") for fact in s.lost)


def forget(s: State) -> State:
    """Forget what the store has counted past."""
    left = tuple(fact for fact in s.lost if fact.sequence > s.sequences[fact.case])
    return s if left == s.lost else s._replace(lost=left, accepted=s.accepted and bool(left))
