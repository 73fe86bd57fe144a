"""Two relays of the upstream service publish its outbox; or one ideal relay does."""

from tests.protocol.rules import Rules
from tests.protocol.state import (
    Fact,
    Packed,
    Relay,
    Scenario,
    State,
    Step,
    Steps,
    fault,
    listed,
    may_fail,
    put,
)

__all__ = ["steps"]


def steps(s: State, scenario: Scenario, rules: Rules) -> Steps:
    """What the relays, and the network behind them, may do next."""
    if not rules.acks_all and s.topic and may_fail(s, scenario, "leader lost"):
        story = f"the leader dies: {s.topic[-1]}, acknowledged but not replicated, is gone"
        yield fault(story, s._replace(topic=s.topic[:-1]))
    if not scenario.relays:
        yield from _ideal_relay(s, scenario, rules)
    for r in range(scenario.relays):
        yield from _relay(s, r, scenario, rules)
        if s.late[r]:
            first, *rest = s.late[r]
            landed = _land(s, first)._replace(late=put(s.late, r, tuple(rest)))
            yield Step(f"a late send of relay {r + 1} lands: {first}", landed)
            lost = s._replace(late=put(s.late, r, ()))
            yield Step(f"the late sends of relay {r + 1} never land", lost)


def _ideal_relay(s: State, scenario: Scenario, rules: Rules) -> Steps:
    """What two relays amount to: each document lands, and any fact may land again."""
    readable = s.outbox[:1] if rules.outbox_order == "server stamp" else s.outbox
    for at, packed in enumerate(readable):
        outbox = (*s.outbox[:at], *s.outbox[at + 1 :])
        landed = s._replace(outbox=outbox, topic=s.topic + packed)
        yield Step(f"{listed(packed)} lands in the topic", landed)
    if may_fail(s, scenario, "produce retry"):
        for fact in dict.fromkeys(s.topic):
            again = s._replace(topic=(*s.topic, fact))
            yield fault(f"{fact} lands in the topic once more, at a new offset", again)


def _relay(s: State, r: int, scenario: Scenario, rules: Rules) -> Steps:
    """Hold the lease, read the oldest, send, await every acknowledgement, delete."""
    me, who = s.relays[r], f"relay {r + 1}"

    def become(relay: Relay) -> State:
        return s._replace(relays=put(s.relays, r, relay))

    if me.lease == "none":
        yield from _take_lease(s, r, scenario, rules)
        return
    late = put(s.late, r, s.late[r] + me.pending)
    if me.lease == "old":
        gone = become(Relay())._replace(late=late)
        yield Step(f"{who} finds the lease with another; what it sent may land", gone)
    if not me.batch:
        yield from _read(s, r, scenario, rules)
        return
    if me.scanning:
        at = s.outbox.index(me.batch[0]) if me.batch[0] in s.outbox else len(s.outbox)
        batch = (*me.batch, *s.outbox[at + 1 : at + scenario.read_at_once])
        sends = tuple(fact for packed in batch for fact in packed)
        on = become(Relay(me.lease, batch, sends))
        yield Step(f"{who}'s cursor goes on after {listed(me.batch[0])}", on)
    elif me.pending:
        yield from _send(s, r, scenario, rules)
    else:
        deleted = become(Relay(me.lease))._replace(outbox=_left(s, me, rules))
        yield Step(f"{who} has every acknowledgement and deletes what it sent", deleted)
    if may_fail(s, scenario, "relay killed"):
        yield fault(f"{who} is killed; what it had not sent is gone", become(Relay()))
        if me.pending:
            flying = become(Relay())._replace(late=late)
            yield fault(f"{who} is killed; what it sent may land", flying)


def _left(s: State, me: Relay, rules: Rules) -> tuple[Packed, ...]:
    if not rules.delete_by_id and me.batch[-1] in s.outbox:
        return s.outbox[s.outbox.index(me.batch[-1]) + 1 :]
    return tuple(packed for packed in s.outbox if packed not in me.batch)


def _take_lease(s: State, r: int, scenario: Scenario, rules: Rules) -> Steps:
    who, owning = f"relay {r + 1}", Relay("held")
    if not rules.lease:
        yield Step(f"{who} starts", s._replace(relays=put(s.relays, r, owning)))
        return
    others = tuple(x._replace(lease=x.lease.replace("held", "old")) for x in s.relays)
    taken = s._replace(relays=put(others, r, owning), holder=r)
    if s.relays[s.holder].lease != "held":
        yield Step(f"{who} takes the free lease", taken)
    elif may_fail(s, scenario, "lease lost"):
        story = f"{who} takes over the lease while relay {s.holder + 1} still works"
        yield fault(story, taken)


def _read(s: State, r: int, scenario: Scenario, rules: Rules) -> Steps:
    lease, batch = s.relays[r].lease, s.outbox[: scenario.read_at_once]
    if rules.outbox_order == "predecessor first":
        batch = _with_predecessors(s, batch)
    if not batch:
        return
    if not rules.snapshot_read:
        scanning = Relay(lease, batch[:1], (), scanning=True)
        story = f"relay {r + 1}'s cursor reads {listed(batch[0])}"
        yield Step(story, s._replace(relays=put(s.relays, r, scanning)))
        return
    sends = [fact for packed in batch for fact in packed]
    if rules.outbox_order == "sorted in batch":
        sends.sort(key=lambda fact: fact.sequence)
    outbox, story = s.outbox, f"relay {r + 1} reads {', '.join(map(listed, batch))}"
    if not rules.delete_after_ack:
        outbox = tuple(packed for packed in s.outbox if packed not in batch)
        story += " and deletes it"
    relays = put(s.relays, r, Relay(lease, batch, tuple(sends)))
    yield Step(story, s._replace(relays=relays, outbox=outbox))


def _with_predecessors(s: State, batch: tuple[Packed, ...]) -> tuple[Packed, ...]:
    """Of what was read, what may go out: the fact before each is out or goes with it."""
    out = {fact[:2] for fact in s.topic}
    allowed = []
    for packed in batch:
        known = out | {fact[:2] for fact in packed}
        if all(fact.sequence == 1 or (fact.case, fact.sequence - 1) in known for fact in packed):
            out = known
            allowed.append(packed)
    return tuple(allowed)


def _send(s: State, r: int, scenario: Scenario, rules: Rules) -> Steps:
    pending = s.relays[r].pending
    for at, fact in enumerate(pending[:1] if rules.ordered_sends else pending):
        if str(fact) in scenario.oversize:
            continue
        left = s.relays[r]._replace(pending=(*pending[:at], *pending[at + 1 :]))
        landed = _land(s, fact)
        acked = landed._replace(relays=put(s.relays, r, left))
        yield Step(f"relay {r + 1}'s {fact} lands and is acknowledged", acked)
        if may_fail(s, scenario, "produce retry"):
            story = f"relay {r + 1}'s {fact} lands unacknowledged; it is sent again"
            yield fault(story, landed)


def _land(s: State, fact: Fact) -> State:
    """Without a worker that reads them, repeats are not distinguished: first occurrences count."""
    return s if not s.workers and fact in s.topic else s._replace(topic=(*s.topic, fact))
