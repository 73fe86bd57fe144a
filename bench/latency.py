"""The latency of one event on an idle stack, measured from outside, one at a time."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from random import Random
from statistics import median, quantiles
from threading import Thread
from time import monotonic, sleep
from typing import Any, Final

import httpx
from confluent_kafka import Consumer, Producer, TopicPartition
from pymongo.errors import PyMongoError

from bench.intake import letters
from bench.running import Findings, RunSize, Subject, Target
from bench.world import Sent, World
from deploy.embedded.paths import CLONE

__all__ = ["ANSWER_S", "PAUSES_S", "Effects", "row_of_times", "send_and_wait", "subject"]

_PARTNER: Final = "bench-school"
_REPLIES: Final = f"partner.{_PARTNER}.replies"
_FACTS: Final = "mediation.cases"
_NOTICES: Final = "notify.notices"
_IN_A_RUN: Final = 60
_FIRST: Final = 20
"""Reports that warm the services up, and are not counted."""
ANSWER_S: Final = 30.0
PAUSES_S: Final = (0.05, 0.15)

Times = dict[str, float]


class Effects(Thread):
    """The times at which cases appear in a collection."""

    def __init__(self, world: World, database: str, collection: str) -> None:
        super().__init__(daemon=True)
        self.seen: Times = {}
        self._client = world.database_client()
        self._changes = self._client[database][collection].watch(
            [{"$match": {"operationType": "insert"}}, {"$project": {"documentKey": 1}}]
        )

    def run(self) -> None:
        """Note the time of each new case."""
        with suppress(PyMongoError):
            for change in self._changes:
                self.seen.setdefault(change["documentKey"]["_id"], monotonic())

    def wait_for(self, case_id: str) -> float:
        """Wait for the case, and return its time."""
        until = monotonic() + ANSWER_S
        while case_id not in self.seen:
            if monotonic() > until:
                raise TimeoutError(f"after {ANSWER_S} s there is still no case {case_id}")
            sleep(0.002)
        return self.seen[case_id]

    def close(self) -> None:
        """Stop watching."""
        self._client.close()


class _Watch:
    """The times at which records appear on topics, by subject."""

    def __init__(self, world: World) -> None:
        self._consumer = Consumer({**world.kafka, "group.id": "bench-eyes"})
        places = []
        for topic in (_REPLIES, _FACTS, _NOTICES):
            known = self._consumer.list_topics(topic, timeout=60).topics[topic].partitions
            for partition in known:
                place = TopicPartition(topic, partition)
                _, place.offset = self._consumer.get_watermark_offsets(place, timeout=60)
                places.append(place)
        self._consumer.assign(places)

    def until(self, reference: str) -> Times:
        """Wait for a report's receipt, first fact and notice, and return their times."""
        seen: Times = {}
        case_id, facts, notices = "", Times(), Times()
        end = monotonic() + ANSWER_S
        while monotonic() < end:
            message = self._consumer.poll(0.5)
            if message is None or message.error():
                continue
            now, topic, body = monotonic(), message.topic(), json.loads(message.value() or b"{}")
            if topic == _REPLIES and message.key() == reference.encode():
                seen["receipt"], case_id = now, body["case_id"]
            elif topic == _FACTS:
                facts.setdefault(body["case_id"], now)
            elif topic == _NOTICES:
                notices.setdefault(str(body.get("case_id")), now)
            if case_id in facts and case_id in notices:
                seen |= {"fact": facts[case_id], "notice": notices[case_id]}
                return seen | {f"case {case_id}": now}
        raise TimeoutError(f"after {ANSWER_S} s there is still no notice of {reference}")


def _measure(world: World, size: RunSize) -> Findings:
    credentials = _credentials(world)
    public = httpx.get(credentials["jwks_url"], timeout=30).json()["keys"][0]
    producer = Producer({**credentials["kafka"], "enable.idempotence": True, "linger.ms": 0})
    watch, effects = _Watch(world), Effects(world, "mediation", "mediations")
    dice = Random(3)  # noqa: S311 - pauses
    effects.start()
    taken: list[dict[str, float]] = []
    for letter in letters(_PARTNER, _FIRST + size.runs * _IN_A_RUN, public):
        taken.append(_one(letter, producer, watch, effects))
        sleep(dice.uniform(*PAUSES_S))
    effects.close()
    rounds = [taken[start : start + _IN_A_RUN] for start in range(_FIRST, len(taken), _IN_A_RUN)]
    rows = [
        row_of_times("report acknowledged → receipt read by its partner", "receipt", rounds),
        row_of_times(
            "report acknowledged → effect in the next service (change stream)", "effect", rounds
        ),
        row_of_times("event read → notice read", "notice", rounds),
    ]
    effect = rows[1]
    return Findings(
        rows,
        [
            Target.at_most(
                "idle, report → effect in the next service, p50 ms", 12, effect["p50_ms"]
            ),
            Target.at_most(
                "idle, report → effect in the next service, p99 ms", 30, effect["p99_ms"]
            ),
        ],
    )


def _one(letter: Sent, producer: Producer, watch: _Watch, effects: Effects) -> dict[str, float]:
    """Send one report, wait for all its effects, and return the times in ms."""
    acknowledged = send_and_wait(producer, letter)
    seen = watch.until(letter[1])
    case_id = next(name.removeprefix("case ") for name in seen if name.startswith("case "))
    return {
        "receipt": 1e3 * (seen["receipt"] - acknowledged),
        "effect": 1e3 * (effects.wait_for(case_id) - acknowledged),
        "notice": 1e3 * (seen["notice"] - seen["fact"]),
    }


def send_and_wait(producer: Producer, record: Sent) -> float:
    """Send a record; return the time of the broker's acknowledgement."""
    topic, key, value, headers = record
    acknowledged: list[float] = []

    def delivered(error: object, _: object) -> None:
        if error is not None:
            raise RuntimeError(f"the broker refused a record: {error}")
        acknowledged.append(monotonic())

    producer.produce(topic, value, key=key, headers=list(headers), on_delivery=delivered)
    while not acknowledged:
        producer.poll(0.5)
    return acknowledged[0]


def row_of_times(what: str, name: str, rounds: list[list[dict[str, float]]]) -> dict[str, Any]:
    """Return percentiles of one time in ms over all rounds, and the spread of the rounds."""
    of_rounds = [median(each[name] for each in one) for one in rounds]
    everything = [each[name] for one in rounds for each in one]
    return {
        "what": what,
        "p50_ms": round(median(everything), 1),
        "p99_ms": round(quantiles(everything, n=100, method="inclusive")[98], 1),
        "most_ms": round(max(everything), 1),
        "p50_of_runs": f"{min(of_rounds):.1f} - {max(of_rounds):.1f}",
        "events": len(everything),
        "runs": len(rounds),
    }


def _credentials(world: World) -> Mapping[str, Any]:
    """Add a school as a partner, as an operator does."""
    file = world.home / f"{_PARTNER}.credentials.json"
    command = [sys.executable, "-m", "cli.main", "partner", "add", _PARTNER, "--kind", "school"]
    environment = {**os.environ, "SAMRAAD_HOME": str(world.home)}
    added = subprocess.run(
        [*command, "--out", str(file)],
        cwd=CLONE,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if added.returncode:
        raise RuntimeError(f"the partner was not added: {added.stdout}{added.stderr}")
    document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return document


subject = Subject("Latency: one report at a time on an idle stack", _measure, whole_stack=True)
