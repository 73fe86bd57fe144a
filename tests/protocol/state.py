"""What is remembered: two databases, the topic, and what each process holds in memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

__all__ = [
    "Act",
    "Batch",
    "Case",
    "Cases",
    "Copy",
    "Fact",
    "Facts",
    "Packed",
    "PartitionWorker",
    "Relay",
    "Rows",
    "Scenario",
    "State",
    "Step",
    "Steps",
    "Writer",
    "both",
    "fault",
    "listed",
    "may_fail",
    "number",
    "put",
    "start",
]

T = TypeVar("T")


class Fact(NamedTuple):
    """One numbered fact; `intent` distinguishes a repeat from another fact under the same number."""

    case: int
    sequence: int
    intent: str

    def __str__(self) -> str:
        return f"{'AB'[self.case]}{self.sequence}"


Facts = tuple[Fact, ...]
Packed = Facts
"""One outbox document."""
Rows = tuple[Facts, Facts]
"""Per case, the kept events: failed, behind a failed one, or beyond a gap."""


class Writer(NamedTuple):
    """A worker or a staff action upstream."""

    done: int = 0
    loaded: tuple[int, int] | None = None
    """The case versions that it decides on."""


class Copy(NamedTuple):
    """The upstream store as it was at one moment."""

    sequences: tuple[int, int]
    committed: Facts
    outbox: tuple[Packed, ...]
    worker: Writer


class Relay(NamedTuple):
    """What one relay knows."""

    lease: str = "none"
    """held; old: another has taken it over; none: it does not believe that it holds it."""
    batch: tuple[Packed, ...] = ()
    pending: Facts = ()
    """Handed to the producer, not landed yet."""
    scanning: bool = False


class Case(NamedTuple):
    """A case's document downstream: `LoadedDocument` with its `Protocol`."""

    version: int = 0
    mark: int = 0
    waiting: bool = False
    parked: bool = False
    effects: Facts = ()
    notes: int = 0
    """What staff wrote."""


Cases = tuple[Case, Case]


class Batch(NamedTuple):
    """[begin, to) with what was loaded: an open transaction."""

    begin: int
    to: int
    cases: Cases
    rows: Rows


class PartitionWorker(NamedTuple):
    """A consumer's worker of the one partition."""

    phase: str = "off"
    """off; called: assigned, has not taken the watermark; on; rewind: has to read it again."""
    owner: bool = False
    """Its epoch is the stored one."""
    at: int = 0
    batch: Batch | None = None


class Act(NamedTuple):
    """A staff action downstream, or a drain that an operator or the sweeper began."""

    done: bool = False
    case: int = 0
    loaded: Case | None = None
    rows: Facts = ()


class State(NamedTuple):
    """One moment of everything."""

    sequences: tuple[int, int]
    """Upstream: the last sequence emitted per case, which is also the document's version."""
    committed: Facts
    """Upstream: every fact in commit order (history)."""
    outbox: tuple[Packed, ...]
    """In the order in which a relay reads it."""
    writers: tuple[Writer, ...]
    holder: int
    """The relay that the lease names."""
    relays: tuple[Relay, ...]
    late: tuple[Facts, ...]
    """Per relay, sends that were on the network when it died: they may still land."""
    topic: Facts
    watermark: int
    left_open: bool
    """A dead owner's transaction still holds the watermark."""
    cases: Cases
    rows: Rows
    workers: tuple[PartitionWorker, ...]
    assigned: int
    staff: Act
    drain: Act
    discarded: frozenset[Fact]
    fixed: bool
    """The handler that failed on the poison has been fixed."""
    faults: int
    """How many may still happen."""
    copy: Copy | None = None
    lost: Facts = ()
    """On the topic, and not known to the upstream store, which was restored."""
    accepted: bool = False
    """An operator lets the cases go on above them."""
    read_before: int = 0
    """What the worker upstream had taken when its store was restored: it is read again."""


class Step(NamedTuple):
    """One thing that may happen next."""

    story: str
    then: State
    fault: bool = False


Steps = Iterator[Step]


@dataclass(frozen=True)
class Scenario:
    """Who acts, on what, and what may go wrong."""

    name: str
    plans: tuple[tuple[tuple[int, ...], ...], ...] = ()
    """Per writer (worker, staff): its transactions, each a list of cases that it emits a fact of."""
    outbox: tuple[tuple[int, ...], ...] = ()
    """Documents in the outbox at the start."""
    relays: int = 0
    """0: one ideal relay, whose sends may repeat."""
    workers: int = 0
    read_at_once: int = 2
    batch_most: int = 3
    faults: int = 0
    kinds: frozenset[str] = frozenset()
    poison: frozenset[str] = frozenset()
    """Facts on which the handler fails until it is fixed."""
    refused: frozenset[str] = frozenset()
    """Facts whose effect the database refuses until the handler is fixed."""
    unknown: frozenset[str] = frozenset()
    oversize: frozenset[str] = frozenset()
    discards: bool = False
    """The operator discards; the handler is not fixed."""
    staff: bool = False
    restores: bool = False
    """The upstream store may be restored."""
    trimmed: int = 0
    """The log's start; what lies below it is history."""


def may_fail(s: State, scenario: Scenario, kind: str) -> bool:
    """Whether one more fault of that kind may happen."""
    return s.faults > 0 and kind in scenario.kinds


def fault(story: str, then: State) -> Step:
    """A step that nobody wants, at the price of one fault."""
    return Step(story, then._replace(faults=then.faults - 1), fault=True)


def put(items: tuple[T, ...], at: int, item: T) -> tuple[T, ...]:
    """Return the items with another one at that place."""
    return (*items[:at], item, *items[at + 1 :])


def both(items: list[T]) -> tuple[T, T]:
    """Return what there is for case A and for case B."""
    first, second = items
    return first, second


def listed(facts: Facts) -> str:
    """The facts' names, for people."""
    return " + ".join(map(str, facts))


def number(
    sequences: tuple[int, int], cases: tuple[int, ...], intent: str
) -> tuple[tuple[int, int], Facts]:
    """Give each fact the next sequence of its case."""
    counters, facts = list(sequences), []
    for place, case in enumerate(cases):
        counters[case] += 1
        facts.append(Fact(case, counters[case], f"{intent}.{place}"))
    return both(counters), tuple(facts)


def start(scenario: Scenario, *, lease: bool) -> State:
    """Return the moment before anything happens."""
    sequences: tuple[int, int] = (0, 0)
    packed: list[Packed] = []
    for at, cases in enumerate(scenario.outbox):
        sequences, document = number(sequences, cases, f"start {at}")
        packed.append(document)
    topic = tuple(fact for document in packed[: scenario.trimmed] for fact in document)
    relays = tuple(Relay("held" if r == 0 or not lease else "none") for r in range(scenario.relays))
    return State(
        sequences=sequences,
        committed=tuple(fact for document in packed for fact in document),
        outbox=tuple(packed[scenario.trimmed :]),
        writers=tuple(Writer() for _ in scenario.plans),
        holder=0,
        relays=relays,
        late=tuple(() for _ in relays),
        topic=topic,
        watermark=scenario.trimmed,
        left_open=False,
        cases=(Case(), Case()),
        rows=((), ()),
        workers=tuple(
            PartitionWorker("on", owner=True, at=scenario.trimmed) if c == 0 else PartitionWorker()
            for c in range(scenario.workers)
        ),
        assigned=0,
        staff=Act(done=not scenario.staff),
        drain=Act(),
        discarded=frozenset(topic),
        fixed=False,
        faults=scenario.faults,
    )
