"""`make faults SEEDS=n`: break the running system again and again, and judge it from outside.

Ends with 0 when every promise was kept in every seed, else with 1 and, for each seed that failed, the
one command that repeats it.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from deploy.embedded.download import fetch_jars
from deploy.embedded.npm import fetch_dkfds, fetch_htmx
from deploy.embedded.paths import CLONE, Home
from tests.faults.plan import Plan, make_plan, seeds_of_this_commit
from tests.faults.rig import Rig
from tests.faults.seeds import Outcome, Run
from tests.faults.table import PAGE, as_markdown, line_of, publish, repeat_command

FINDINGS_SHOWN = 20


def main(arguments: list[str] | None = None) -> int:
    """Run what is asked for."""
    asked = _parser().parse_args(arguments)
    seeds = asked.seed or seeds_of_this_commit(asked.seeds, asked.first)
    plans = sorted(
        (make_plan(seed, asked.copies, short=asked.short) for seed in seeds),
        key=lambda plan: plan.copies,
    )
    folder = Path(asked.folder or tempfile.mkdtemp(prefix="samraad-faults-"))
    _print(f"{len(plans)} seeds; everything lies in {folder}")
    outcomes: list[Outcome] = []
    with suppress(KeyboardInterrupt):
        for outcome in run_all(plans, folder, time.monotonic() + asked.minutes * 60):
            outcomes.append(outcome)
            _print_outcome(outcome)
            (folder / "outcomes.json").write_text(
                json.dumps([each.as_document() for each in outcomes], indent=1), encoding="utf-8"
            )
    known = [Outcome.of(each) for file in asked.add for each in json.loads(file.read_text())]
    _print("", as_markdown([*known, *outcomes]))
    if asked.publish:
        publish([*known, *outcomes], PAGE)
        _print(f"Written: {PAGE}")
    failed = [outcome for outcome in outcomes if not outcome.is_good]
    for outcome in failed:
        _print(f"Repeat with: {repeat_command(outcome)}")
    return 1 if failed else 0


def run_all(plans: Iterable[Plan], folder: Path, until: float) -> Iterable[Outcome]:
    """Carry the plans out, one after the other; after one that failed, on a stack of its own."""
    home = Home.from_environment()
    for fetch in (fetch_jars, fetch_dkfds, fetch_htmx):
        fetch(home)
    rig: Rig | None = None
    try:
        for number, plan in enumerate(plans):
            if time.monotonic() > until:
                _print("The time is up: the seeds that are left were not begun.")
                return
            if rig is None:
                rig = Rig.start(folder / f"stack-{number}", home.cache, plan.copies)
                run = Run(rig)
            outcome = run.seed(plan)
            if not outcome.is_good:
                rig.discard()
                rig = None
            yield outcome
    finally:
        if rig is not None:
            rig.discard()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument(
        "--seeds", type=int, default=5, help="how many, drawn from the commit's hash"
    )
    parser.add_argument("--first", type=int, default=0, help="leave out as many of that row")
    parser.add_argument("--seed", type=int, action="append", help="this one alone; may be repeated")
    parser.add_argument("--copies", type=int, help="processes of each service, for every seed")
    parser.add_argument("--short", action="store_true", help="as `make test` does it")
    parser.add_argument("--minutes", type=float, default=600, help="begin no seed after so long")
    parser.add_argument("--folder", help="where ledgers, logs and data lie")
    parser.add_argument(
        "--add", type=Path, nargs="*", default=[], help="outcomes.json of earlier runs to sum up"
    )
    parser.add_argument("--publish", action="store_true", help=f"write {PAGE.relative_to(CLONE)}")
    return parser


def _print_outcome(outcome: Outcome) -> None:
    _print(line_of(outcome))
    if outcome.failure:
        _print(f"  {outcome.failure}")
    for finding in outcome.findings[:FINDINGS_SHOWN]:
        _print(f"  {finding.kind}: {finding.what}")


def _print(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
