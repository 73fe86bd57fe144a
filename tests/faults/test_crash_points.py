"""Crash points: each is in the code once, dies where it is set to, and does nothing when off."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shared import crash_points
from shared.crash_points import POINTS

CLONE = Path(__file__).parents[2]
REACHED = re.compile(r'reach\(\s*"([a-z_.]+)"\s*\)')

PROCESS = """
import sys
from shared.crash_points import arm, reach
arm("mediation-1")
for number in range(int(sys.argv[1])):
    reach("relay.after_ack")
    print(number, flush=True)
"""


def run(times, **environment):
    known = {name: value for name, value in os.environ.items() if not name.startswith("SAMRAAD_")}
    return subprocess.run(
        [sys.executable, "-c", PROCESS, str(times)],
        cwd=CLONE, env=known | environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_each_named_point_is_at_one_place_in_the_code_and_no_other_is_reached():
    found = [
        point
        for folder in ("shared", "services")
        for file in (CLONE / folder).rglob("*.py")
        for point in REACHED.findall(file.read_text(encoding="utf-8"))
    ]

    assert sorted(found) == sorted(POINTS)


def test_a_process_dies_at_the_given_point_and_not_before():
    ran = run(5, SAMRAAD_FAULTS="1", SAMRAAD_CRASH="relay.after_ack:3")

    assert (ran.returncode, ran.stdout.split()) == (-signal.SIGKILL, ["0", "1"])


def test_a_process_that_is_not_there_to_be_broken_heeds_nothing():
    ran = run(5, SAMRAAD_CRASH="relay.after_ack:3")

    assert (ran.returncode, ran.stdout.split()) == (0, ["0", "1", "2", "3", "4"])


@pytest.mark.parametrize(
    "setting", ["relay.after:1", "relay.after_ack:x", "relay.after_ack:1:sleep"]
)
def test_what_is_no_point_is_refused_in_one_sentence(setting):
    ran = run(1, SAMRAAD_FAULTS="1", SAMRAAD_CRASH=setting)

    assert ran.returncode == 1
    assert "is not POINT:N" in ran.stderr


def test_each_life_of_a_process_takes_the_next_line_of_its_list(tmp_path):
    (tmp_path / "mediation-1").write_text("relay.after_ack:2\nrelay.after_ack:1\n")
    (tmp_path / "psp-1").write_text("relay.after_ack:1\n")
    settings = {"SAMRAAD_FAULTS": "1", "SAMRAAD_CRASH": str(tmp_path)}

    lives = [run(3, **settings).stdout.split() for _ in range(3)]

    assert lives == [["0"], [], ["0", "1", "2"]]


def test_a_list_that_changes_while_the_process_runs_is_heeded(tmp_path, monkeypatch):
    signals = []
    monkeypatch.setattr(crash_points.os, "kill", lambda _, number: signals.append(number))
    fuse = crash_points.Fuse(tmp_path / "notify-1")
    fuse.reach("slice.prepared")
    (tmp_path / "notify-1").write_text("slice.prepared:1\nslice.loaded:1:stop\n")

    fuse.reach("slice.prepared")
    fuse.reach("slice.prepared")
    fuse.reach("slice.loaded")
    (tmp_path / "notify-1").unlink()
    fuse.reach("slice.loaded")

    assert signals == [signal.SIGKILL, signal.SIGSTOP]


def test_a_point_that_is_off_costs_next_to_nothing():
    began = time.perf_counter()
    for _ in range(100_000):
        crash_points.reach("slice.prepared")

    assert time.perf_counter() - began < 0.5
