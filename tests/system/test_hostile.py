"""Hostile reports through real Kafka, with real partners' credentials.

All are sent at once, each followed in its partition by a good report and, in the same partition of
another partner's topic, by one more; then everything that came of it is judged.
"""

from __future__ import annotations

import statistics
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

import bson
import httpx
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import CorruptRecordException
from confluent_kafka import KafkaError
from pymongo import MongoClient

from tests.faults.checker.letters import headers_of
from tests.system.command_line import CommandLine
from tests.system.hostile_partner import Partner
from tests.system.hostile_shapes import PARKED, POLICE, SCHOOL, SHAPES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.contracts.processes import PartnerKind
    from tests.live import LiveStack

LATEST_S: Final = 3.0
PARTITIONS: Final = 3
CODECS: Final = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
REJECTED, ACCEPTED = "intake.report_rejected.v1", "intake.report_accepted.v1"


@dataclass(slots=True)
class Case:
    """One shape as it was sent."""

    sender: Partner
    other: Partner
    reference: str
    behind: str
    """Reference of the good report behind it, in the same partition."""
    beside: str
    """Reference of the other partner's good report."""
    mark: str


@dataclass(slots=True)
class Outcome:
    """Everything that came of it."""

    partners: dict[PartnerKind, Partner]
    cases: dict[str, Case] = field(default_factory=dict)
    codecs: dict[str, list[str]] = field(default_factory=dict)
    parked: dict[str, dict[str, Any]] = field(default_factory=dict)
    logs: dict[str, bytes] = field(default_factory=dict)

    def delay_s(self, shape: str) -> float:
        """From the bad one's entry into the log to the receipt of the good one behind it."""
        case = self.cases[shape]
        [receipt] = case.sender.replies[case.behind]
        return (receipt.at_ms - case.sender.places[shape].at_ms) / 1000


@pytest.fixture(scope="module")
def outcome(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    folder = tmp_path_factory.mktemp("hostile")

    def partner(kind: PartnerKind) -> Partner:
        return Partner(CommandLine(stack, folder, f"hostile-{kind.value}-{uuid4().hex[:8]}"), kind)

    with ThreadPoolExecutor() as pool:
        made = dict(zip((SCHOOL, POLICE), pool.map(partner, (SCHOOL, POLICE)), strict=True))
    seen = Outcome(made)
    with ThreadPoolExecutor() as pool:
        list(pool.map(greet, made.values()))
    for number, shape in enumerate(SHAPES):
        send_shape(seen, shape, number)
    send_compressed(seen)
    for each in made.values():
        each.flush()
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda each: each.listen(expected(seen, each), 30), made.values()))
    with MongoClient[dict[str, Any]](stack.mongo("inspector")) as client:
        seen.parked = {row["_id"]: row for row in client["intake"]["parked"].find()}
    seen.logs = logs_of(stack)
    yield seen
    give_up(stack, seen)


def greet(partner: Partner) -> None:
    """Send a first good report to each partition: what is measured later is no first time."""
    references = [f"first-{number}-{uuid4().hex[:8]}" for number in range(PARTITIONS)]
    for number, reference in enumerate(references):
        partner.send(reference, partner.draft(reference, "first", "nobody").record(), number)
    partner.flush()
    partner.listen(set(references), 30)


def logs_of(stack: LiveStack) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in stack.home.logs.iterdir()}


def give_up(stack: LiveStack, seen: Outcome) -> None:
    """Leave nothing parked for the tests that come after."""
    token = {"Authorization": f"Bearer {stack.operator_token('intake')}"}
    ours = {partner.topics["reports"] for partner in seen.partners.values()}
    for row in seen.parked.values():
        if row["topic"] in ours:
            asked = {"id": row["_id"], "reason": "the test ends"}
            done = httpx.post(f"{stack.url('intake')}/operator/discard", json=asked, headers=token)
            assert done.json() == {"discarded": 1}


def send_shape(seen: Outcome, name: str, number: int) -> None:
    shape, partition = SHAPES[name], number % PARTITIONS
    sender = seen.partners[shape.kind]
    other = seen.partners[POLICE if shape.kind is SCHOOL else SCHOOL]
    unique = uuid4().hex[:8]
    case = Case(
        sender,
        other,
        shape.reference or f"bad-{number}-{unique}",
        f"behind-{number}-{unique}",
        f"beside-{number}-{unique}",
        shape.reference or f"KENDETEGN{number:02}{unique}",
    )
    seen.cases[name] = case
    sender.send(name, shape.make(sender.draft(case.reference, case.mark, other.id)), partition)
    for partner, reference in ((sender, case.behind), (other, case.beside)):
        good = partner.draft(reference, case.mark, "nobody").record()
        partner.send(reference, good, partition)


def send_compressed(seen: Outcome) -> None:
    """Good reports in batches of each codec, several in each."""
    police = seen.partners[POLICE]
    for codec in CODECS:
        producer = police.producer(**{"compression.type": codec, "linger.ms": 200})
        seen.codecs[codec] = [f"{codec}-{number}-{uuid4().hex[:8]}" for number in range(5)]
        for reference in seen.codecs[codec]:
            record = police.draft(reference, "packed", "nobody").record()
            police.send(reference, record, 1, producer)
        assert producer.flush(30) == 0


def expected(seen: Outcome, partner: Partner) -> set[str]:
    mine = [(name, case) for name, case in seen.cases.items() if case.sender is partner]
    bad = {case.reference for name, case in mine if SHAPES[name].owed != PARKED}
    good = {case.behind for _, case in mine}
    good |= {case.beside for case in seen.cases.values() if case.other is partner}
    packed = {reference for each in seen.codecs.values() for reference in each}
    return bad | good | (packed if partner is seen.partners[POLICE] else set())


ANSWERED = [name for name, shape in SHAPES.items() if shape.owed != PARKED]
UNANSWERABLE = [name for name, shape in SHAPES.items() if shape.owed == PARKED]


@pytest.mark.parametrize("shape", ANSWERED)
def test_is_answered_with_field_rule_and_message(outcome: Outcome, shape: str) -> None:
    case = outcome.cases[shape]

    [receipt] = case.sender.replies[case.reference]

    assert receipt.headers["ce_type"] == REJECTED
    assert receipt.headers["ce_subject"] == receipt.body["reference"] == case.reference
    errors = receipt.body["errors"]
    assert SHAPES[shape].owed in {(error["field"], error["rule"]) for error in errors}
    assert all(set(error) == {"field", "rule", "message"} for error in errors)
    assert all(error["message"].endswith(".") for error in errors)
    assert case.sender.places[shape].id not in outcome.parked


@pytest.mark.parametrize("shape", UNANSWERABLE)
def test_is_set_aside_whole_and_sealed_where_no_reply_can_go(outcome: Outcome, shape: str) -> None:
    case = outcome.cases[shape]
    place = case.sender.places[shape]

    row = outcome.parked[place.id]

    assert (row["topic"], row["partition"], row["offset"]) == (
        case.sender.topics["reports"],
        place.partition,
        place.offset,
    )
    assert (row["state"], row["key"]) == ("unreadable", None)
    assert len(row["value"]) > len(case.mark)
    assert case.mark.encode() not in bson.encode(row)
    assert case.reference not in case.sender.replies


@pytest.mark.parametrize("shape", SHAPES)
def test_a_good_report_behind_it_and_one_beside_it_are_taken_in_time(
    outcome: Outcome, shape: str
) -> None:
    case = outcome.cases[shape]

    [behind] = case.sender.replies[case.behind]
    [beside] = case.other.replies[case.beside]

    assert behind.headers["ce_type"] == beside.headers["ce_type"] == ACCEPTED
    bad, good = case.sender.places[shape], case.sender.places[case.behind]
    assert (bad.error, good.error) == (None, None)
    assert (bad.partition, bad.offset) < (good.partition, good.offset)
    assert bad.partition == good.partition == case.other.places[case.beside].partition
    assert outcome.delay_s(shape) <= LATEST_S


def test_the_delay_behind_a_bad_report_is_measured(
    outcome: Outcome, capsys: pytest.CaptureFixture[str]
) -> None:
    delays = sorted(outcome.delay_s(shape) for shape in SHAPES)
    median, longest = statistics.median(delays), delays[-1]

    with capsys.disabled():
        sys.stdout.write(
            f"\n{len(SHAPES)} bad reports: median {median:.3f} s, longest {longest:.3f} s\n"
        )

    assert longest <= LATEST_S


@pytest.mark.parametrize("shape", SHAPES)
def test_nothing_that_is_reported_of_it_repeats_its_content(outcome: Outcome, shape: str) -> None:
    mark = outcome.cases[shape].mark
    replies = [
        reply
        for partner in outcome.partners.values()
        for each in partner.replies.values()
        for reply in each
    ]

    assert len(replies) > len(SHAPES)
    for reply in replies:
        assert mark not in f"{reply.key}{reply.headers}{reply.value.decode()}"
    for row in outcome.parked.values():
        assert mark not in row["reason"]
    assert {"intake.log", "kafka.log", "mongo.log"} <= outcome.logs.keys()
    assert [name for name, log in outcome.logs.items() if mark.encode() in log] == []


@pytest.mark.parametrize("codec", CODECS)
def test_good_reports_are_taken_out_of_a_batch_of_each_codec(
    outcome: Outcome, stack: LiveStack, codec: str
) -> None:
    police = outcome.partners[POLICE]

    for reference in outcome.codecs[codec]:
        [receipt] = police.replies[reference]
        assert receipt.headers["ce_type"] == ACCEPTED

    offsets = {police.places[reference].offset for reference in outcome.codecs[codec]}
    packed = codecs_in(stack, police.topics["reports"], 1)
    assert {packed[offset] for offset in offsets} == {CODECS[codec]}


def codecs_in(stack: LiveStack, topic: str, partition: int) -> dict[int, int]:
    """Read from the broker's own segments which codec each record is packed by."""
    codecs: dict[int, int] = {}
    for segment in (stack.home.kafka / f"{topic}-{partition}").glob("*.log"):
        log = segment.read_bytes()
        at = 0
        while at + 61 <= len(log):
            base = int.from_bytes(log[at : at + 8])
            codec = int.from_bytes(log[at + 21 : at + 23]) & 7
            count = int.from_bytes(log[at + 23 : at + 27]) + 1
            codecs |= dict.fromkeys(range(base, base + count), codec)
            at += 12 + int.from_bytes(log[at + 8 : at + 12])
    return codecs


def send_good_ones(outcome: Outcome, stack: LiveStack, mark: str) -> None:
    """A good report of each partner, taken within seconds; and nobody speaks of what was refused."""
    for partner in outcome.partners.values():
        reference = f"after-{uuid4().hex[:8]}"
        partner.send(reference, partner.draft(reference, "after", "nobody").record(), 0)
        partner.flush()
        partner.listen({reference}, 10)
        [receipt] = partner.replies[reference]
        assert receipt.headers["ce_type"] == ACCEPTED
        assert receipt.at_ms - partner.places[reference].at_ms <= 1000 * LATEST_S
    assert [name for name, log in logs_of(stack).items() if mark.encode() in log] == []


def test_a_record_of_two_megabytes_is_refused_by_the_broker_and_others_go_on(
    outcome: Outcome, stack: LiveStack
) -> None:
    school = outcome.partners[SCHOOL]
    draft = school.draft("too-large", "KENDETEGNSTORT", "nobody")
    producer = school.producer(**{"message.max.bytes": 5_000_000})

    school.send("too large", draft.record(draft.mark.encode() * 150_000), 0, producer)
    producer.flush(15)

    refused = school.places["too large"].error
    assert refused is not None
    assert refused.code() == KafkaError.MSG_SIZE_TOO_LARGE
    send_good_ones(outcome, stack, draft.mark)


async def test_a_batch_with_a_wrong_checksum_is_refused_by_the_broker_and_others_go_on(
    outcome: Outcome, stack: LiveStack
) -> None:
    school = outcome.partners[SCHOOL]
    record = school.draft("torn", "KENDETEGNREVET", "nobody").record()
    producer = AIOKafkaProducer(
        bootstrap_servers=school.login["bootstrap.servers"],
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_plain_username=school.login["sasl.username"],
        sasl_plain_password=school.login["sasl.password"],
    )
    await producer.start()
    try:
        batch = producer.create_batch()
        headers = [(name, str(value).encode()) for name, value in headers_of(school.id, "torn")]
        headers.append(("who", b"KENDETEGNREVET"))
        batch.append(key=b"torn", value=record.value, timestamp=None, headers=headers)
        whole = bytearray(batch._build())
        whole[17] ^= 0xFF  # the first byte of the batch's CRC-32C
        batch._buffer = whole
        with pytest.raises(CorruptRecordException):
            await (await producer.send_batch(batch, school.topics["reports"], partition=0))
    finally:
        await producer.stop()

    send_good_ones(outcome, stack, "KENDETEGNREVET")
    assert "torn" not in school.replies
