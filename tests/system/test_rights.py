"""What partners and services may not do on the broker and in the database, beyond test_locks.

Every refusal is paired with the same action that is allowed, so that a broker that refuses everything
would not pass.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.errors import OperationFailure

from deploy.embedded.broker_rights import connect
from deploy.embedded.programs import services
from deploy.topics import apply_partner
from shared.contracts.processes import Process
from shared.contracts.topics import load

if TYPE_CHECKING:
    from tests.live import LiveStack

NOT_AUTHORISED: Final = 13
SERVICES: Final = services()
CASES: Final = tuple(f"intake.cases.{process.value}" for process in Process)
READS: Final = {  # what may be declared is judged in tests/contracts/test_topic_declaration.py
    service: {
        topic.name
        for topic in load().topics
        if service in topic.reads and topic.name != "audit.checkpoints"
    }
    for service in SERVICES
}
FACTS: Final = tuple(sorted(set().union(*READS.values())))
Login = dict[str, str]


class Pair:
    """Two partners' logins; each has no rights to the other's topics."""

    def __init__(self, stack: LiveStack) -> None:
        self.admin = connect(stack.kafka("admin"))
        self.ids = [f"rights-{uuid4().hex[:8]}" for _ in range(2)]
        self.logins = []
        for partner in self.ids:
            apply_partner(self.admin, partner, f"password-of-{partner}")
            user = {
                "sasl.username": f"partner.{partner}",
                "sasl.password": f"password-of-{partner}",
            }
            self.logins.append({**stack.kafka("admin"), **user})

    @property
    def login(self) -> Login:
        return self.logins[0]

    def own(self, what: str) -> str:
        return f"partner.{self.ids[0]}.{what}"

    def others(self, what: str) -> str:
        return f"partner.{self.ids[1]}.{what}"


@pytest.fixture(scope="module")
def pair(kafka_and_mongo: LiveStack) -> Pair:
    return Pair(kafka_and_mongo)


def writing(login: Login, topic: str) -> int | None:
    """Write one record; return the code of what the broker had against it."""
    answers: list[int | None] = []
    producer = Producer({**login, "log_level": 0, "message.timeout.ms": 15_000})
    producer.produce(
        topic,
        b"{}",
        b"k",
        0,
        on_delivery=lambda error, _: answers.append(int(error.code()) if error else None),
    )
    producer.flush(20)
    return answers[0]


def reading(login: Login, *topics: str, group: str = "") -> dict[str, int | None]:
    """Read topics; return the code of what the broker had against each, None where it had nothing."""
    settings = {
        "group.id": group or f"{login['sasl.username']}.rights-{uuid4().hex}",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "log_level": 0,
    }
    answers: dict[str, int | None] = {}
    until = time.monotonic() + 20
    with closing(Consumer({**login, **settings})) as consumer:
        consumer.subscribe(list(topics))
        while answers.keys() < set(topics) and time.monotonic() < until:
            one = consumer.poll(0.5)
            if one is None:
                continue
            error, topic = one.error(), one.topic()
            if error is None or error.code() == KafkaError._PARTITION_EOF:
                answers[str(topic)] = None
            elif topic:
                answers[str(topic)] = int(error.code())
            else:  # it is the group that is refused, so no topic of it is read
                return dict.fromkeys(topics, int(error.code()))
    return answers


def administering(deed: Callable[[], dict[Any, Any]]) -> int | None:
    """Do what administrators do; return the code of what the broker had against it."""
    try:
        for future in deed().values():
            future.result(15)
    except KafkaException as refused:
        return int(refused.args[0].code())
    return None


TOPIC_REFUSED: Final = KafkaError.TOPIC_AUTHORIZATION_FAILED
GROUP_REFUSED: Final = KafkaError.GROUP_AUTHORIZATION_FAILED
CLUSTER_REFUSED: Final = KafkaError.CLUSTER_AUTHORIZATION_FAILED


def test_a_partner_writes_its_own_reports_and_nothing_else(pair: Pair) -> None:
    assert writing(pair.login, pair.own("reports")) is None

    for topic in (pair.others("reports"), pair.others("replies"), pair.own("replies"), *FACTS):
        assert writing(pair.login, topic) == TOPIC_REFUSED, topic


def test_a_partner_reads_its_own_replies_and_nothing_else(pair: Pair) -> None:
    forbidden = (pair.others("replies"), pair.others("reports"), *FACTS, "audit.checkpoints")

    answers = reading(pair.login, pair.own("replies"), *forbidden)

    assert answers == {pair.own("replies"): None, **dict.fromkeys(forbidden, TOPIC_REFUSED)}


def test_a_partner_keeps_its_place_in_its_own_groups_alone(pair: Pair) -> None:
    topic = pair.own("replies")
    assert reading(pair.login, topic, group=pair.own("any")) == {topic: None}

    for group in (pair.others("any"), "intake.reports", "notify.facts", "any"):
        assert reading(pair.login, topic, group=group) == {topic: GROUP_REFUSED}, group


def test_a_partner_is_shown_no_topic_but_its_own(pair: Pair) -> None:
    shown = AdminClient({**pair.login, "log_level": 0}).list_topics(timeout=15).topics

    assert set(shown) == {pair.own("reports"), pair.own("replies")}


@pytest.mark.parametrize("who", ["a partner", *SERVICES])
def test_nobody_but_the_administrator_changes_topics_or_rights(
    kafka_and_mongo: LiveStack, pair: Pair, who: str
) -> None:
    login = pair.login if who == "a partner" else kafka_and_mongo.kafka(who)
    user = login["sasl.username"]
    own = {topic.writes[0]: topic.name for topic in load().topics if len(topic.writes) == 1}
    topic = own.get(who, pair.own("reports"))
    admin = AdminClient({**login, "log_level": 0})
    right = AclBinding(
        ResourceType.TOPIC,
        "psp.cases",
        ResourcePatternType.LITERAL,
        f"User:{user}",
        "*",
        AclOperation.READ,
        AclPermissionType.ALLOW,
    )
    at_once = ConfigEntry("retention.ms", "1", incremental_operation=AlterConfigOpType.SET)
    shorter = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[at_once])

    for name in (f"{topic}.more", "intake.cases.more", pair.others("more")):
        made = administering(partial(admin.create_topics, [NewTopic(name, 1)]))
        assert made in {TOPIC_REFUSED, CLUSTER_REFUSED}, name
    assert administering(lambda: admin.delete_topics([topic])) == TOPIC_REFUSED
    assert administering(lambda: admin.create_partitions([NewPartitions(topic, 9)])) in {
        TOPIC_REFUSED,
        CLUSTER_REFUSED,
    }
    assert administering(lambda: admin.incremental_alter_configs([shorter])) == TOPIC_REFUSED
    assert administering(lambda: admin.create_acls([right])) == CLUSTER_REFUSED
    cut = {TopicPartition(topic, 0, 0)}
    assert administering(lambda: admin.delete_records(list(cut))) == TOPIC_REFUSED


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_reads_the_processes_it_serves_and_no_other(
    kafka_and_mongo: LiveStack, pair: Pair, service: str
) -> None:
    mine = READS[service] | ({pair.own("reports")} if service == "intake" else set())
    topics = {*FACTS, pair.own("reports"), pair.own("replies")}

    answers = reading(kafka_and_mongo.kafka(service), *topics)

    assert answers == {topic: None if topic in mine else TOPIC_REFUSED for topic in topics}


@pytest.mark.parametrize("service", [each for each in SERVICES if each != "intake"])
def test_a_service_writes_no_letter_and_no_receipt(
    kafka_and_mongo: LiveStack, pair: Pair, service: str
) -> None:
    login = kafka_and_mongo.kafka(service)

    for topic in (pair.own("reports"), pair.own("replies"), *CASES):
        assert writing(login, topic) == TOPIC_REFUSED, topic
    assert writing(kafka_and_mongo.kafka("intake"), pair.own("reports")) == TOPIC_REFUSED
    assert writing(kafka_and_mongo.kafka("intake"), pair.own("replies")) is None


def refused(deed: Callable[[], object]) -> bool:
    """Whether the database refuses this to this user."""
    try:
        deed()
    except OperationFailure as error:
        return error.code == NOT_AUTHORISED
    return False


def out_into(outbox: Collection[dict[str, Any]], database: str, collection: str) -> object:
    return list(outbox.aggregate([{"$out": {"db": database, "coll": collection}}]))


@pytest.mark.parametrize("service", SERVICES)
def test_a_database_user_touches_no_database_but_its_own(
    kafka_and_mongo: LiveStack, service: str
) -> None:
    with MongoClient[dict[str, Any]](kafka_and_mongo.mongo(service)) as client:
        assert client[service]["outbox"].count_documents({}) >= 0
        for other in (*set(SERVICES) - {service}, "admin", "local", "config", "scratch"):
            for name in ("audit", "outbox", "keys", "parked"):
                place = client[other][name]
                deeds: tuple[Callable[[], object], ...] = (
                    place.find_one,
                    partial(place.insert_one, {"_id": "x"}),
                    partial(place.update_one, {}, {"$set": {"x": 1}}),
                    partial(place.delete_many, {}),
                    place.drop,
                    partial(out_into, client[service]["outbox"], other, name),
                )
                assert all(map(refused, deeds)), f"{other}.{name}"
        for command in ({"usersInfo": 1}, {"createUser": "x", "pwd": "x", "roles": []}):
            for name in (service, "admin"):
                assert refused(partial(client[name].command, command))


@pytest.mark.parametrize("service", SERVICES)
def test_an_audit_row_is_changed_or_removed_by_nobody_who_writes_it(
    kafka_and_mongo: LiveStack, service: str
) -> None:
    row = {"_id": f"rights-{uuid4()}", "at": None, "what": "read"}
    with MongoClient[dict[str, Any]](kafka_and_mongo.mongo(service)) as client:
        database = client[service]
        audit, it = database["audit"], {"_id": row["_id"]}
        audit.insert_one(dict(row))
        changed = {"$set": {"what": "nothing"}}
        into = {"into": "audit", "whenMatched": "replace"}
        deeds: tuple[Callable[[], object], ...] = (
            lambda: audit.update_many(it, changed),
            lambda: audit.find_one_and_update(it, changed),
            lambda: audit.find_one_and_delete(it),
            lambda: audit.update_one(it, changed, upsert=True),
            lambda: audit.delete_many({}),
            lambda: list(audit.aggregate([{"$match": it}, {"$merge": into}])),
            lambda: list(database["outbox"].aggregate([{"$out": "audit"}])),
            lambda: database.command({"collMod": "audit", "validator": {"x": 1}}),
            lambda: database.command({"convertToCapped": "audit", "size": 4096}),
            lambda: database.command({"create": "audit_view", "viewOn": "audit", "pipeline": []}),
            lambda: audit.drop_index("at_1"),
            lambda: client.drop_database(service),
        )

        assert [number for number, deed in enumerate(deeds) if not refused(deed)] == []
        assert audit.find_one(it) == row
