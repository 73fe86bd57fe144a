"""What each service may touch, tried from inside its container with the logins that it has."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaError

from deploy.declaration import load
from tests.containers.running import SERVICES

if TYPE_CHECKING:
    from tests.containers.running import Running

TRY_DATABASE = """
import json, pathlib
from pymongo import MongoClient
from pymongo.errors import OperationFailure
client = MongoClient(pathlib.Path("/run/secrets/mongo.uri").read_text().strip())

def tried(name, work):
    try:
        work()
        return name
    except OperationFailure as refused:
        assert refused.code in (13, 18), refused
        return "no " + name

told = {}
for name in ("intake", "mediation", "psp", "notify", "admin", "local"):
    db = client[name]
    told[name] = [
        tried("find", lambda: db["cases"].find_one()),
        tried("insert", lambda: db["leases"].insert_one({"_id": "tried"}) and None),
        tried("change audit", lambda: db["audit"].update_one({"_id": 1}, {"$set": {"x": 1}})),
        tried("remove audit", lambda: db["audit"].delete_many({"_id": 1})),
        tried("drop", lambda: db.drop_collection("audit")),
        tried("make users", lambda: db.command("createUser", "x", pwd="x", roles=[])),
    ]
    if told[name][1] == "insert":
        db["leases"].delete_one({"_id": "tried"})
print(json.dumps(told))
"""

TRY_BROKER = """
import json, pathlib
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
login = {**json.loads(pathlib.Path("/run/secrets/kafka.json").read_text()), "log_level": 0}

def reads(topic):
    consumer = Consumer({**login, "group.id": SERVICE + ".tried", "enable.partition.eof": True})
    consumer.assign([TopicPartition(topic, 0, 0)])
    message = consumer.poll(30)
    consumer.close()
    if message is None:
        return "nothing"
    return "yes" if message.error() is None else message.error().code()

def writes(topic):
    outcome = []
    producer = Producer({**login, "message.timeout.ms": 30000})
    producer.produce(topic, b"{}", partition=0, on_delivery=lambda error, _: outcome.append(error and error.code()))
    producer.flush(35)
    return outcome[0]

told = {"reads": {topic: reads(topic) for topic in READS}}
told["writes"] = {topic: writes(topic) for topic in WRITES}
admin = AdminClient(login)
try:
    list(admin.create_topics([NewTopic("tried", 1)]).values())[0].result(30)
    told["makes topics"] = "yes"
except Exception as refused:
    told["makes topics"] = refused.args[0].code()
print(json.dumps(told))
"""


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_reads_and_writes_its_own_database_and_no_other(running: Running, service: str):
    told = json.loads(running.python(service, TRY_DATABASE))

    own = ["find", "insert", "no change audit", "no remove audit", "no drop", "no make users"]
    nothing = [
        *("no find", "no insert", "no change audit", "no remove audit", "no drop"),
        "no make users",
    ]
    for database, rights in told.items():
        assert rights == (own if database == service else nothing), database


@pytest.mark.parametrize(
    ("service", "reads", "must_not_read"),
    [
        ("intake", "mediation.cases", ()),
        (
            "mediation",
            "intake.cases.mediation",
            ("intake.cases.psp", "psp.cases", "intake.signals"),
        ),
        ("psp", "intake.cases.psp", ("intake.cases.mediation", "mediation.cases")),
        ("notify", "intake.cases.honour", ()),
    ],
)
def test_a_service_reads_what_is_for_it_and_writes_nobody_elses_topic(
    running: Running, service: str, reads: str, must_not_read: tuple[str, ...]
):
    partner = f"rights-{service}"
    running.add_partner(partner)
    foreign = [topic.name for topic in load().topics if service not in topic.writes] + [
        f"partner.{partner}.reports"
    ]
    if service != "intake":
        foreign.append(f"partner.{partner}.replies")
        must_not_read = (*must_not_read, f"partner.{partner}.reports", f"partner.{partner}.replies")
    script = TRY_BROKER.replace("SERVICE", repr(service)).replace(
        "READS", repr([reads, *must_not_read])
    )
    told = json.loads(running.python(service, script.replace("WRITES", repr(foreign))))

    assert told["reads"].pop(reads) in {"yes", KafkaError._PARTITION_EOF}
    assert set(told["reads"].values()) <= {KafkaError.TOPIC_AUTHORIZATION_FAILED}
    assert set(told["writes"].values()) == {KafkaError.TOPIC_AUTHORIZATION_FAILED}
    assert told["makes topics"] in {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    }
