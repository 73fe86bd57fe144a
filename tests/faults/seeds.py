"""One seed from its first report to its verdict, on a stack that other seeds used before."""

import hashlib
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from threading import Event
from typing import Any, Final

from confluent_kafka import Consumer, TopicPartition

from tests.faults.checker.folding import CASES, Finding, fold
from tests.faults.checker.ledger import Ledger, Sent, read_ledger, read_planted
from tests.faults.checker.observed import Observed, inspect, inspector_login
from tests.faults.checker.sender import PartnerClient
from tests.faults.checker.watched import WatchLog, judge, peak_memory, read_watched, recoveries
from tests.faults.injector import Death, FaultInjector
from tests.faults.plan import Plan
from tests.faults.planted import Operator, PlantedFact, Planter, plant, send_garbage
from tests.faults.rig import Rig
from tests.faults.storm import READS, SERVICES, Rest, invent, seal_all, send_steadily
from tests.faults.watching import BROKERS, Watch, answered_again

__all__ = ["Outcome", "Run"]

SETTLE_S: Final = 150.0
GARBAGE: Final = 3
CALM_PER_SECOND: Final = 5.0
SERVICE_CALM_S, BROKER_CALM_S = 4.0, 18.0
_JUDGED: Final = {*CASES.values(), "reports", "notices", "outbox", "parked", "watermarks"}
_FACTS: Final = tuple(sorted({topic for topics in READS.values() for topic in topics}))


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What came of a seed."""

    seed: int
    copies: int
    reports: int = 0
    planted: int = 0
    records: int = 0
    """Records that were written on all topics meanwhile."""
    faults: dict[str, int] = field(default_factory=dict)
    kills: int = 0
    """Processes that died by SIGKILL, at a crash point or anywhere: services and brokers."""
    points: dict[str, int] = field(default_factory=dict)
    """Deaths by crash point."""
    unreached: dict[str, int] = field(default_factory=dict)
    """Points that were armed and not come to."""
    findings: list[Finding] = field(default_factory=list)
    failure: str = ""
    """Why the run did not come to an end by itself."""
    back_s: list[float] = field(default_factory=list)
    """Seconds from each death of a service until its successor was ready, in the storm."""
    calm_s: list[float] = field(default_factory=list)
    """The same where it was killed alone, at rest."""
    mongo_s: list[float] = field(default_factory=list)
    kafka_s: list[float] = field(default_factory=list)
    """Seconds from the death of database or broker, at rest, until partners were answered again."""
    rest_s: float = 0.0
    """Seconds from the last fault, or the last report, until all was at rest."""
    operator: dict[str, int] = field(default_factory=dict)
    most_mb: dict[str, float] = field(default_factory=dict)
    digest: str = ""
    """SHA-256 of the ledger."""
    whole_s: float = 0.0
    short: bool = False

    @property
    def is_good(self) -> bool:
        """Whether every promise was kept."""
        return not self.findings and not self.failure

    def count(self, kind: str) -> int:
        """Count the findings of a kind."""
        return sum(finding.kind == kind for finding in self.findings)

    @classmethod
    def of(cls, document: dict[str, Any]) -> "Outcome":
        """Take what `as_document` gave."""
        findings = [Finding(**each) for each in document["findings"]]
        return cls(**(document | {"findings": findings}))

    def as_document(self) -> dict[str, Any]:
        """Give it for a file."""
        return asdict(self)


class Run:
    """A row of seeds on one stack. What earlier ones sent is judged again with each."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._sent: list[Sent] = []
        self._planted: dict[tuple[str, str], int] = {}
        self._known: set[Finding] = set()
        self._observed: Observed | None = None

    def overlook_what_is_there(self) -> None:
        """On a stack that others used: what they left behind is not what is judged here."""
        self._rig.wait_until_up(SETTLE_S)
        Rest(self._rig, {}).wait(SETTLE_S)
        self._observed = self._look()
        self._known = set(fold([], self._observed))

    def seed(self, plan: Plan) -> Outcome:
        """Carry out a plan and judge what came of it."""
        began = time.time()
        outcome = Outcome(seed=plan.seed, copies=plan.copies, short=plan.short)
        folder = self._rig.folder / f"seed-{plan.seed}-{len(self._sent)}"
        folder.mkdir()
        try:
            self._rig.scale(plan.copies)
            self._rig.wait_until_up(SETTLE_S)
            self._storm(plan, folder, outcome)
            self._judge(outcome, folder)
        except (AssertionError, TimeoutError) as failure:
            outcome.failure = str(failure) or type(failure).__name__
        outcome.whole_s = round(time.time() - began, 1)
        return outcome

    def _storm(self, plan: Plan, folder: Path, outcome: Outcome) -> None:
        ledger = Ledger(folder / "ledger.jsonl")
        clients = self._rig.clients(ledger)
        steps = invent(plan.dice("reports"), plan.reports, f"S{plan.seed}x{len(self._sent)}")
        letters = seal_all(steps, clients)
        planter = Planter(self._rig.live.kafka("admin"), ledger)
        facts = plant(plan.dice("facts"), plan.planted, plan.seconds)
        dice = plan.dice("repeats")
        injector = FaultInjector(self._rig, lambda count: _repeat(self._rig, planter, dice, count))
        token_of = self._rig.live.operator_token
        operator = Operator(self._rig.urls(), token_of, plan.dice("operator"))
        quiet = Event()
        watched = WatchLog(folder / "watched.jsonl")
        with Watch(self._rig, injector.deaths, watched) as watch, ThreadPoolExecutor() as pool:
            injector.is_up = watch.is_up
            going = [
                pool.submit(injector.carry_out, plan.faults),
                pool.submit(_plant_all, facts, planter),
                pool.submit(_garbage, plan, clients),
                pool.submit(_operate, operator, quiet),
            ]
            try:
                send_steadily(letters, clients, per_second=plan.per_second)
                for each in going[:-1]:
                    each.result()
                assert not sum(client.flush() for client in clients), "the broker stays away"
                last = max(time.time(), injector.last_at)
                injector.disarm()
                self._planted |= read_planted(ledger.path)
                self._come_to_rest(operator, ledger)
                watch.wait_for_all(SETTLE_S)
                outcome.rest_s = round(time.time() - last, 1)
                self._kill_in_calm(plan, injector, watch, clients)
                self._come_to_rest(operator, ledger)
            finally:
                quiet.set()
                injector.disarm()
        going[-1].result()
        operator.close()
        ledger.close()
        self._note(outcome, injector, operator, read_watched(watched.path))
        self._take_in(ledger, outcome)
        outcome.planted = len(facts)

    def _take_in(self, ledger: Ledger, outcome: Outcome) -> None:
        sent = read_ledger(ledger.path)
        self._sent += sent
        outcome.reports = len(sent)
        outcome.digest = hashlib.sha256(ledger.path.read_bytes()).hexdigest()
        assert all(each.acknowledged for each in sent), "the broker did not take every report"

    def _kill_in_calm(
        self, plan: Plan, injector: FaultInjector, watch: Watch, clients: list[PartnerClient]
    ) -> None:
        """Kill one thing while nothing else happens, and see how soon all goes on."""
        seconds = BROKER_CALM_S if plan.calm in BROKERS else SERVICE_CALM_S
        reports = int(seconds * CALM_PER_SECOND)
        steps = invent(plan.dice("calm"), reports, f"C{plan.seed}x{len(self._sent)}")
        letters = seal_all(steps, clients)
        death = injector.kill(plan.calm, "calm")
        send_steadily(letters, clients, per_second=CALM_PER_SECOND)
        until = time.monotonic() + SETTLE_S
        while death and plan.calm not in BROKERS and not watch.has_seen_back(death):
            assert time.monotonic() < until, f"{plan.calm} is not back"
            time.sleep(0.1)

    def _come_to_rest(self, operator: Operator, ledger: Ledger) -> None:
        self._rig.wait_until_up(SETTLE_S)
        sent = [*self._sent, *read_ledger(ledger.path)]
        acknowledged = Counter(each.partner for each in sent if each.acknowledged)
        until = time.monotonic() + SETTLE_S
        while True:
            Rest(self._rig, acknowledged).wait(max(5.0, until - time.monotonic()))
            if operator.round() == 0:
                return
            assert time.monotonic() < until, "something stays parked"

    def _look(self) -> Observed:
        return inspect(
            self._rig.status(), services=SERVICES, collections=_JUDGED, since=self._observed
        )

    def _judge(self, outcome: Outcome, folder: Path) -> None:
        before = len(self._observed.records) if self._observed else 0
        seen = self._look()
        found = set(fold(self._sent, seen, self._planted))
        outcome.findings += sorted(found - self._known)
        outcome.findings += judge(read_watched(folder / "watched.jsonl"))
        self._known |= found
        self._observed = seen
        outcome.records = len(seen.records) - before
        calm = (death for death in self._deaths if death.kind == "calm")
        for death, seconds in answered_again(calm, seen):
            (outcome.mongo_s if death.who == "mongo" else outcome.kafka_s).append(round(seconds, 2))
        if not outcome.is_good:
            seen.write(folder / "observed.json")

    def _note(
        self,
        outcome: Outcome,
        injector: FaultInjector,
        operator: Operator,
        watched: list[dict[str, Any]],
    ) -> None:
        self._deaths: list[Death] = injector.deaths
        outcome.faults = dict(injector.done)
        outcome.kills = sum(death.kind != "terminate" for death in injector.deaths)
        crashes = Counter(death.where for death in injector.deaths if death.kind == "crash")
        outcome.points, outcome.unreached = dict(crashes), dict(Counter(injector.unreached))
        for death, seconds in recoveries(watched):
            if seconds is not None:
                took = outcome.calm_s if death["kind"] == "calm" else outcome.back_s
                took.append(round(seconds, 2))
        outcome.most_mb = {name: round(peak) for name, peak in peak_memory(watched).items()}
        outcome.operator = dict(operator.done)


def _plant_all(facts: list[PlantedFact], planter: Planter) -> None:
    began = time.monotonic()
    for fact in facts:
        time.sleep(max(0.0, began + fact.at_s - time.monotonic()))
        planter.put(fact)
    planter.flush()


def _garbage(plan: Plan, clients: list[PartnerClient]) -> None:
    dice = plan.dice("garbage")
    for number in range(GARBAGE):
        time.sleep(plan.seconds / (GARBAGE + 1))
        reference = plan.seed * 10 + number
        send_garbage(dice, dice.choice(clients), reference)


def _operate(operator: Operator, quiet: Event) -> None:
    while not quiet.wait(2.0):
        operator.round()


def _repeat(rig: Rig, planter: Planter, dice: Random, count: int) -> int:
    """Publish facts of a topic once more, as a relay does that died after its send."""
    login = {**inspector_login(rig.status()), "group.id": "inspector.repeat", "log_level": 0}
    done = 0
    with closing(Consumer({**login, "enable.auto.commit": False})) as consumer:
        for _ in range(count):
            place = TopicPartition(dice.choice(_FACTS), dice.randrange(4))
            try:
                start, end = consumer.get_watermark_offsets(place, timeout=5)
                if start == end:
                    continue
                place.offset = max(start, end - dice.randint(1, 6))
                consumer.assign([place])
                fact = consumer.poll(5)
            except Exception:  # noqa: BLE001, S112 - the broker may be away just now: then not
                continue
            if fact is not None and fact.error() is None:
                planter.put_raw(
                    place.topic, fact.key(), fact.value(), fact.headers() or [],
                    partition=place.partition,
                )  # fmt: skip
                done += 1
    planter.flush()
    return done
