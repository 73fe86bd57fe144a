"""The night's run goes on after a failure, reports how each target ended, and leaves nothing out."""

import io
import re
import sys
import tomllib
from pathlib import Path

import pytest
from rich.console import Console

from tests.nightly import TARGETS, Outcome, Target, main, run_all

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
TESTPATHS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"][
    "testpaths"
]


def python(name: str, code: str, **more: float) -> Target:
    return Target(name, f"target {name}", (sys.executable, "-c", code), **more)


def test_a_target_that_fails_stops_no_other_and_shows_the_end_of_its_log(tmp_path: Path) -> None:
    shown = io.StringIO()
    targets = [
        python("first", "print('all is well')"),
        python("second", "print('what went wrong'); raise SystemExit(3)"),
        python("third", "pass"),
    ]

    results = run_all(targets, tmp_path, Console(file=shown, width=120))

    assert [each.outcome for each in results] == [Outcome.PASSED, Outcome.FAILED, Outcome.PASSED]
    assert results[1].remark == "exit code 3"
    assert "what went wrong" in shown.getvalue()
    assert "all is well" not in shown.getvalue()
    assert (tmp_path / "first.log").read_text() == "all is well\n"


def test_a_target_that_does_not_end_is_ended_and_counts_as_failed(tmp_path: Path) -> None:
    endless = python("endless", "import time; time.sleep(600)", limit_s=1.0)

    [result] = run_all([endless], tmp_path, Console(file=io.StringIO()))

    assert (result.outcome, result.remark) == (Outcome.FAILED, "not done after 1 s")
    assert result.seconds < 30


def test_a_name_that_there_is_not_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["no-such-target"]) == 2
    assert "no-such-target" in capsys.readouterr().out


@pytest.mark.parametrize("target", TARGETS, ids=lambda each: each.name)
def test_each_make_target_of_the_night_is_in_the_makefile(target: Target) -> None:
    if target.command[0] == "make":
        assert re.search(rf"^{target.command[-1]}:", MAKEFILE, re.MULTILINE)


def test_every_folder_of_tests_runs_in_ci_or_in_the_night() -> None:
    folders = {file.parent.relative_to(ROOT).as_posix() for file in ROOT.glob("tests/**/test_*.py")}
    called = {each.command[-1] for each in TARGETS if each.command[0] == "make"}
    recipes = re.findall(r"^([\w-]+): setup\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    by_night = {
        folder
        for target, recipe in recipes
        if target in called
        for folder in re.findall(r"tests/\w+", recipe)
    }

    assert folders <= {*TESTPATHS, *by_night}
