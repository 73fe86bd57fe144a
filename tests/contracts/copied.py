"""A copy of what publishes contracts in this clone, to be broken."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

CLONE = Path(__file__).parents[2]


class Copy:
    """The parts of this clone that publish contracts, in a place where they may be broken."""

    def __init__(self, root):
        self.root = root
        ignored = shutil.ignore_patterns("__pycache__")
        for part in ("cli", "deploy", "shared"):
            shutil.copytree(CLONE / part, root / part, ignore=ignored)
        for part in ("schemas", "asyncapi", "published"):
            shutil.copytree(CLONE / "docs" / part, root / "docs" / part)

    def edit(self, file, old, new):
        path = self.root / file
        text = path.read_text(encoding="utf-8")
        assert len(re.findall(old, text, re.MULTILINE)) >= 1, f"{file} no longer says {old}"
        path.write_text(re.sub(old, new, text, flags=re.MULTILINE), encoding="utf-8")

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

    def check(self):
        """Exit code, and what was found."""
        ran = self.contracts("check", "--json")
        assert "Traceback" not in ran.stderr, ran.stderr
        return ran.returncode, json.loads(ran.stdout)

    def git(self, *arguments):
        who = ("-c", "user.name=Test", "-c", "user.email=test@example.test")
        subprocess.run(
            ["git", *who, "-c", "commit.gpgsign=false", *arguments],
            cwd=self.root,
            check=True,
            capture_output=True,
            timeout=60,
        )

    def commit(self):
        self.git("add", "docs", "shared")
        self.git("commit", "-qm", "one step")
