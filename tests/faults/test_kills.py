"""Services are killed again and again under load: nothing acknowledged is lost, nothing doubled."""

import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random, SystemRandom
from typing import Any, Final
from uuid import uuid4

import pytest

from tests.faults.checker.folding import ACCEPTED, NOTICE, OPENED, OWNERS, Finding, fold
from tests.faults.checker.ledger import Ledger, Sent, read_ledger
from tests.faults.checker.observed import Observed, inspect
from tests.faults.checker.sender import PartnerClient
from tests.faults.storm import (
    KINDS,
    SERVICES,
    Rest,
    carry_out,
    invent,
    plan_kills,
    seal_all,
    send_steadily,
)
from tests.live import LiveStack

REPORTS: Final = int(os.environ.get("SAMRAAD_FAULT_REPORTS", "2000"))
PER_SECOND: Final = 25.0
KILLS_OF_EACH: Final = 5
KILLING_S: Final = 80.0
SETTLE_S: Final = 120.0
WHOLE_S: Final = 420


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """What decides a run; a failing test tells how to repeat it."""
    chosen = int(os.environ.get("SAMRAAD_FAULT_SEED") or SystemRandom().randrange(10**6))
    again = f"SAMRAAD_FAULT_SEED={chosen} SAMRAAD_FAULT_REPORTS={REPORTS}"
    command = f"{again} .venv/bin/python -m pytest {request.node.nodeid}"
    request.node.add_report_section("setup", "repeat with", command)
    return chosen


@pytest.fixture
def partners(stack: LiveStack, tmp_path: Path) -> list[Path]:
    """The credentials of three partners that nobody else uses."""
    files = []
    for kind in KINDS:
        name = f"storm-{kind}-{uuid4().hex[:8]}"
        files.append(tmp_path / f"{name}.json")
        ran = stack.run("partner", "add", name, "--kind", kind, "--out", str(files[-1]))
        assert ran.returncode == 0, ran.stderr
    return files


@pytest.mark.timeout(WHOLE_S)
def test_reports_have_their_effect_once_and_in_order_while_services_are_killed(
    stack: LiveStack,
    partners: list[Path],
    seed: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    began = time.monotonic()
    dice = Random(seed)  # noqa: S311 - a test that can be repeated
    ledger = Ledger(tmp_path / "ledger")
    clients = [PartnerClient(file, ledger) for file in partners]
    Rest(stack, {}).wait(SETTLE_S)
    before = inspect(stack.status(), services=SERVICES)
    steps = invent(dice, REPORTS)
    letters = seal_all(steps, clients)

    kills = plan_kills(dice, each=KILLS_OF_EACH, seconds=KILLING_S)
    with ThreadPoolExecutor() as pool:
        killing = pool.submit(carry_out, kills, stack)
        sending_s = send_steadily(letters, clients, per_second=PER_SECOND)
        killed = killing.result()
    ledger.close()
    sent = read_ledger(ledger.path)
    acknowledged = Counter(each.partner for each in sent if each.acknowledged)
    settle_s = Rest(stack, acknowledged).wait(SETTLE_S)

    after = inspect(stack.status(), services=SERVICES)
    after.write(tmp_path / "observed.json")
    findings = new_findings(sent, before, after)
    seen = count(sent, after)
    wanted = expected(sent)
    with capsys.disabled():
        print_table(
            {
                "seed": seed,
                "reports": f"{len(sent)}, all acknowledged in {sending_s:.0f} s",
                "kills": ", ".join(f"{name} {killed[name]}" for name in SERVICES),
                **{name: f"{seen[name]} (wanted {wanted[name]})" for name in wanted},
                "losses": sum(each.kind == "lost" for each in findings),
                "doubles": sum(each.kind == "doubled" for each in findings),
                "order faults": sum(each.kind == "order" for each in findings),
                "other findings": sum(each.kind in {"answer", "left"} for each in findings),
                "settled after": f"{settle_s:.1f} s",
                "whole run": f"{time.monotonic() - began:.0f} s",
            }
        )
    assert acknowledged.total() == len(sent) == REPORTS
    assert killed == dict.fromkeys(SERVICES, KILLS_OF_EACH)
    assert not findings, "\n".join(f"{each.kind}: {each.what}" for each in findings[:50])
    assert seen == wanted


def new_findings(sent: list[Sent], before: Observed, after: Observed) -> list[Finding]:
    """Judge a run on a stack that others used before: what they left is not ours."""
    for service, collections in after.databases.items():
        known = before.by_id(service, "parked")
        rows = collections.get("parked", [])
        collections["parked"] = [row for row in rows if row["_id"] not in known]
    old = set(fold([], before))
    return [finding for finding in fold(sent, after) if finding not in old]


def expected(sent: list[Sent]) -> Counter[str]:
    """Count what must have come of it, from the ledger alone."""
    good = {(each.partner, each.reference): each for each in sent if each.expects == "accepted"}
    opened = sum(each.process in OWNERS for each in good.values())
    return Counter({"references accepted": len(good), "cases": opened, "notices": len(good)})


def count(sent: list[Sent], observed: Observed) -> Counter[str]:
    """Count what came of it, as the topics and notify's store tell it."""
    topics = {f"partner.{each.partner}.replies" for each in sent}
    receipts = [each for each in observed.records if each.topic in topics and each.type == ACCEPTED]
    cases = {each.body["case_id"] for each in receipts} - {None}
    own = {each.partner for each in sent}
    reports = {
        each["_id"] for each in observed.documents("intake", "reports") if each["partner"] in own
    }
    facts = [each for each in observed.records if each.subject in cases | reports]
    kept = {each["_id"] for each in observed.documents("notify", "notices")}
    told = {each.body["notice_id"] for each in facts if each.type == NOTICE}
    return Counter(
        {
            "references accepted": len({(each.topic, each.subject) for each in receipts}),
            "cases": len({each.subject for each in facts if each.type == OPENED}),
            "notices": len(told & kept),
        }
    )


def print_table(rows: dict[str, Any]) -> None:
    """Show what was seen."""
    width = max(len(name) for name in rows)
    text = "\n".join(f"  {name:<{width}}  {value}" for name, value in rows.items())
    print(f"\n\n{text}")  # noqa: T201 - the table is what the run is for
