"""Stores of running services restored to an earlier state, as docs/runbooks/restore.md describes."""

from __future__ import annotations

import json
import os
import signal
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from bson.binary import Binary
from confluent_kafka import Consumer, Producer, TopicPartition
from pymongo import MongoClient

from shared.contracts.envelope import Envelope, write_envelope
from tests.live import LiveStack, wait_until
from tests.system.command_line import DONE, FAILED, REJECTED, CommandLine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confluent_kafka import Message

Document = dict[str, Any]
Copies = dict[str, dict[str, list[Document]]]
Numbers = dict[str, list[str]]

STORES = ("intake", "mediation")
CASES, MEDIATIONS = "intake.cases.mediation", "mediation.cases"
SENSITIVE = 6
"""The kind of binary that client-side encryption makes."""
OF_STAFF = "mediation.something_of_staff.v1"


@pytest.fixture
def database(stack: LiveStack) -> Iterator[MongoClient[Document]]:
    with MongoClient[Document](stack.mongo("admin"), tz_aware=True) as client:
        yield client


def test_stores_that_are_restored_lose_nothing_and_double_nothing(
    stack: LiveStack, samraad: CommandLine, database: MongoClient[Document]
) -> None:
    assert samraad.add().returncode == DONE
    assert samraad.emit(samraad.report())[0] == DONE
    wait_until(lambda: _is_all_published(database), 60, "all to be published")
    copies = _copied(database)
    cases = _report_more(samraad)
    staffed = cases[-1]
    _publish_as_mediation(stack, staffed, 2)
    _get_old(database, copies)
    published, answers = _published_of(stack, cases), _answers(stack, samraad)

    _restore(stack, database, copies)

    wait_until(lambda: _found(samraad) == list(STORES), 60, "both stores to be found restored")
    wait_until(lambda: _are_there(database, cases), 60, "all cases to be there again")
    _wait_for_one_to_stand(samraad, cases, staffed)
    assert samraad.emit(samraad.report())[0] == DONE, "the service is open"
    shown = samraad.run("halts", "list")
    assert shown.returncode == FAILED
    assert "its store was restored to" in shown.stdout
    assert f"mediation published #2 {OF_STAFF}, which its store does not have" in shown.stdout
    after = _answers(stack, samraad)
    assert {reference: after[reference] for reference in answers} == answers
    assert _published_of(stack, cases) == published, "nothing is published a second time"

    ran = samraad.run("halts", "go-on", "--case", staffed, "--reason", "seen by a test", "--yes")
    assert ran.returncode == DONE, ran.stderr
    assert _parked(samraad, cases) == []
    for service in STORES:
        noted = ("halts", "go-on", "--all", "--service", service, "--reason", "a test", "--yes")
        assert samraad.run(*noted).returncode == DONE
    assert _found(samraad) == []
    assert _blobs_without_a_key(database) == []
    log = json.loads(samraad.run("parked", "log", "--service", "mediation", "--json").stdout)
    assert {"store_put_back", "parked_go_on"} <= {entry["action"] for entry in log}


def _report_more(samraad: CommandLine) -> list[str]:
    """Send three good letters and one that lies ahead of the clock; give all cases, once published."""
    ahead = (datetime.now(UTC) + timedelta(minutes=20)).isoformat()
    reports = [*(samraad.report() for _ in range(3)), samraad.report(occurred_at=ahead)]
    assert samraad.emit("\n".join(reports), "--unchecked")[0] == REJECTED
    cases = [receipt["case_id"] for receipt in samraad.receipts() if receipt["case_id"]]
    assert len(cases) == 4
    for case in cases:
        samraad.facts(case, 3)
    return cases


def _found(samraad: CommandLine) -> list[str]:
    """The services whose stores `samraad halts list` lists as restored."""
    shown = json.loads(samraad.run("halts", "list", "--json").stdout)
    return sorted(store["service"] for store in shown["stores"])


def _parked(samraad: CommandLine, cases: list[str]) -> list[str]:
    """Those of the cases of which it lists that a store does not know all."""
    shown = json.loads(samraad.run("halts", "list", "--json").stdout)
    return [case["case_id"] for case in shown["unknown"] if case["case_id"] in cases]


def _wait_for_one_to_stand(samraad: CommandLine, cases: list[str], staffed: str) -> None:
    seen: list[list[str]] = []

    def is_so() -> bool:
        seen.append(_parked(samraad, cases))
        return seen[-1] == [staffed]

    try:
        wait_until(is_so, 60, "one case to be listed")
    except AssertionError:
        shown = samraad.run("halts", "list").stdout, samraad.run("parked", "list").stdout
        raise AssertionError(cases, staffed, seen[-1], *shown, samraad.stack.status()) from None


def _blobs_without_a_key(database: MongoClient[Document]) -> list[tuple[str, str, Any]]:
    """What was sealed under a key that the store does not hold: nobody will ever open it."""
    lost = []
    for store in STORES:
        known = {bytes(key["_id"]) for key in database[store]["keys"].find({}, {"_id": 1})}
        for name in database[store].list_collection_names():
            lost += [
                (store, name, document["_id"])
                for document in database[store][name].find()
                if any(blob[1:17] not in known for blob in _sealed(document))
            ]
    return lost


def _sealed(value: Any) -> Iterator[bytes]:
    """All sealed bytes in a document; the id of their key is in each from its second byte on."""
    if isinstance(value, Binary) and value.subtype == SENSITIVE:
        yield bytes(value)
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _sealed(each)


def _is_all_published(database: MongoClient[Document]) -> bool:
    return not any(database[store]["outbox"].count_documents({}) for store in STORES)


def _are_there(database: MongoClient[Document], cases: list[str]) -> bool:
    taken_in = {"_id": {"$in": cases}, "stage": {"$exists": True}}
    return database["mediation"]["mediations"].count_documents(taken_in) == len(cases)


def _copied(database: MongoClient[Document]) -> Copies:
    """Copy the databases as they are at one moment each."""
    copies: Copies = {}
    for store in STORES:
        names = database[store].list_collection_names()
        with database.start_session(snapshot=True) as session:
            copies[store] = {
                name: list(database[store][name].find(session=session)) for name in names
            }
    return copies


def _get_old(database: MongoClient[Document], copies: Copies) -> None:
    """Wait until each service has counted on and shown it to the broker."""
    for store, copy in copies.items():
        [then] = (each["beat"] for each in copy["life"] if each["_id"] == "store")

        def has_counted(store: str = store, then: int = then) -> bool:
            life = database[store]["life"].find_one({"_id": "store"})
            return life is not None and life["beat"] > then + 6

        wait_until(has_counted, 60, f"{store} to count on")


def _restore(stack: LiveStack, database: MongoClient[Document], copies: Copies) -> None:
    for store, copy in copies.items():
        with _stopped(stack.pid(store)):
            for name in database[store].list_collection_names():
                database[store][name].delete_many({})
                if copy.get(name):
                    database[store][name].insert_many(copy[name])


@contextmanager
def _stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _publish_as_mediation(stack: LiveStack, case_id: str, sequence: int) -> None:
    """Publish what a member of staff decided, which only the topic will know."""
    source = "/mediation/cases"
    envelope = Envelope(str(uuid4()), source, OF_STAFF, subject=case_id, sequence=sequence)
    producer = Producer({**stack.kafka("mediation"), "log_level": 0})
    producer.produce(MEDIATIONS, b"{}", key=case_id, headers=[*write_envelope(envelope)])
    assert producer.flush(30) == 0


def _published_of(stack: LiveStack, cases: list[str]) -> dict[str, Numbers]:
    """The numbers that each topic holds of each case, as often as they occur there."""
    published: dict[str, Numbers] = {}
    for topic in (CASES, MEDIATIONS):
        published[topic] = {case: [] for case in cases}
        for message in _records(stack.kafka("inspector"), "eyes", topic):
            case = (message.key() or b"").decode()
            if case in published[topic]:
                published[topic][case].append(dict(message.headers() or [])["ce_sequence"].decode())
    return published


def _answers(stack: LiveStack, samraad: CommandLine) -> dict[str, Any]:
    """The receipt of each letter; the very same, byte by byte, may be there twice."""
    given: dict[str, Any] = {}
    for message in _records(stack.kafka("inspector"), "eyes", f"partner.{samraad.partner}.replies"):
        receipt = message.value(), sorted(message.headers() or [])
        assert given.setdefault((message.key() or b"").decode(), receipt) == receipt
    assert given
    return given


def _records(login: dict[str, str], group: str, topic: str) -> Iterator[Message]:
    """All that a topic holds now."""
    reader = Consumer({**login, "group.id": group, "log_level": 0})
    try:
        for partition in reader.list_topics(topic, timeout=10).topics[topic].partitions:
            place = TopicPartition(topic, partition)
            at, end = reader.get_watermark_offsets(place, timeout=10)
            reader.assign([TopicPartition(topic, partition, at)])
            while at < end:
                message = reader.poll(10)
                assert message is not None
                assert message.error() is None
                at = (message.offset() or 0) + 1
                yield message
    finally:
        reader.close()
