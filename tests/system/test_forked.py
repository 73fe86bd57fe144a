"""A forked command prints and does the same as a fresh process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.embedded.paths import CLONE
from tests.forked import run_forked


@pytest.mark.parametrize(
    "arguments",
    [("partner", "list"), ("emit", "/nowhere/report.json"), ("watch", "--case", "no case")],
    ids=" ".join,
)
def test_a_forked_command_ends_as_one_from_the_beginning(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    environment = {**os.environ, "SAMRAAD_HOME": str(tmp_path / "empty")}
    environment |= {"COLUMNS": "200", "NO_COLOR": "1"}

    forked = run_forked("cli.main", arguments, environment, stdin=None, timeout=60)

    begun = subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments],
        cwd=CLONE,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (forked.returncode, forked.stdout, forked.stderr) == (
        begun.returncode,
        begun.stdout,
        begun.stderr,
    )


def test_a_forked_command_that_takes_too_long_is_killed() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run_forked("http.server", ["0"], os.environ, stdin=None, timeout=1)
