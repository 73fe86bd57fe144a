"""Who may do what on the broker and in the database, and where secrets are kept."""

import psutil
import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from deploy.embedded.programs import services
from tests.live import LiveStack
from tests.system.doors import is_refused, refusal_of_reading, send

SERVICES = services()
NOT_AUTHORISED = 13


def test_a_service_writes_its_own_topic_and_is_refused_another(kafka_and_mongo: LiveStack) -> None:
    mediation = kafka_and_mongo.kafka("mediation")

    assert send(mediation, "mediation.cases") is None

    refused = send(mediation, "psp.cases")
    assert refused is not None
    assert is_refused(refused.code())


def test_section_115_material_does_not_reach_mediation(kafka_and_mongo: LiveStack) -> None:
    mediation = kafka_and_mongo.kafka("mediation")

    assert refusal_of_reading(mediation, "intake.cases.mediation", "mediation.t") is None
    assert is_refused(refusal_of_reading(mediation, "intake.cases.psp", "mediation.t"))


def test_a_service_cannot_join_the_group_of_another(kafka_and_mongo: LiveStack) -> None:
    notify = kafka_and_mongo.kafka("notify")

    assert is_refused(refusal_of_reading(notify, "psp.cases", "psp.t"))


def test_no_service_can_make_a_topic(kafka_and_mongo: LiveStack) -> None:
    admin = AdminClient({**kafka_and_mongo.kafka("intake"), "log_level": 0})

    with pytest.raises(KafkaException) as refused:
        admin.create_topics([NewTopic("intake.own", 1)])["intake.own"].result(10)

    assert is_refused(refused.value.args[0].code())


def test_the_inspector_reads_every_topic_and_writes_none(kafka_and_mongo: LiveStack) -> None:
    inspector = kafka_and_mongo.kafka("inspector")

    assert refusal_of_reading(inspector, "psp.cases", "inspector.t") is None
    refused = send(inspector, "psp.cases")
    assert refused is not None
    assert is_refused(refused.code())


def test_nobody_gets_in_without_a_login(kafka_and_mongo: LiveStack) -> None:
    for name in ("kafka", "controller"):
        address = f"127.0.0.1:{kafka_and_mongo.ports[name]}"
        without_login = {"bootstrap.servers": address, "security.protocol": "PLAINTEXT"}
        with pytest.raises(KafkaException):
            AdminClient({**without_login, "log_level": 0}).list_topics(timeout=3)

    uri = f"mongodb://127.0.0.1:{kafka_and_mongo.ports['mongo']}/?directConnection=true"
    with MongoClient(uri) as client, pytest.raises(OperationFailure):
        client["intake"]["persons"].find_one()


def test_a_wrong_password_opens_nothing(kafka_and_mongo: LiveStack) -> None:
    login = {**kafka_and_mongo.kafka("intake"), "sasl.password": "guessed", "log_level": 0}
    with pytest.raises(KafkaException):
        AdminClient(login).list_topics(timeout=3)

    user, _, rest = kafka_and_mongo.mongo("intake").removeprefix("mongodb://").partition(":")
    uri = f"mongodb://{user}:guessed@{rest.partition('@')[2]}"
    with MongoClient(uri) as client, pytest.raises(OperationFailure):
        client["intake"]["persons"].find_one()


def test_a_service_sees_no_database_but_its_own(kafka_and_mongo: LiveStack) -> None:
    with MongoClient(kafka_and_mongo.mongo("mediation")) as client:
        client["mediation"]["mediations"].insert_one({"_id": "m-1"})
        assert client["mediation"]["mediations"].delete_one({"_id": "m-1"}).deleted_count == 1

        for database, collection in (("psp", "psp_cases"), ("intake", "persons")):
            with pytest.raises(OperationFailure) as refused:
                client[database][collection].find_one()
            assert refused.value.code == NOT_AUTHORISED
        with pytest.raises(OperationFailure):
            client["mediation"]["unheard_of"].insert_one({})


def test_the_audit_log_takes_entries_and_never_a_change(kafka_and_mongo: LiveStack) -> None:
    with MongoClient(kafka_and_mongo.mongo("psp")) as client:
        audit = client["psp"]["audit"]
        audit.insert_one({"_id": "e-1", "what": "read"})
        assert audit.find_one({"_id": "e-1"}) is not None

        changes = (
            lambda: audit.update_one({"_id": "e-1"}, {"$set": {"what": "nothing"}}),
            lambda: audit.replace_one({"_id": "e-1"}, {"what": "nothing"}),
            lambda: audit.delete_one({"_id": "e-1"}),
            lambda: audit.create_index("at", expireAfterSeconds=1),
            lambda: audit.rename("gone"),
            audit.drop,
        )
        for change in changes:
            with pytest.raises(OperationFailure) as refused:
                change()
            assert refused.value.code == NOT_AUTHORISED
        assert audit.find_one({"_id": "e-1"}) == {"_id": "e-1", "what": "read"}


def test_the_inspector_reads_every_database_and_writes_none(kafka_and_mongo: LiveStack) -> None:
    with MongoClient(kafka_and_mongo.mongo("inspector")) as client:
        for database in SERVICES:
            assert client[database]["outbox"].count_documents({}) >= 0
            with pytest.raises(OperationFailure):
                client[database]["outbox"].insert_one({})


def test_secrets_are_readable_by_their_owner_alone(kafka_and_mongo: LiveStack) -> None:
    files = [file for file in kafka_and_mongo.home.secrets.rglob("*") if file.is_file()]

    assert len(files) > 20
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert kafka_and_mongo.home.secrets.stat().st_mode & 0o777 == 0o700


def test_no_password_is_on_a_command_line(kafka_and_mongo: LiveStack) -> None:
    passwords = {kafka_and_mongo.kafka(user)["sasl.password"] for user in ("admin", "intake")}
    supervisor = psutil.Process(kafka_and_mongo.pid("supervisor"))

    for process in supervisor.children(recursive=True):
        line = " ".join(process.cmdline())
        assert not any(password in line for password in passwords)
