"""Topics and rights on a real broker: made, corrected, and enforced."""

import json
import secrets
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from deploy.broker import Broker
from deploy.topics import ChangeKind, apply, apply_partner, plan, remove_partner
from shared.contracts.topics import Right, load
from tests.live import wait_until

SECONDS = 15


@pytest.fixture
def admin(kafka_and_mongo):
    return AdminClient(kafka_and_mongo.kafka("admin") | {"log_level": 0})


@pytest.fixture
def partner(admin, kafka_and_mongo):
    """A partner of its own, with a login."""
    name, password = f"school-{secrets.token_hex(4)}", secrets.token_urlsafe(16)
    user = apply_partner(admin, name, password)
    login = kafka_and_mongo.kafka("admin") | {"sasl.username": user, "sasl.password": password}
    yield name, login | {"log_level": 0}
    remove_partner(admin, name)


def kinds(diff):
    return {change.kind for change in diff.changes}


def sent(login, topic):
    """The record as the broker took it; raises what it answered instead."""
    answers = []
    producer = Producer(login | {"enable.idempotence": True, "message.timeout.ms": 10_000})
    producer.produce(topic, b"x", key=b"k", timestamp=1, on_delivery=lambda *a: answers.append(a))
    producer.flush(SECONDS)
    error, message = answers[0]
    if error is not None:
        raise KafkaException(error)
    return message


def read(login, topic, group=None):
    """All values in a topic, or a group's; raises what the broker answered instead."""
    consumer = Consumer(
        login
        | {
            "group.id": group or f"{login['sasl.username']}-look",
            "enable.auto.commit": False,
            "topic.metadata.refresh.interval.ms": 500,
        }
    )
    values = []
    try:
        if group:
            consumer.subscribe([topic])
        else:
            partitions = consumer.list_topics(topic, SECONDS).topics[topic].partitions
            consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        while (message := consumer.poll(3 if not values else 0.5)) is not None:
            if message.error():
                raise KafkaException(message.error())
            values.append(message.value())
    finally:
        consumer.close()
    return values


def refused_with(refused):
    return refused.value.args[0].code()


def test_a_broker_is_as_declared_and_applying_again_changes_nothing(admin):
    apply(admin, inspector=True)

    assert not plan(admin, inspector=True)
    assert not apply(admin, inspector=True)
    live = Broker(admin).partitions()
    assert {topic.name: topic.partitions for topic in load().topics}.items() <= live.items()


def test_a_setting_that_was_changed_by_hand_is_restored(admin):
    Broker(admin).configure({"intake.signals": {"retention.ms": "1000"}})
    # a broker shows a setting only once the controller's change has reached it
    changed = {ChangeKind.SET_CONFIG}
    wait_until(lambda: kinds(plan(admin, inspector=True)) == changed, 10, "the change by hand")

    apply(admin, inspector=True)

    wait_until(lambda: not plan(admin, inspector=True), 10, "the declared setting")


def test_a_right_that_was_taken_is_given_and_one_that_is_not_declared_is_taken(admin):
    missing = Right(user="notify", resource="TOPIC", name="psp.cases", operation="READ")
    stray = Right(user="notify", resource="TOPIC", name="psp.cases", operation="WRITE")
    unknown_user = Right(user="somebody", resource="TOPIC", name="psp.cases", operation="READ")
    foreign = Right(user="somebody", resource="TOPIC", name="another.system", operation="READ")
    broker = Broker(admin)
    broker.revoke([missing])
    broker.grant([stray, unknown_user, foreign])

    diff = apply(admin, inspector=True)

    assert diff.grant == (missing,)
    assert set(diff.revoke) == {stray, unknown_user}
    rights = broker.rights()
    assert missing in rights
    assert foreign in rights
    assert not {stray, unknown_user} & rights
    broker.revoke([foreign])


def test_a_live_topic_keeps_its_partitions_and_that_is_reported(admin):
    declared = load()
    wider = replace(declared.topics[0], partitions=16)

    diff = apply(admin, replace(declared, topics=(wider, *declared.topics[1:])), inspector=True)

    assert kinds(diff) == {ChangeKind.PARTITIONS_DIFFER}
    assert "keeps its partitions" in diff.changes[0].detail
    assert Broker(admin).partitions()["intake.cases.mediation"] == 8


def test_a_partner_writes_its_reports_at_the_brokers_time_and_intake_reads_them(
    admin, partner, kafka_and_mongo
):
    name, login = partner
    topic = f"partner.{name}.reports"

    message = sent(login, topic)

    assert message.timestamp()[1] > 1_700_000_000_000
    assert read(kafka_and_mongo.kafka("intake") | {"log_level": 0}, topic) == [b"x"]
    assert not plan(admin, inspector=True)


@pytest.mark.parametrize(
    "topic", ["partner.{name}.replies", "intake.cases.psp", "audit.checkpoints"]
)
def test_a_partner_writes_nothing_else(partner, topic):
    name, login = partner

    with pytest.raises(KafkaException) as refused:
        sent(login, topic.format(name=name))

    assert refused_with(refused) == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_a_partner_reads_its_replies_in_its_own_groups_alone(admin, partner, kafka_and_mongo):
    name, login = partner
    other = f"school-{secrets.token_hex(4)}"
    apply_partner(admin, other, secrets.token_urlsafe(16))
    sent(kafka_and_mongo.kafka("intake") | {"log_level": 0}, f"partner.{name}.replies")
    first = {"auto.offset.reset": "earliest"}

    assert read(login | first, f"partner.{name}.replies", f"partner.{name}.desk") == [b"x"]
    with pytest.raises(KafkaException) as refused:
        read(login | first, f"partner.{name}.replies", "intake")
    assert refused_with(refused) == KafkaError.GROUP_AUTHORIZATION_FAILED
    with pytest.raises(KafkaException) as refused:
        read(login | first, f"partner.{other}.replies", f"partner.{name}.desk")
    assert refused_with(refused) == KafkaError.TOPIC_AUTHORIZATION_FAILED
    remove_partner(admin, other)


def test_a_removed_partner_is_shut_out_at_once_and_its_topics_stay(admin, partner):
    name, login = partner
    topic = f"partner.{name}.reports"
    producer = Producer(login | {"enable.idempotence": True, "message.timeout.ms": 10_000})
    answers = []
    producer.produce(topic, b"1", on_delivery=lambda *a: answers.append(a[0]))
    producer.flush(SECONDS)

    remove_partner(admin, name)
    producer.produce(topic, b"2", on_delivery=lambda *a: answers.append(a[0]))
    producer.flush(SECONDS)

    assert answers[0] is None
    assert answers[1].code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert topic in Broker(admin).partitions()
    assert not plan(admin, inspector=True)


def test_a_half_done_partner_is_completed_and_the_last_password_counts(admin, partner):
    name, login = partner
    broker = Broker(admin)
    broker.revoke([right for right in broker.rights() if right.user == f"partner.{name}"])

    apply_partner(admin, name, "another-password")

    again = login | {"sasl.password": "another-password"}
    assert sent(again, f"partner.{name}.reports").error() is None


def test_the_inspector_reads_everything_writes_nothing_and_joins_no_group_of_ours(
    partner, kafka_and_mongo
):
    name, login = partner
    topic = f"partner.{name}.reports"
    sent(login, topic)
    inspector = kafka_and_mongo.kafka("inspector") | {"log_level": 0}
    first = {"auto.offset.reset": "earliest"}

    assert read(inspector, topic) == [b"x"]
    assert read(inspector | first, topic, f"look-{name}") == [b"x"]
    for group in ("intake", f"partner.{name}.desk"):
        with pytest.raises(KafkaException) as refused:
            read(inspector | first, topic, group)
        assert refused_with(refused) == KafkaError.GROUP_AUTHORIZATION_FAILED
    with pytest.raises(KafkaException) as refused:
        sent(inspector, topic)
    assert refused_with(refused) in {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    }


def test_the_command_shows_and_corrects_what_differs(admin, kafka_and_mongo, tmp_path):
    file = tmp_path / "admin.json"
    file.write_text(json.dumps(kafka_and_mongo.kafka("admin")))
    Path(tmp_path / "inspector.json").write_text("{}")
    Broker(admin).configure({"psp.cases": {"segment.ms": "1000000"}})

    differs = kafka_and_mongo.run("topics", "diff", "--json", "--kafka", str(file))
    applied = kafka_and_mongo.run("topics", "apply", "--kafka", str(file))
    same = kafka_and_mongo.run("topics", "diff", "--kafka", str(file))

    assert differs.returncode == 1
    assert json.loads(differs.stdout) == [
        {
            "kind": "set config",
            "what": "psp.cases",
            "detail": "segment.ms=86400000",
            "made_by_apply": True,
        }
    ]
    assert (applied.returncode, same.returncode) == (0, 0)
    assert "as declared" in same.stdout


def test_the_command_reports_when_nobody_answers(kafka_and_mongo, tmp_path):
    file = tmp_path / "admin.json"
    login = kafka_and_mongo.kafka("admin") | {"sasl.password": "wrong"}
    file.write_text(json.dumps(login))

    ran = kafka_and_mongo.run("topics", "diff", "--kafka", str(file))

    assert ran.returncode == 3
    assert "the login is wrong" in ran.stderr
