"""Reports that flow while things happen, and the account at the end: nothing lost, nothing doubled."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
from confluent_kafka import Consumer, KafkaError, TopicPartition

from deploy.embedded.paths import CLONE
from tests.faults.checker.sender import PartnerClient

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tests.containers.running import Running

EXAMPLE = CLONE / "examples/reports/valid/mediation-violence-between-two-young.json"
PAUSE = 0.15
ANSWER_SECONDS = 180.0
FACTS = ("intake.cases.mediation", "mediation.cases", "notify.notices")


@dataclass
class Flow:
    """One partner that sends all the time."""

    running: Running
    credentials: Path
    sent: list[str] = field(default_factory=list)
    troubles: list[BaseException] = field(default_factory=list)

    @contextmanager
    def flowing(self, references: Iterable[str] = ()) -> Iterator[Flow]:
        """Send for as long as this lasts: these once more and then no others, or ever new ones."""
        ended = Event()
        what = iter(references or iter(lambda: f"F-{uuid4()}", ""))
        thread = Thread(target=self._send, args=[ended, what], daemon=True)
        thread.start()
        try:
            yield self
        finally:
            ended.set()
            thread.join(timeout=180)
        assert not thread.is_alive(), "the partner's client hangs"
        assert not self.troubles, self.troubles

    def wait_for(self, more: int) -> None:
        """Wait until so many more have been sent."""
        wanted, until = len(self.sent) + more, time.monotonic() + 120
        while len(self.sent) < wanted:
            assert time.monotonic() < until, "the partner cannot send"
            assert not self.troubles, self.troubles
            time.sleep(0.05)

    def _send(self, ended: Event, references: Iterator[str]) -> None:
        try:
            report = json.loads(EXAMPLE.read_text())
            client = PartnerClient(self.credentials)
            while not ended.wait(PAUSE):
                reference = next(references, "")
                if not reference:
                    break
                letter = client.letter(
                    {**report, "partner": client.partner, "reference": reference}
                )
                client.send(letter)
                self.sent.append(reference)
            assert client.flush(170) == 0, "the broker did not take everything"
        except (Exception, httpx.HTTPError) as trouble:  # noqa: BLE001 - raised again in the test's own thread
            self.troubles.append(trouble)

    def check(self) -> dict[str, str]:
        """Require one receipt, one case, one reception and one notice for each report; give cases."""
        cases = self._cases()
        wanted = set(cases.values())
        until = time.monotonic() + ANSWER_SECONDS
        while True:
            found = self._facts(wanted)
            if all(wanted <= found[topic].keys() for topic in FACTS) or time.monotonic() > until:
                break
            time.sleep(1)
        for topic in FACTS:
            assert wanted <= found[topic].keys(), (
                f"{topic} lacks {len(wanted - found[topic].keys())}"
            )
            doubled = {case: ids for case, ids in found[topic].items() if len(ids) != 1}
            assert not doubled, f"{topic}: {doubled}"
        return cases

    def _cases(self) -> dict[str, str]:
        """Wait for a receipt of each report; each has one with its case."""
        ids: dict[str, set[str]] = defaultdict(set)
        cases: dict[str, str] = {}
        until = time.monotonic() + ANSWER_SECONDS
        while len(cases) < len(self.sent) and time.monotonic() < until:
            ids.clear()
            login = json.loads(self.credentials.read_text())
            for headers, body in read(login["kafka"], [login["topics"]["replies"]], group=login):
                reference = body["reference"]
                assert headers["ce_type"] == "intake.report_accepted.v1", body
                ids[reference].add(headers["ce_id"])
                cases[reference] = body["case_id"]
            time.sleep(0.5)
        lost = set(self.sent) - cases.keys()
        assert not lost, f"{len(lost)} of {len(self.sent)} have no receipt"
        assert all(len(ids[one]) == 1 for one in self.sent)
        assert Counter(cases.values()).most_common(1)[0][1] == 1, "two reports share a case"
        return {reference: cases[reference] for reference in self.sent}

    def _facts(self, wanted: set[str]) -> dict[str, dict[str, set[str]]]:
        """Find the facts about our cases: by topic and case, which ones (a record may occur twice)."""
        found: dict[str, dict[str, set[str]]] = {topic: defaultdict(set) for topic in FACTS}
        for topic in FACTS:
            for headers, body in read(self.running.admin(), [topic]):
                is_ours = headers["ce_subject"] in wanted
                about = body.get("about", "mediation.case_received.v1")
                first = headers["ce_type"].endswith(("opened.v1", "received.v1", "created.v1"))
                if is_ours and first and about == "mediation.case_received.v1":
                    found[topic][headers["ce_subject"]].add(headers["ce_sequence"])
        return found


def read(
    login: dict[str, str], topics: list[str], group: dict[str, Any] | None = None
) -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
    """Read topics from the beginning to the end that they have now."""
    name = f"{group['group_prefix']}check" if group else "containers-check"
    settings = {"group.id": name, "enable.auto.commit": False, "enable.partition.eof": True}
    consumer = Consumer({**login, **settings, "log_level": 0})
    try:
        places = [
            TopicPartition(topic, partition, 0)
            for topic in topics
            for partition in consumer.list_topics(topic, timeout=60).topics[topic].partitions
        ]
        consumer.assign(places)
        left, until = len(places), time.monotonic() + 60
        while left and time.monotonic() < until:
            message = consumer.poll(1)
            if message is None:
                continue
            if message.error() is not None:
                assert message.error().code() == KafkaError._PARTITION_EOF, message.error()
                left -= 1
                continue
            headers = {name: (value or b"").decode() for name, value in message.headers() or []}
            yield headers, json.loads(message.value())
    finally:
        consumer.close()
