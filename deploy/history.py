"""The history of a file in this clone."""

import os
import subprocess
from pathlib import Path
from typing import Final

__all__ = ["lines_ever_added", "sees_history"]

_SECONDS: Final = 60
_OF_A_HOOK: Final = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"})


def sees_history(root: Path) -> bool:
    """Whether git and the whole history are available: else removed lines are not found."""
    shallow = _git(root, "rev-parse", "--is-shallow-repository")
    return shallow is not None and shallow.strip() == "false"


def lines_ever_added(root: Path, file: Path) -> list[str]:
    """List every line that a commit ever added to a file, on this line of history and at any tag.

    The list is empty where no history is available.
    """
    output = _git(
        *(root, "log", "HEAD", "--tags", "-m", "-p", "--unified=0", "--format="),
        *("--no-color", "--no-ext-diff", "--", str(file)),
    )
    return [line[1:] for line in (output or "").splitlines() if line.startswith("+")]


def _git(root: Path, *arguments: str) -> str | None:
    """Ask git about this clone; None where there is no git, or no history."""
    try:
        done = subprocess.run(
            ["git", *arguments],  # noqa: S607 - whichever git the developer has
            cwd=root,
            env={name: value for name, value in os.environ.items() if name not in _OF_A_HOOK},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
