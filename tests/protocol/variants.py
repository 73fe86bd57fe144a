"""The scenarios, and each variant of the protocol with what is expected of it."""

from dataclasses import dataclass, replace
from typing import Any, Final

from tests.protocol.rules import FULL, Rules
from tests.protocol.state import Scenario
from tests.protocol.ticking import Ticking

__all__ = ["VARIANTS", "Variant", "reduced"]

ALL: Final = frozenset("LDOPTNAGC")
EFFECTS: Final = ALL - {"T"}
"""What readers owe, whatever the topic looks like."""
A, B = (0,), (1,)
RELAYING: Final = frozenset(
    {"relay killed", "lease lost", "produce retry", "unclear commit", "torn write", "rollback"}
)
TAKING: Final = frozenset(
    {
        "worker killed",
        "rebalance",
        "redelivery",
        "skipped record",
        "unclear commit",
        "produce retry",
        "torn write",
    }
)

# A worker emits of A, then of A and B in one document; staff emit of A; two relays; any reader.
PUBLISH = Scenario("publish", plans=((A, (0, 1)), (A,)), relays=2, faults=2, kinds=RELAYING)
ACROSS = replace(PUBLISH, name="publish across", plans=((B, A), (A,)), faults=1)
STAFF = replace(PUBLISH, name="publish staff", plans=((A,), (A, A)), faults=1)
OVERSIZE = replace(
    PUBLISH, name="oversize", plans=((B,), (A,)), oversize=frozenset({"A1"}), faults=1
)
# The same, and the store is restored to any earlier moment.
RESTORE = replace(
    PUBLISH, name="restore", restores=True, kinds=frozenset({"restore", "relay killed"})
)
# Two consumers; A2 is poison until its handler is fixed, then redriven while A3 may still come.
CONSUME = Scenario(
    "consume", outbox=(A, A, A, B), workers=2, faults=2, kinds=TAKING, poison=frozenset({"A2"})
)
THREE = replace(CONSUME, name="consume three", outbox=(A, A, A))
TWO = replace(CONSUME, name="consume two", outbox=(A, A), poison=frozenset())
ONE = replace(TWO, name="consume one", outbox=(A,))
FIRST = replace(TWO, name="poison first", poison=frozenset({"A1"}))
DESK = replace(THREE, name="consume + staff", staff=True, kinds=TAKING - {"skipped record"})
DISCARD = replace(THREE, name="consume + discard", discards=True)
# The database refuses A2's effect for good: found by halves, parked alone, then discarded.
REFUSED = replace(DISCARD, name="refused", poison=frozenset(), refused=frozenset({"A2"}), faults=1)
UNKNOWN = replace(TWO, name="unknown type", unknown=frozenset({"A1"}))
LATE_JOIN = replace(THREE, name="late join", poison=frozenset(), trimmed=2)
END_TO_END = Scenario(
    "end to end", plans=((A, B), (A,)), relays=2, workers=2, faults=1, kinds=RELAYING | TAKING
)
END_TO_END_TWO = replace(END_TO_END, name="end to end, two", plans=((A,), (A,)), faults=2)
# A case waits until 1; then its next step gets the time 2, or it is closed; or it is parked.
MOVED = Ticking("deadline moved", (1, 2))
CLOSED = Ticking("deadline closed", (1, None))
PARKED = Ticking("deadline parked", (1,), parks=True)


@dataclass(frozen=True)
class Variant:
    """The full protocol, or one with something left out."""

    rule: int
    """As in docs/protocol.md; 0: nothing is left out."""
    name: str
    scenario: Scenario | Ticking
    rules: Rules
    breaks: str
    """The invariant that must break; empty where all must hold."""
    good_for: str
    """Why a rule is kept although nothing breaks without it."""
    wanted: frozenset[str]
    needs: int = 1
    """Faults without which it does not show."""


def reduced(variant: Variant) -> Variant:
    """The same with no more faults than it needs: seconds instead of minutes for all of them."""
    scenario = END_TO_END_TWO if variant.scenario is END_TO_END else variant.scenario
    return replace(variant, scenario=replace(scenario, faults=variant.needs))


def _full(scenario: Scenario | Ticking) -> Variant:
    return Variant(0, "FULL PROTOCOL", scenario, FULL, "", "", ALL)


def _breaks(
    rule: int, letter: str, name: str, scenario: Scenario | Ticking, **changed: Any
) -> Variant:
    """Its invariant is sought alone, so that the story is the shortest."""
    rules = replace(FULL, **changed)
    return Variant(rule, name, scenario, rules, letter, "", frozenset(letter))


def _holds(
    rule: int, good_for: str, name: str, scenario: Scenario | Ticking, **changed: Any
) -> Variant:
    wanted = EFFECTS if name.endswith("effects only") else ALL
    return Variant(rule, name, scenario, replace(FULL, **changed), "", good_for, wanted)


def _with(scenario: Scenario, *kinds: str) -> Scenario:
    return replace(scenario, kinds=frozenset(kinds))


def _without(scenario: Scenario, kind: str) -> Scenario:
    return replace(scenario, kinds=scenario.kinds - {kind})


CLOCK: Final = {"outbox_order": "process clock"}
AT_MOST: Final = {"watermark": "at most"}

VARIANTS: Final = (
    _full(PUBLISH),
    _full(OVERSIZE),
    _full(MOVED),
    _full(CLOSED),
    _full(PARKED),
    _full(RESTORE),
    _full(CONSUME),
    _full(DESK),
    _full(DISCARD),
    _full(REFUSED),
    _full(UNKNOWN),
    _full(LATE_JOIN),
    _full(END_TO_END),
    _full(END_TO_END_TWO),
    _breaks(1, "L", "outbox in a second transaction", PUBLISH, outbox_in_transaction=False),
    _breaks(1, "D", "marks saved after the effects", ONE, marks_in_transaction=False),
    _breaks(1, "A", "stored rows in a second transaction", CONSUME, rows_in_transaction=False),
    _breaks(2, "N", "no version guard upstream", PUBLISH, version_guard=False),
    _breaks(3, "D", "no key on a staff action", PUBLISH, action_key=False),
    _breaks(4, "L", "size not checked at emit", OVERSIZE, size_checked_at_emit=False),
    _breaks(5, "T", "outbox by ObjectId or a process's clock", PUBLISH, **CLOCK),
    _holds(
        5, "effects do not need an ordered topic", "process's clock: effects only", THREE, **CLOCK
    ),
    _holds(
        5,
        "effects do not need an ordered topic",
        "process's clock, end to end: effects only",
        END_TO_END,
        **CLOCK,
    ),
    _breaks(
        5, "T", "process's clock, batch sorted by sequence", PUBLISH, outbox_order="sorted in batch"
    ),
    _breaks(
        5, "L", "process's clock, n held until n-1 is out", STAFF, outbox_order="predecessor first"
    ),
    _holds(
        5,
        "works, but needs a published mark per case and reads the whole outbox",
        "the same, with unlimited reads",
        replace(STAFF, read_at_once=9),
        outbox_order="predecessor first",
    ),
    _breaks(6, "T", "majority instead of snapshot read", ACROSS, snapshot_read=False),
    _breaks(6, "G", "read before a majority has it", _with(STAFF, "rollback"), majority_read=False),
    _breaks(7, "T", "later sends land after a failed one", PUBLISH, ordered_sends=False),
    _holds(
        7,
        "effects do not need it",
        "the same, end to end: effects only",
        END_TO_END,
        ordered_sends=False,
    ),
    _breaks(8, "L", "delete before the acknowledgement", PUBLISH, delete_after_ack=False),
    _breaks(8, "L", "delete by range", ACROSS, delete_by_id=False),
    _breaks(8, "L", "acks=1", replace(PUBLISH, kinds=RELAYING | {"leader lost"}), acks_all=False),
    _holds(
        9,
        "the lease halves repeats and reads",
        "no lease: both relays publish",
        PUBLISH,
        lease=False,
    ),
    _breaks(10, "A", "watermark guard `o <= first`", CONSUME, **AT_MOST),
    _breaks(10, "A", "no watermark guard", CONSUME, watermark="none"),
    _holds(
        10,
        "sequences alone handle redelivery, zombies and unclear commits",
        "no watermark guard, nothing is skipped",
        _without(CONSUME, "skipped record"),
        watermark="none",
        epoch_guard=False,
    ),
    _holds(
        11,
        "without it only the watchdog recovers the worker",
        "no reread when in doubt",
        CONSUME,
        rewind_in_doubt=False,
    ),
    _breaks(
        11,
        "A",
        "no reread when in doubt, guard `o <= first`",
        _with(CONSUME, "unclear commit"),
        rewind_in_doubt=False,
        **AT_MOST,
    ),
    _holds(
        12,
        "the rule ends a zombie at its first commit",
        "no epoch guard",
        CONSUME,
        epoch_guard=False,
    ),
    replace(_breaks(12, "L", "a fenced owner stops", ONE, fenced_owner_returns=False), needs=2),
    _holds(12, "the rule saves one refused batch", "no seek at take", CONSUME, seek_on_take=False),
    _breaks(
        12,
        "A",
        "no seek at take, guard `o <= first`",
        _with(CONSUME, "rebalance", "worker killed"),
        seek_on_take=False,
        **AT_MOST,
    ),
    _holds(
        12,
        "the rule saves the minute after which the server ends it",
        "the dead owner's transaction is left open",
        replace(THREE, faults=1),
        kills_sessions=False,
    ),
    _breaks(
        12,
        "L",
        "the same, and no server that ends it",
        ONE,
        kills_sessions=False,
        transaction_limit=False,
    ),
    _breaks(13, "L", "no watchdog on log end minus watermark", ONE, watchdog=False),
    _breaks(14, "A", "no version guard in the worker", DESK, worker_version_guard=False),
    _breaks(15, "D", "no deduplication mark", CONSUME, drops_repeats=False),
    _holds(
        15,
        "the watermark alone handles redelivery, zombies and unclear commits",
        "no deduplication mark, no repeat at a new offset",
        _without(CONSUME, "produce retry"),
        drops_repeats=False,
    ),
    _breaks(
        15,
        "D",
        "neither deduplication mark nor watermark guard",
        _with(CONSUME, "rebalance", "redelivery"),
        watermark="none",
        drops_repeats=False,
    ),
    _breaks(15, "D", "marks as loaded for the whole batch", CONSUME, running_mark=False),
    _breaks(16, "L", "an unknown type does not move the mark", UNKNOWN, unknown_moves_mark=False),
    _breaks(17, "P", "no gap wait, topic in clock order", THREE, gap="none", **CLOCK),
    _holds(17, "rules 5-7 and the parked case cover it", "no gap wait", CONSUME, gap="none"),
    _breaks(17, "L", "the worker stops at a gap, clock order", TWO, gap="stop", **CLOCK),
    _holds(
        17,
        "enough while the topic is in order",
        "the worker stops at a gap",
        CONSUME,
        gap="stop",
    ),
    _breaks(17, "L", "storing an event does not write its case", THREE, keeping_writes_case=False),
    _breaks(
        17, "L", "a resume stops because of its size, no sweeper", THREE, may_resume=1, sweeps=False
    ),
    _holds(
        17,
        "the sweeper fixes the line above",
        "a resume stops because of its size, a sweeper",
        THREE,
        may_resume=1,
    ),
    _breaks(
        17,
        "L",
        "`waiting` cleared although not all rows were loaded",
        THREE,
        rows_loaded=1,
        clears_waiting_if_whole=False,
    ),
    _holds(
        17,
        "the sweeper fixes the line above",
        "a parking lot loaded in parts, a sweeper",
        THREE,
        rows_loaded=1,
    ),
    _holds(
        18,
        "the rule saves failing attempts: the gap wait keeps the rest",
        "only the poison event is parked",
        CONSUME,
        parks_case=False,
    ),
    _breaks(18, "P", "only the poison event, no gap wait", CONSUME, parks_case=False, gap="none"),
    _breaks(18, "L", "parking moves the mark", FIRST, park_keeps_mark=False),
    _breaks(18, "D", "changes of the failed handler kept", CONSUME, rolls_back_failed=False),
    _breaks(18, "L", "halves committed right to left", REFUSED, halves_left_to_right=False),
    _holds(
        19,
        "the rule saves futile attempts: the gap wait restores the order",
        "redrive row by row in any order",
        CONSUME,
        redrive_in_order=False,
    ),
    _breaks(
        19, "P", "redrive in any order, no gap wait", CONSUME, redrive_in_order=False, gap="none"
    ),
    _breaks(19, "A", "redrive without the version guard", DESK, redrive_guarded=False),
    _breaks(19, "L", "discard does not move the mark", DISCARD, discard_moves_mark=False),
    _breaks(20, "L", "late join: waits for what is gone", LATE_JOIN, late_join="wait"),
    _breaks(20, "L", "late join: adopts the first sequence", LATE_JOIN, late_join="adopt"),
    _breaks(21, "L", "due document in a second transaction", MOVED, due_in_transaction=False),
    _holds(
        21,
        "the case's state shows that no step is due",
        "closing a case leaves its due document",
        CLOSED,
        cancels_due=False,
    ),
    _breaks(
        21,
        "A",
        "the same, and the rule does not check the state",
        CLOSED,
        cancels_due=False,
        looks_at_state=False,
    ),
    _breaks(22, "L", "due document deleted before it fires", MOVED, due_goes="before"),
    _holds(
        22,
        "the case's state shows that it has fired",
        "due document deleted after it fired, if nothing moves it",
        PARKED,
        due_goes="after",
    ),
    _breaks(22, "L", "due document deleted after it fired", MOVED, due_goes="after"),
    _breaks(
        22,
        "D",
        "the same, and the rule does not check the state",
        PARKED,
        due_goes="after",
        looks_at_state=False,
    ),
    _breaks(22, "A", "the case is written without a guard", CLOSED, scheduler_guarded=False),
    _breaks(
        22,
        "D",
        "the same, and no fence on the scheduler",
        PARKED,
        scheduler_guarded=False,
        scheduler_fenced=False,
    ),
    _holds(
        22,
        "the transaction keeps case and due document together",
        "the rule does not check the state",
        CLOSED,
        looks_at_state=False,
    ),
    _breaks(23, "C", "the process's clock decides what is due", MOVED, store_clock=False),
    _holds(
        23,
        "the rule ends a zombie at its first commit",
        "no fence on the scheduler",
        MOVED,
        scheduler_fenced=False,
    ),
    _holds(
        23,
        "the lease halves the reads and the conflicts",
        "no lease: both schedulers fire",
        MOVED,
        lease=False,
    ),
    _breaks(24, "P", "a parked case's deadline fires", PARKED, waits_for_parked=False),
    _breaks(25, "N", "a rolled-back store continues its numbers", RESTORE, compares=False),
    _breaks(
        25,
        "D",
        "an event that was published before is published again",
        RESTORE,
        knows_what_was_published=False,
    ),
    _breaks(
        25, "D", "a case continues before all input is read again", RESTORE, waits_until_read=False
    ),
)
