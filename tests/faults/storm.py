"""The load of a storm: sealed reports at a steady rate, and whether all came to rest afterwards.

What is sent follows from one seed; what must have happened, from the ledger alone.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final, Protocol

from confluent_kafka import Consumer, TopicPartition
from pymongo import MongoClient

from deploy.embedded.paths import CLONE
from tests.faults.checker.ledger import Expected
from tests.faults.checker.observed import inspector_login
from tests.faults.checker.sender import Letter, PartnerClient

KINDS: Final = ("prosecution", "psychiatry", "school")
SERVICES: Final = ("intake", "mediation", "psp", "notify")
READS: Final[Mapping[str, Sequence[str]]] = {
    "intake": (),
    "mediation": ("intake.cases.mediation",),
    "psp": ("intake.cases.psp",),
    "notify": (
        *("intake.cases.mediation", "intake.cases.psp", "intake.cases.ssp"),
        *("intake.signals", "mediation.cases", "psp.cases"),
    ),
}
"""What each service reads of a storm, beside the partners' topics; upstream comes first."""

_EXAMPLES: Final = CLONE / "examples" / "reports" / "valid"
_SORTS: Final = (
    *4 * ("mediation-vandalism-at-school", "mediation-needing-an-interpreter"),
    *2 * ("psp-home-visits-after-admission", "psp-invisible-citizen", "psp-losing-the-home"),
    *("ssp-moving-school", "ssp-police-to-school"),  # nobody runs it yet: it waits
    *("triage-from-a-school", "triage-from-psychiatry"),  # waits for triage
)
_AGAIN, _CONFLICT, _WRONG, _CORRECTED = 0.05, 0.02, 0.03, 0.02
_KNOWN_BY_CPR: Final = 0.2
_PATIENCE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class PlannedReport:
    """A report that one partner sends, and the answer that the contract requires."""

    partner: int
    report: dict[str, Any]
    expects: Expected


def invent(dice: Random, count: int, prefix: str = "F") -> list[PlannedReport]:
    """Invent a storm's reports: most are new, some come again, contradict, are wrong or corrected.

    `prefix` begins the references: another storm of the same partners needs another.
    """
    examples = {name: json.loads((_EXAMPLES / f"{name}.json").read_text()) for name in set(_SORTS)}
    steps: list[PlannedReport] = []
    accepted: list[PlannedReport] = []
    wrong: list[PlannedReport] = []
    while len(steps) < count:
        turn = dice.random()
        if turn < _AGAIN and steps:
            steps.append(dice.choice(steps))
        elif turn < _AGAIN + _CONFLICT and accepted:
            first = dice.choice(accepted)
            other = {**first.report, "text": "En anden historie end den første."}
            steps.append(PlannedReport(first.partner, other, "conflict"))
        elif turn < _AGAIN + _CONFLICT + _WRONG:
            report = _new(dice, examples, prefix, len(steps)) | {"municipality": "0461"}
            wrong.append(PlannedReport(dice.randrange(len(KINDS)), report, "rejected"))
            steps.append(wrong[-1])
        elif turn < _AGAIN + _CONFLICT + _WRONG + _CORRECTED and wrong:
            before = wrong.pop(dice.randrange(len(wrong)))
            accepted.append(
                PlannedReport(before.partner, {**before.report, "municipality": "0630"}, "accepted")
            )
            steps.append(accepted[-1])
        else:
            report = _new(dice, examples, prefix, len(steps))
            accepted.append(PlannedReport(dice.randrange(len(KINDS)), report, "accepted"))
            steps.append(accepted[-1])
    return steps


def _new(dice: Random, examples: Mapping[str, Any], prefix: str, number: int) -> dict[str, Any]:
    example = examples[dice.choice(_SORTS)]
    people = [
        person if dice.random() < _KNOWN_BY_CPR else _without_cpr(person, number)
        for person in example["people"]
    ]
    return {**example, "reference": f"{prefix}-{number:05d}", "people": people}


def _without_cpr(person: Mapping[str, Any], number: int) -> dict[str, Any]:
    kept = {name: value for name, value in person.items() if name != "cpr"}
    return {**kept, "name": {**person["name"], "given": f"Opdigtet {number}"}}


def seal_all(steps: Iterable[PlannedReport], clients: Sequence[PartnerClient]) -> list[Letter]:
    """Seal each report for its partner, anew each time."""
    return [
        clients[step.partner].letter(
            {**step.report, "partner": clients[step.partner].partner}, expects=step.expects
        )
        for step in steps
    ]


def send_steadily(
    letters: Sequence[Letter], clients: Sequence[PartnerClient], *, per_second: float
) -> float:
    """Send at a rate that does not wait for anybody; returns the seconds until all were taken."""
    by_partner = {client.partner: client for client in clients}
    began = time.monotonic()
    for number, letter in enumerate(letters):
        due = began + number / per_second
        time.sleep(max(0.0, due - time.monotonic()))
        by_partner[letter.partner].send(letter)
    left = sum(client.flush() for client in clients)
    assert left == 0, f"the broker did not answer for {left} reports"
    return time.monotonic() - began


class Statused(Protocol):
    """What reports its state."""

    def status(self) -> dict[str, Any]:
        """Return what `samraad status --json` prints."""
        ...


class Rest:
    """Whether a stack has come to rest: every letter answered, nothing on its way anywhere."""

    def __init__(self, stack: Statused, partners: Mapping[str, int]) -> None:
        self._stack = stack
        self._partners = partners
        """Each partner, and how many letters of it were acknowledged."""
        self.missing = ""

    def wait(self, seconds: float) -> float:
        """Wait until it rests; returns how long that took. Fails after `seconds`."""
        began = time.monotonic()
        status = self._stack.status()
        login = {**inspector_login(status), "group.id": "inspector.rest", "log_level": 0}
        uri = Path(status["mongo"]["inspector_uri_file"]).read_text("utf-8").strip()
        with closing(Consumer(login)) as consumer, MongoClient[dict[str, Any]](uri) as mongo:
            while not self._reached(consumer, mongo):
                waited = time.monotonic() - began
                assert waited < seconds, f"no rest after {waited:.0f} s: {self.missing}"
                time.sleep(0.5)
        return time.monotonic() - began

    def _reached(self, consumer: Consumer, mongo: MongoClient[dict[str, Any]]) -> bool:
        looks: tuple[Callable[[], Iterator[str]], ...] = (
            lambda: self._unready(self._stack.status()),
            lambda: self._unanswered(consumer),
            lambda: self._unread(consumer, mongo),
        )
        self.missing = next((missing for look in looks for missing in look()), "")
        return not self.missing

    def _unready(self, status: dict[str, Any]) -> Iterator[str]:
        for name, service in status["services"].items():
            at_rest = (service["state"], service["lag"], service["outbox"]) == ("ready", 0, 0)
            if not at_rest:
                yield f"{name} is {service['state']}, lag {service['lag']}, outbox {service['outbox']}"

    def _unanswered(self, consumer: Consumer) -> Iterator[str]:
        for partner, acknowledged in self._partners.items():
            place = TopicPartition(f"partner.{partner}.replies", 0)
            first, end = consumer.get_watermark_offsets(place, timeout=_PATIENCE_S)
            if end - first < acknowledged:
                yield f"{partner}: {end - first} receipts for {acknowledged} letters"

    def _unread(self, consumer: Consumer, mongo: MongoClient[dict[str, Any]]) -> Iterator[str]:
        """Look from upstream to downstream, so that nothing slips by between two looks."""
        topics = consumer.list_topics(timeout=_PATIENCE_S).topics
        for service in SERVICES:
            own = [f"partner.{each}.reports" for each in self._partners]
            database = mongo[service]
            marks = {
                (mark["topic"], mark["partition"]): mark["offset"]
                for mark in database.watermarks.find()
            }
            for topic in own if service == "intake" else READS[service]:
                for partition in topics[topic].partitions:
                    place = TopicPartition(topic, partition)
                    _, end = consumer.get_watermark_offsets(place, timeout=_PATIENCE_S)
                    if marks.get((topic, partition), 0) != end:
                        yield f"{service} has not read {topic}[{partition}] to its end"
            if database.outbox.count_documents({}):
                yield f"{service} has something to send"
