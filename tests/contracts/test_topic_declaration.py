"""What the joined manifests promise: topics, how long they keep, and who may do what."""

import pytest

from shared.contracts.discovery import common, manifests
from shared.contracts.intake import cases_topic
from shared.contracts.processes import Process
from shared.contracts.topics import Right, load
from shared.contracts.wire import rows

DECLARATION = load()
TOPICS = {topic.name: topic for topic in DECLARATION.topics}
PARTNER = {topic.name: topic for topic in DECLARATION.partner_topics("school-vejle")}
DAY = 86_400_000


def test_every_process_has_its_topic_and_every_fact_a_place():
    assert set(TOPICS) >= {
        *(cases_topic(process) for process in Process),
        "mediation.cases",
        "psp.cases",
        "notify.notices",
        "intake.signals",
        "audit.checkpoints",
    }


def test_each_topic_has_one_writer_beside_those_that_all_write():
    for name, topic in TOPICS.items():
        everybody = name in {one.name for one in common().topics}

        assert topic.writes == (DECLARATION.services if everybody else (name.partition(".")[0],))
        assert set(topic.writes) <= set(topic.reads)


@pytest.mark.parametrize("topic", [*TOPICS.values(), *PARTNER.values()], ids=lambda t: t.name)
def test_every_topic_keeps_offsets_whole_and_takes_its_own_time(topic):
    assert topic.config["cleanup.policy"] == "delete"
    assert topic.config["message.timestamp.type"] == "LogAppendTime"
    assert topic.config["segment.ms"] == str(DAY)
    assert topic.config["max.message.bytes"] == str(1024 * 1024)
    assert topic.config["compression.type"] == "producer"


@pytest.mark.parametrize(
    ("name", "retention"),
    [
        ("intake.cases.psp", -1),
        ("mediation.cases", -1),
        ("notify.notices", -1),
        ("audit.checkpoints", -1),
        ("intake.signals", 365 * DAY),
        ("partner.school-vejle.reports", 14 * DAY),
        ("partner.school-vejle.replies", 14 * DAY),
    ],
)
def test_each_topic_keeps_as_long_as_the_contract_requires(name, retention):
    assert (TOPICS | PARTNER)[name].config["retention.ms"] == str(retention)


def test_partitions_are_the_unit_of_scale():
    assert {TOPICS[cases_topic(process)].partitions for process in Process} == {8}
    assert TOPICS["intake.signals"].partitions == 4
    assert TOPICS["audit.checkpoints"].partitions == 1
    assert PARTNER["partner.school-vejle.reports"].partitions == 3
    assert PARTNER["partner.school-vejle.replies"].partitions == 1


def rights(user, topics):
    return {
        (right.operation, right.name)
        for right in DECLARATION.service_rights(topics)
        if right.user == user
    }


@pytest.mark.parametrize("service", DECLARATION.services)
def test_a_service_writes_to_its_own_topics_and_the_audit_alone(service):
    written = {name for did, name in rights(service, DECLARATION.topics) if did == "WRITE"}

    assert all(name.startswith((f"{service}.", "audit.")) for name in written)
    assert "audit.checkpoints" in written


def test_no_service_but_notify_and_its_own_reads_the_cases_of_a_process():
    serving = {process: each.name for each in manifests() for process in each.serves}
    assert serving.items() >= {Process.MEDIATION: "mediation", Process.PSP: "psp"}.items()
    for process in Process:
        readers = set(TOPICS[cases_topic(process)].reads)

        assert readers - {serving.get(process)} == {"intake", "notify"}


def test_facts_of_cases_are_read_by_intake_and_notify_alone():
    for name in ("mediation.cases", "psp.cases"):
        assert set(TOPICS[name].reads) == {name.partition(".")[0], "intake", "notify"}
    assert TOPICS["notify.notices"].reads == ("notify", "intake")
    assert TOPICS["intake.signals"].reads == ("intake", "notify")


def test_the_right_to_write_is_a_partners_identity():
    assert DECLARATION.partner_rights("school-vejle") == {
        Right(
            user="partner.school-vejle",
            resource="TOPIC",
            name="partner.school-vejle.reports",
            operation="WRITE",
        ),
        Right(
            user="partner.school-vejle",
            resource="TOPIC",
            name="partner.school-vejle.replies",
            operation="READ",
        ),
        Right(
            user="partner.school-vejle",
            resource="GROUP",
            name="partner.school-vejle.",
            pattern="PREFIXED",
            operation="READ",
        ),
    }
    assert rights("intake", PARTNER.values()) == {
        ("READ", "partner.school-vejle.reports"),
        ("WRITE", "partner.school-vejle.replies"),
    }
    assert rights("notify", PARTNER.values()) == set()


def test_a_partner_cannot_be_taken_for_a_service():
    assert DECLARATION.partner_user("intake") not in DECLARATION.services


def test_the_inspector_writes_nothing_and_joins_nobodys_group():
    given = DECLARATION.inspector_rights()

    assert {right.operation for right in given} <= {"READ", "DESCRIBE", "DESCRIBE_CONFIGS"}
    denied = {right.name for right in given if right.permission == "DENY"}
    assert denied == {*DECLARATION.services, "partner."}


def test_what_is_frozen_of_a_topic_is_what_is_declared_and_carried():
    frozen = {row.get("topic"): row for row in rows(DECLARATION.topics)}

    assert set(TOPICS) <= set(frozen)
    assert frozen["psp.cases"] == {
        "topic": "psp.cases",
        "partitions": 8,
        "cleanup.policy": "delete",
        "retention.ms": -1,
        "max.message.bytes": 1024 * 1024,
        "writes": ["psp"],
        "reads": ["intake", "notify", "psp"],
        "source": "/psp/cases",
        "carries": {
            "psp.access_changed.v1": "fact",
            "psp.case_received.v1": "fact",
            "psp.necessity_judged.v1": "fact",
            "psp.step_due.v1": "fact",
        },
    }
