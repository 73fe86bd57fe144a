"""What a partner may rely on: once or ten times, answered, in time, and within its memory."""

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

import psutil
import pytest
from pymongo import MongoClient

from deploy.embedded.programs import services as known_services
from tests.faults.checker.observed import SeenRecord, inspect
from tests.faults.checker.sender import PartnerClient
from tests.faults.storm import Rest
from tests.live import LiveStack, wait_until
from tests.system.command_line import DONE, REJECTED, CommandLine

ROUNDS: Final = (3, 3, 3, 1)
"""How many of three senders send the same report at once, before intake is killed again."""
TOPICS: Final = ("intake.cases.mediation", "mediation.cases", "notify.notices")
SETTLE_S: Final = 90.0
LETTERS: Final = 15
P50_S: Final = 1.0
NOTICE_S: Final = 30.0
SERVICE_MB: Final = 150.0
"""Of a service that has just started."""
LOADED_MB: Final = 220.0
"""Of a service after all that the other tests did to it."""
STACK_MB: Final = 1536.0


@pytest.fixture
def partner(samraad: CommandLine) -> CommandLine:
    """A command line whose partner may send, and that no other test uses."""
    ran = samraad.add()
    assert ran.returncode == DONE, ran.stderr
    return samraad


class VisibleEffects:
    """What the outside sees of one partner's reports, once all has had its effect."""

    def __init__(self, samraad: CommandLine, sent: int) -> None:
        Rest(samraad.stack, {samraad.partner: sent}).wait(SETTLE_S)
        status = samraad.stack.status()
        replies = f"partner.{samraad.partner}.replies"
        seen = inspect(status, services=(), topics=[replies, *TOPICS])
        with MongoClient[dict[str, Any]](inspector_uri(status)) as mongo:
            self.reports = list(mongo.intake.reports.find({"partner": samraad.partner}))
            own = [each["_id"] for each in self.reports]
            self.cases = list(mongo.intake.cases.find({"reports": {"$in": own}}))
            cases = [each["_id"] for each in self.cases]
            self.notices = list(mongo.notify.notices.find({"subject": {"$in": cases}}))
            by_id = {"_id": {"$in": cases}}
            self.stored = [
                self.cases,
                list(mongo.mediation.mediations.find(by_id)),
                list(mongo.notify.cases.find(by_id)),
                self.notices,
            ]
        self.receipts = [each for each in seen.records if each.topic == replies]
        self._facts = [each for each in seen.records if each.subject in cases]

    def facts(self, type_: str) -> list[SeenRecord]:
        """The facts of one type about the partner's cases; a repeat of the same bytes is none."""
        facts: list[SeenRecord] = []
        for each in self._facts:
            if each.type == type_ and not any(each.same_as(fact) for fact in facts):
                facts.append(each)
        return facts


def inspector_uri(status: dict[str, Any]) -> str:
    """The login that reads every database and writes none."""
    return Path(status["mongo"]["inspector_uri_file"]).read_text("utf-8").strip()


def test_a_report_sent_ten_times_by_three_senders_has_one_effect(partner: CommandLine) -> None:
    report = json.loads(partner.report())
    senders = [PartnerClient(partner.file) for _ in range(3)]
    letters: list[bytes] = []

    def send(client: PartnerClient) -> int:
        letter = client.letter(report)
        letters.append(letter.value)
        client.send(letter)
        return client.flush()

    killed = set()
    with ThreadPoolExecutor() as pool:
        for number, together in enumerate(ROUNDS):
            assert not any(pool.map(send, senders[:together]))
            if number < len(ROUNDS) - 1:
                killed.add(kill_when_it_runs(partner.stack, "intake"))

    seen = VisibleEffects(partner, sent=10)
    assert len(killed) == 3
    assert len(set(letters)) == 10, "each was sealed anew"
    assert len(seen.receipts) >= 10
    assert {each.type for each in seen.receipts} == {"intake.report_accepted.v1"}
    assert len({each.headers["ce_id"] for each in seen.receipts}) == 1
    assert all(each.same_as(seen.receipts[0]) for each in seen.receipts)
    assert len(seen.reports) == len(seen.cases) == 1
    assert seen.receipts[0].body["case_id"] == seen.cases[0]["_id"]
    assert [each.sequence for each in seen.facts("intake.case_opened.v1")] == [1]
    assert [each.sequence for each in seen.facts("mediation.case_received.v1")] == [1]
    assert len(seen.facts("notify.notice_created.v1")) == len(seen.notices) == 1


def kill_when_it_runs(stack: LiveStack, service: str) -> int:
    """SIGKILL a service by the process id in `status --json`, once there is one."""
    wait_until(
        lambda: bool(stack.status()["services"][service]["instances"]),
        SETTLE_S,
        f"{service} to run",
    )
    pid = stack.pid(service)
    os.kill(pid, signal.SIGKILL)
    return pid


def test_another_content_under_an_accepted_reference_is_refused_and_the_first_is_kept(
    partner: CommandLine,
) -> None:
    report = partner.report()
    assert partner.emit(report)[0] == DONE
    before = VisibleEffects(partner, sent=1)

    code, receipts = partner.emit(json.dumps({**json.loads(report), "text": "Noget andet."}))
    assert code == REJECTED
    assert [(each["field"], each["rule"]) for each in receipts[0]["errors"]] == [
        ("/reference", "conflict")
    ]

    after = VisibleEffects(partner, sent=2)
    assert [each.type for each in after.receipts] == [
        "intake.report_accepted.v1",
        "intake.report_rejected.v1",
    ]
    assert after.receipts[0].same_as(before.receipts[0])
    assert after.stored == before.stored
    assert partner.emit(report)[0] == DONE
    assert VisibleEffects(partner, sent=3).receipts[2].same_as(before.receipts[0])


def test_a_rejected_report_is_taken_once_it_is_corrected(partner: CommandLine) -> None:
    report = json.loads(partner.report())
    code, receipts = partner.emit(json.dumps({**report, "municipality": "0461"}), "--unchecked")
    assert code == REJECTED
    assert [(each["field"], each["rule"]) for each in receipts[0]["errors"]] == [
        ("/municipality", "unknown_municipality")
    ]
    assert not VisibleEffects(partner, sent=1).cases

    code, receipts = partner.emit(json.dumps(report))

    assert (code, receipts[0]["status"]) == (DONE, "accepted")
    after = VisibleEffects(partner, sent=2)
    assert [each["_id"] for each in after.cases] == [receipts[0]["case_id"]]
    assert len(after.notices) == 1


def test_a_notice_lies_in_the_inbox_soon_after_the_partner_was_acknowledged(
    partner: CommandLine, capsys: pytest.CaptureFixture[str]
) -> None:
    Rest(partner.stack, {}).wait(SETTLE_S)
    client = PartnerClient(partner.file)
    uri = inspector_uri(partner.stack.status())
    taken_s: list[float] = []
    subjects: list[str] = []
    with (
        MongoClient[dict[str, Any]](uri) as mongo,
        mongo.notify.notices.watch(max_await_time_ms=1_000) as notices,
    ):
        for _ in range(LETTERS):
            client.send(client.letter(json.loads(partner.report())))
            assert client.flush() == 0
            acknowledged = time.monotonic()
            subjects.append(next_of(notices)["fullDocument"]["subject"])
            taken_s.append(time.monotonic() - acknowledged)

    seen = VisibleEffects(partner, sent=LETTERS)
    assert sorted(subjects) == sorted(each["_id"] for each in seen.cases)
    cuts = quantiles(taken_s, n=100, method="inclusive")
    p50, p99 = cuts[49], cuts[98]
    with capsys.disabled():
        print_lines(
            f"from acknowledgement to notice, {LETTERS} reports one by one: "
            f"p50 {1000 * p50:.0f} ms, p99 {1000 * p99:.0f} ms"
        )
    assert p50 <= P50_S


def next_of(stream: Any) -> dict[str, Any]:
    """Wait for the next change; fails when none comes."""
    until = time.monotonic() + NOTICE_S
    while time.monotonic() < until:
        change: dict[str, Any] | None = stream.try_next()
        if change is not None:
            return change
    raise AssertionError(f"no notice within {NOTICE_S} s")


def test_the_stack_keeps_within_its_memory(
    stack: LiveStack, capsys: pytest.CaptureFixture[str]
) -> None:
    status = stack.status()
    services = {
        name: resident_mb(shown["instances"][0]["pid"])
        for name, shown in status["services"].items()
    }
    whole = {pid: (name_of(pid), resident_mb(pid)) for pid in tree(status["supervisor"]["pid"])}
    names = {status["kafka"]["pid"]: "kafka", status["mongo"]["pid"]: "mongo"}
    names |= {shown["instances"][0]["pid"]: name for name, shown in status["services"].items()}
    total = sum(megabytes for _, megabytes in whole.values())

    with capsys.disabled():
        print_lines(
            "resident memory, MB",
            *(
                f"  {names.get(pid, command):<12} {megabytes:7.0f}"
                for pid, (command, megabytes) in whole.items()
            ),
            f"  {'whole stack':<12} {total:7.0f}",
        )
    assert set(names) <= set(whole), "all of it hangs below the supervisor"
    assert set(services) == set(known_services())
    assert {name: mb for name, mb in services.items() if mb > LOADED_MB} == {}
    assert total <= STACK_MB


@pytest.mark.parametrize("service", known_services())
def test_a_service_that_just_started_keeps_within_its_memory(
    stack: LiveStack, service: str
) -> None:
    before = stack.status()["services"][service]["instances"][0]["pid"]
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: is_new(stack, service, before), SETTLE_S, f"a new {service}")

    started = stack.status()["services"][service]["instances"][0]["pid"]
    assert resident_mb(started) <= SERVICE_MB


def is_new(stack: LiveStack, service: str, before: int) -> bool:
    """Whether another process of the service is ready than the one before."""
    shown = stack.status()["services"][service]
    (instance,) = shown["instances"]
    return shown["state"] == "ready" and instance["pid"] not in {None, before}


def tree(pid: int) -> Iterator[int]:
    """Give a process and all below it."""
    yield pid
    for child in psutil.Process(pid).children(recursive=True):
        yield child.pid


def resident_mb(pid: int) -> float:
    """The resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"process {pid} has ended")


def name_of(pid: int) -> str:
    """Name a process by what it runs: a module, else its program."""
    words = psutil.Process(pid).cmdline()
    module = words[words.index("-m") + 1] if "-m" in words else Path(words[0]).name
    return module.rpartition(".")[2]


def print_lines(*lines: str) -> None:
    """Show figures for people."""
    print("\n\n" + "\n".join(f"  {line}" for line in lines))  # noqa: T201 - what the run is for
