"""Intake as a process on real brokers: what a partner sends is answered, also across a kill."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from uuid import uuid4

import httpx
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from deploy.topics import apply_partner, remove_partner
from shared.contracts.envelope import Envelope, write_envelope
from shared.security.sealed_letters import seal
from tests.edge.intake_world import a_report
from tests.live import wait_until
from tests.signing import KeyPairs

SECONDS = 60


class Process:
    """`python -m services.intake`, with files of its own."""

    def __init__(self, live, directory):
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        files = {
            "kafka.json": json.dumps(live.kafka("intake")).encode(),
            "mongo.uri": live.mongo("intake").encode(),
            "master.key": os.urandom(96),
            "index.key": os.urandom(32),
            "operator.token": b"operator-token-of-thirty-two-bytes-or-more",
            "session.secret": b"x" * 32,
        }
        for name, content in files.items():
            (directory / name).write_bytes(content)
        (directory / "tokens").mkdir()
        keys = KeyPairs.lay(directory, "intake", "notify")
        self.environment = os.environ | {
            "INTAKE_KAFKA_FILE": str(directory / "kafka.json"),
            "INTAKE_MONGO_FILE": str(directory / "mongo.uri"),
            "INTAKE_PORT": str(self.port),
            "INTAKE_INSTANCE": "intake-1",
            "INTAKE_MASTER_KEY_FILE": str(directory / "master.key"),
            "INTAKE_INDEX_KEY_FILE": str(directory / "index.key"),
            "INTAKE_SEAL_KEYS_DIR": str(directory / "seal"),
            "INTAKE_SERVICE_TOKENS_DIR": str(directory / "tokens"),
            "INTAKE_SIGNING_KEY_FILE": str(keys.private("intake")),
            "SAMRAAD_PUBLIC_KEYS_DIR": str(keys.public),
            "SAMRAAD_SESSION_SECRET_FILE": str(directory / "session.secret"),
            "INTAKE_OPERATOR_TOKEN_FILE": str(directory / "operator.token"),
        }
        self.log = directory / "intake.log"
        self.process = None
        self.http = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"Authorization": "Bearer operator-token-of-thirty-two-bytes-or-more"},
            timeout=10,
        )

    def start(self):
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "services.intake"],
                env=self.environment,
                stdout=output,
                stderr=output,
            )
        wait_until(self.is_ready, SECONDS, "intake to be ready")

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(self.log.read_text()[-4000:])
        try:
            return self.http.get("/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def end(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(30)


@pytest.fixture(scope="module")
def process(kafka_and_mongo, tmp_path_factory):
    running = Process(kafka_and_mongo, tmp_path_factory.mktemp("intake"))
    try:
        running.start()
        yield running
    finally:
        running.end()
        running.http.close()


@pytest.fixture
def partner(process, kafka_and_mongo):
    """A partner that intake reads: its name and login."""
    admin = AdminClient(kafka_and_mongo.kafka("admin") | {"log_level": 0})
    name, password = f"skole-{secrets.token_hex(3)}", secrets.token_urlsafe(16)
    registration = {"kind": "school", "municipalities": ["0630"]}
    assert process.http.put(f"/operator/partners/{name}", json=registration).status_code == 200
    user = apply_partner(admin, name, password)
    login = kafka_and_mongo.kafka("admin") | {"sasl.username": user, "sasl.password": password}

    def is_read():
        return process.http.get(f"/operator/partners/{name}").json()["reading"]

    wait_until(is_read, SECONDS, "intake to read the new topic")
    yield name, login | {"log_level": 0}
    remove_partner(admin, name)


def a_sender(login):
    return Producer(login | {"enable.idempotence": True, "message.timeout.ms": 20_000})


def send(producer, name, key, report):
    envelope = Envelope(
        id=str(uuid4()),
        source=f"/partners/{name}",
        type="intake.report_submitted.v1",
        subject=report["reference"],
        content_type="application/jose",
    )
    producer.produce(
        f"partner.{name}.reports",
        seal(json.dumps(report).encode(), key),
        key=report["reference"],
        headers=write_envelope(envelope),
    )


def read(login, topic, wanted, group):
    """The records of a topic, as soon as there are as many as wanted, and what comes right after."""
    settings = {"group.id": group, "enable.auto.commit": False}
    with closing(Consumer(login | settings)) as consumer:
        partitions = consumer.list_topics(topic, 15).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        found, until = [], time.monotonic() + SECONDS
        while time.monotonic() < until:
            message = consumer.poll(1.0)
            if message is None and len(found) >= wanted:
                break
            if message is not None and message.error() is None:
                found.append(message)
    return found


def content_of(message):
    return (message.key(), message.value(), tuple(sorted(message.headers())))


def test_a_partner_is_answered_over_kafka_once_per_arrival_and_across_a_kill(
    process, partner, kafka_and_mongo
):
    name, login = partner
    key = process.http.get("/.well-known/jwks.json").json()["keys"][0]
    report = a_report(partner=name)
    producer = a_sender(login)

    for _ in range(5):
        send(producer, name, key, report)
    producer.flush(20)
    process.end(signal.SIGKILL)
    for _ in range(5):
        send(producer, name, key, report)
    for place in range(30):
        send(producer, name, key, a_report(partner=name, reference=f"N-{place}"))
    producer.flush(20)
    process.start()

    replies = read(login, f"partner.{name}.replies", 40, f"partner.{name}.look")
    answers = {}
    for reply in replies:
        answers.setdefault(reply.key(), []).append(content_of(reply))
    assert len(answers) == 31
    assert len(answers[b"S-1"]) >= 10
    assert len(set(answers[b"S-1"])) == 1
    assert all(len(set(each)) == 1 for each in answers.values())

    inspector = kafka_and_mongo.kafka("inspector") | {"log_level": 0}
    facts = read(inspector, "intake.cases.mediation", 31, "inspector.look")
    mine = {json.loads(reply.value())["case_id"] for reply in replies}
    opened = [fact for fact in facts if fact.key().decode() in mine]
    assert len({fact.key() for fact in opened}) == 31
    assert len({content_of(fact) for fact in opened}) == 31


def test_what_intake_logs_names_nobody(process, partner):
    name, login = partner
    key = process.http.get("/.well-known/jwks.json").json()["keys"][0]
    producer = a_sender(login)
    send(producer, name, key, a_report(partner=name))
    send(producer, name, key, a_report(partner=name, reference="0105094123"))
    send(producer, name, key, a_report(partner=name, reference="S-2", municipality="Hemmelig"))
    producer.flush(20)

    replies = read(login, f"partner.{name}.replies", 2, f"partner.{name}.look")

    assert {reply.key() for reply in replies} == {b"S-1", b"S-2"}
    (parked,) = [
        row
        for row in process.http.get("/operator/parked").json()
        if row["topic"] == f"partner.{name}.reports"
    ]
    shown = process.http.get(f"/operator/parked/{parked['id']}").text
    for text in (process.log.read_text(), json.dumps(parked), shown):
        for word in ("Testa", "Prøvesen", "0105094123", "Hemmelig", "stationen"):
            assert word not in text
