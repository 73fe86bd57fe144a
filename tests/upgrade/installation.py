"""One installation that two versions of the product start in turn."""

import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any, Final

from deploy.embedded.paths import CLONE
from tests.live import RUN_SECONDS, LiveStack

__all__ = ["VERSION_BEFORE", "Installation", "unpack_version"]

VERSION_BEFORE: Final = "16f608bb89ea63351e9c256c903acfef17860def"
"""The commit of the version before this one. Its home, topics and stores must start with this code,
and it must start again after it. Each release sets this to its predecessor."""
START_S: Final = 400.0
"""The version before takes two minutes at its first start on a busy machine."""


def unpack_version(commit: str, folder: Path) -> Path:
    """Write the files of a commit from this clone's own history into a folder; return it."""
    packed = subprocess.run(
        ["git", "archive", "--format=tar", commit], cwd=CLONE, capture_output=True, check=False
    )
    assert packed.returncode == 0, (
        f"The history of this clone does not hold {commit}, the version before. "
        f"Fetch it whole: `git fetch --unshallow`. git says: {packed.stderr.decode().strip()}"
    )
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


class Installation(LiveStack):
    """A home, and the tree of the version that starts it."""

    def __init__(self, root: Path, cache: Path, **environment: str) -> None:
        super().__init__(root, cache, **environment)
        self.tree = CLONE

    def run(
        self, *arguments: str, stdin: str | None = None, timeout: float = RUN_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """Run the `samraad` command of the version that is in use."""
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments],
            cwd=self.tree,
            env={**self.environment, "PYTHONPATH": str(self.tree)},
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def up(self, tree: Path) -> None:
        """Start it with the version in `tree`, as a user does."""
        self.tree = tree
        ran = self.run("up", "--detach", timeout=START_S)
        assert ran.returncode == 0, f"{tree}: {ran.stdout}{ran.stderr}"

    def down(self) -> None:
        """Stop it with the version that is in use."""
        ran = self.run("down")
        assert ran.returncode == 0, ran.stderr
        assert self.run("status").returncode == 3

    def status(self) -> dict[str, Any]:
        """What `samraad status --json` shows."""
        shown: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        return shown

    def json(self, *arguments: str) -> Any:
        """What a command prints as JSON, whatever its exit code says."""
        ran = self.run(*arguments, "--json")
        assert "Traceback" not in ran.stderr, ran.stderr
        return json.loads(ran.stdout)
