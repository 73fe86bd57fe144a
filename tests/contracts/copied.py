"""A repository of a test's own, and a copy of what publishes contracts in this clone, broken."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

CLONE = Path(__file__).parents[2]
AUTHOR = ("-c", "user.name=Test", "-c", "user.email=test@example.test")


class Repository:
    """A folder with a history, or one that is to have one."""

    def __init__(self, root):
        self.root = root

    def git(self, *arguments):
        command = ["git", *AUTHOR, "-c", "commit.gpgsign=false", *arguments]
        subprocess.run(command, cwd=self.root, check=True, capture_output=True, timeout=60)

    def commit(self):
        self.git("add", "docs")
        self.git("commit", "-qm", "one step")


class Copy:
    """The parts of this clone that publish contracts."""

    def __init__(self, root):
        self.root = root
        ignored = shutil.ignore_patterns("__pycache__")
        for part in (
            "cli",
            "deploy",
            "services",
            "shared",
            "docs/schemas",
            "docs/asyncapi",
            "docs/published",
        ):
            shutil.copytree(CLONE / part, root / part, ignore=ignored)

    def contracts(self, *arguments):
        return subprocess.run(
            [sys.executable, "-m", "cli.main", "contracts", *arguments],
            cwd=self.root,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(self.root)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


def broken_copy(root, file, old, new):
    """A copy in whose source one thing is another."""
    copy = Copy(root)
    text = (root / file).read_text(encoding="utf-8")
    assert old in text, f"{file} no longer contains {old}"
    (root / file).write_text(text.replace(old, new), encoding="utf-8")
    return copy
