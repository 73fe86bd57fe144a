"""What newcomers do: the README's first report, a client of their own, the demo."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deploy.embedded.paths import CLONE
from shared.contracts.processes import Process
from tests.live import LiveStack, wait_until

if TYPE_CHECKING:
    pass

from tests.system.command_line import DONE, REJECTED, CommandLine, lines

CLIENT = CLONE / "examples" / "clients" / "partner_confluent.py"


def send_with_client(office: CommandLine, report: Path) -> tuple[int, dict[str, Any]]:
    """Send a report with the foreign client; exit code and the receipt that it shows."""
    ran = subprocess.run(
        [sys.executable, "-I", str(CLIENT), str(office.file), str(report)],
        cwd=office.folder,
        env={"PATH": os.environ["PATH"], "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in ran.stderr, ran.stderr  # the client's library may warn and go on
    return ran.returncode, json.loads(ran.stdout)


def test_a_foreign_client_integrates_with_the_credentials_file_alone(office: CommandLine) -> None:
    good, wrong = office.folder / "good.json", office.folder / "wrong.json"
    good.write_text(office.report())
    wrong.write_text(office.report(municipality="0461"))

    first, second, third = (send_with_client(office, one) for one in (good, good, wrong))

    assert first == second
    assert (first[0], first[1]["type"]) == (DONE, "intake.report_accepted.v1")
    assert (third[0], third[1]["type"]) == (REJECTED, "intake.report_rejected.v1")
    assert [error["rule"] for error in third[1]["errors"]] == ["unknown_municipality"]
    assert not re.search(r"^\s*(?:from|import) (?:shared|cli|services|deploy)", CLIENT.read_text())


def test_the_client_shows_no_receipt_from_before_it_sent(office: CommandLine) -> None:
    corrected = office.folder / "corrected.json"
    corrected.write_text(office.report())
    wrong = json.dumps({**json.loads(corrected.read_text()), "municipality": "0461"})
    assert office.emit(wrong, "--unchecked")[0] == REJECTED

    code, receipt = send_with_client(office, corrected)

    assert (code, receipt["type"]) == (DONE, "intake.report_accepted.v1")


def test_the_demo_reports_all_that_the_district_handles(stack: LiveStack) -> None:
    ran = stack.run("demo", "--once", "--seed", "7")

    assert ran.returncode == DONE, ran.stderr
    sent = re.findall(r"^\S+ (\S+) (\S+) \((\S+?)(?:, (.+))?\)$", ran.stdout, re.MULTILINE)
    assert {process for *_, process, _ in sent} == {*map(str, Process), "triage"}
    asked = {partner for partner, *_ in sent}
    wanted = sorted((reference, odd == "with a mistake") for _, reference, _, odd in sent)

    references = {reference for reference, _ in wanted}

    def answered() -> list[tuple[str, bool]]:
        receipts = [lines(stack.run("receipts", "--as", one, "--json").stdout) for one in asked]
        return sorted(
            (one["reference"], one["status"] == "rejected")
            for ones in receipts
            for one in ones
            if one["reference"] in references  # other tests send as the same partners
        )

    wait_until(lambda: answered() == wanted, 60, "a receipt for each report of the demo")


def test_the_first_event_of_the_readme_goes_as_described(stack: LiveStack, tmp_path: Path) -> None:
    (tmp_path / "examples").symlink_to(CLONE / "examples")
    readme = (CLONE / "README.md").read_text()
    part = readme.split("## Send your first report")[1].split("\n## ")[0]
    commands = [
        line.removeprefix("$ ")
        for block in re.findall(r"```console\n(.*?)```", part, re.DOTALL)
        for line in block.splitlines()
        if line.startswith("$ ") and "activate" not in line
    ]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    runs = []
    case = ""
    for command in commands:
        ran = subprocess.run(
            ["sh", "-c", command.replace("KR-…", shlex.quote(case))],
            cwd=tmp_path,
            env={**stack.environment, "PATH": path},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        runs.append((ran.returncode, ran.stdout + ran.stderr))
        if found := re.search(r"KR-\w{4}-\w{4}", ran.stdout):
            case = found.group()

    assert [code for code, _ in runs] == [DONE, DONE, DONE, DONE, REJECTED]
    assert "may send" in runs[0][1]
    assert "accepted" in runs[1][1]
    assert case in runs[2][1]
    assert "mediation.case_received.v1" in runs[3][1]
    assert "unknown_municipality" in runs[4][1]


def test_the_guide_shows_the_code_of_the_client_that_is_tested() -> None:
    guide = (CLONE / "docs" / "partners.md").read_text()
    client = CLIENT.read_text()
    shown = re.search(r"```python\n(.*?)```", guide, re.DOTALL)

    assert shown is not None
    for function in shown.group(1).strip().split("\n\n\n"):
        assert function in client
