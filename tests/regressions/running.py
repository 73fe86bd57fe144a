"""A copy of the tree with a change planted in it, and the named tests run there."""

import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.embedded.paths import CLONE, Home
from tests.live import LiveStack

__all__ = ["Verdict", "a_copy", "brokers", "run_tests"]

COPIED: Final = ("cli", "deploy", "examples", "services", "shared", "tests", "pyproject.toml")
A_TEST_S: Final = 60
RUN_S: Final = 600


@dataclass(frozen=True)
class Verdict:
    """How a test ended, and the last line of why."""

    test: str
    outcome: str
    """passed, failed, or error: it did not get as far as the test."""
    why: str = ""


@contextmanager
def a_copy(changes: Mapping[str, str]) -> Iterator[Path]:
    """Copy the tree and write the changed files over it; it is gone at the end."""
    with tempfile.TemporaryDirectory(prefix="samraad-planted-") as place:
        root = Path(place)
        unwanted = shutil.ignore_patterns("__pycache__", "node_modules", ".*_cache")
        for name in COPIED:
            if (CLONE / name).is_dir():
                shutil.copytree(CLONE / name, root / name, ignore=unwanted)
            else:
                shutil.copy(CLONE / name, root / name)
        for path, source in changes.items():
            (root / path).write_text(source)
        yield root


@contextmanager
def brokers() -> Iterator[Mapping[str, str]]:
    """One Kafka and one mongod for all runs; yields the environment that leads tests to them."""
    cache = Home.from_environment().cache
    with tempfile.TemporaryDirectory(prefix="samraad-brokers-") as place:
        live = LiveStack(Path(place) / "home", cache, SAMRAAD_FAULTS="1")
        live.start("--brokers-only")
        try:
            yield {"SAMRAAD_CACHE": str(cache), "SAMRAAD_TEST_BROKERS": str(live.home.root)}
        finally:
            live.discard()


def run_tests(root: Path, tests: Sequence[str], environment: Mapping[str, str]) -> list[Verdict]:
    """Run the named tests in that copy of the tree."""
    report = root / "report.xml"
    options = (
        f"--timeout={A_TEST_S}",
        f"--junitxml={report}",
        "-q",
        "-p",
        "no:cacheprovider",
        "-m",
        "",
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *tests],
        cwd=root,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=RUN_S,
        check=False,
    )
    if not report.exists():
        return [
            Verdict(test, "error", done.stdout[-2_000:] + done.stderr[-2_000:]) for test in tests
        ]
    cases = list(ET.parse(report).iter("testcase"))  # noqa: S314 - pytest wrote it just now
    return [_verdict(case) for case in cases] or [Verdict("", "error", done.stdout[-2_000:])]


def _verdict(case: ET.Element) -> Verdict:
    file = (case.get("classname") or "").replace(".", "/")
    name = f"{file}.py::{case.get('name')}"
    if (error := case.find("error")) is not None:
        return Verdict(name, "error", error.get("message") or "")
    if (failure := case.find("failure")) is not None:
        return Verdict(name, "failed", (failure.get("message") or "").strip())
    return Verdict(name, "passed")
