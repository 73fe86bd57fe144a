"""What each service may touch, tried from inside its container with the logins that it has."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from shared.contracts.topics import load
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

answers = {}
for name in DATABASES:
    db = client[name]
    answers[name] = [
        tried("find", lambda: db["cases"].find_one()),
        tried("insert", lambda: db["leases"].insert_one({"_id": "tried"}) and None),
        tried("change audit", lambda: db["audit"].update_one({"_id": 1}, {"$set": {"x": 1}})),
        tried("remove audit", lambda: db["audit"].delete_many({"_id": 1})),
        tried("drop", lambda: db.drop_collection("audit")),
        tried("make users", lambda: db.command("createUser", "x", pwd="x", roles=[])),
    ]
    if answers[name][1] == "insert":
        db["leases"].delete_one({"_id": "tried"})
print(json.dumps(answers))
""".replace("DATABASES", repr((*SERVICES, "admin", "local")))

TRY_BROKER = """
import json, pathlib, sys, time
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic
given = json.loads(sys.argv[1])
login = {**json.loads(pathlib.Path("/run/secrets/kafka.json").read_text()), "log_level": 0}
answers = {"reads": {}, "writes": {}}

reader = {"group.id": login["sasl.username"] + ".tried", "enable.partition.eof": True}
consumer = Consumer({**login, **reader, "auto.offset.reset": "earliest", "enable.auto.commit": False})
consumer.subscribe(given["topics"])
until = time.monotonic() + 60
while answers["reads"].keys() < set(given["topics"]) and time.monotonic() < until:
    one = consumer.poll(0.5)
    if one is not None:
        error = one.error()
        fine = error is None or error.name() == "_PARTITION_EOF"
        answers["reads"][one.topic()] = "yes" if fine else error.name()
consumer.close()

def written(topic):
    return lambda error, _: answers["writes"].update({topic: error.name() if error else "yes"})

producer = Producer({**login, "message.timeout.ms": 30000})
for topic in given["foreign"]:
    producer.produce(topic, b"{}", partition=0, on_delivery=written(topic))
producer.flush(40)

admin = AdminClient(login)  # one that goes away takes the answers along
try:
    list(admin.create_topics([NewTopic("tried", 1)]).values())[0].result(30)
    answers["makes topics"] = "yes"
except Exception as refused:
    answers["makes topics"] = refused.args[0].name()
print(json.dumps(answers))
"""
REFUSED = "TOPIC_AUTHORIZATION_FAILED"


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_reads_and_writes_its_own_database_and_no_other(running: Running, service: str):
    answers = json.loads(running.python(service, TRY_DATABASE))

    own = ["find", "insert", "no change audit", "no remove audit", "no drop", "no make users"]
    nothing = [
        *("no find", "no insert", "no change audit", "no remove audit", "no drop"),
        "no make users",
    ]
    for database, rights in answers.items():
        assert rights == (own if database == service else nothing), database


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_reads_what_is_for_it_and_writes_nobody_elses_topic(
    running: Running, service: str
):
    partner = f"rights-{service}"
    running.add_partner(partner)
    reports, replies = f"partner.{partner}.reports", f"partner.{partner}.replies"
    declared = load().topics
    reads = {topic.name for topic in declared if service in topic.reads}
    writes = {topic.name for topic in declared if service in topic.writes}
    if service == "intake":
        reads.add(reports)
        writes.add(replies)
    topics = {topic.name for topic in declared} | {reports, replies}
    given = {"topics": sorted(topics), "foreign": sorted(topics - writes)}

    answers = json.loads(
        running.run_in(running.container(service), "python", "-c", TRY_BROKER, json.dumps(given))
    )

    assert answers["reads"] == {topic: "yes" if topic in reads else REFUSED for topic in topics}
    assert answers["writes"] == dict.fromkeys(topics - writes, REFUSED)
    assert answers["makes topics"] in {REFUSED, "CLUSTER_AUTHORIZATION_FAILED"}
