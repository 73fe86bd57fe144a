"""`python -m deploy.embedded.fetch [chromium]`: download what the stack needs, once, with progress.

With `chromium` also the browser of the browser tests.
"""

import sys

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from deploy.embedded import download, npm, quickstart
from deploy.embedded.errors import StackProblem
from deploy.embedded.paths import Home


def main(wanted: list[str]) -> int:
    """Fetch what is missing; 0 when all is there, 1 with one sentence when it cannot be had."""
    home, console = Home.from_environment(), Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        bars: dict[str, TaskID] = {}

        def meter(what: str, done: int, total: int) -> None:
            if what not in bars:
                bars[what] = progress.add_task(f"Fetching: {what}", total=total)
            progress.update(bars[what], completed=done, total=total)

        try:
            download.fetch_jars(home, meter)
            quickstart.make_archive(home, meter)
            npm.fetch_dkfds(home, meter)
            npm.fetch_htmx(home, meter)
            if "chromium" in wanted:
                npm.fetch_chromium(home, meter)
        except StackProblem as problem:
            console.print(str(problem), markup=False, highlight=False, soft_wrap=True)
            return problem.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
