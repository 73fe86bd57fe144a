"""Run the bench: `make bench`, or `python -m bench relay intake --runs 5 --json`."""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from bench import (
    framework,
    hop,
    intake,
    latency,
    memory,
    page,
    pipeline,
    relaying,
    scaling,
    stages,
    thrift,
)
from bench.running import RunSize, Subject
from bench.world import World, running

SUBJECTS: dict[str, Subject] = {
    "pipeline": pipeline.subject,
    "framework": framework.subject,
    "relay": relaying.subject,
    "intake": intake.subject,
    "stages": stages.subject,
    "cases": scaling.cases,
    "partitions": scaling.partitions,
    "memory": memory.subject,
    "thrift": thrift.subject,
    "hop": hop.subject,
    "latency": latency.subject,
}


def main() -> None:
    """Measure the chosen subjects, print the findings, and save them in docs/ if wanted."""
    given = _arguments()
    names = given.only or list(SUBJECTS)
    console = Console(stderr=given.json)
    found = {}
    for whole_stack in (False, True):
        chosen = [name for name in names if SUBJECTS[name].whole_stack is whole_stack]
        with _world(chosen, services=whole_stack) as world:
            for name in chosen:
                subject = SUBJECTS[name]
                print(f"{name}: {subject.title}", file=sys.stderr)  # noqa: T201 - progress
                load = page.load_now()
                findings = subject.measure(world, RunSize(given.runs, given.events))
                found[name] = page.as_found(name, subject, findings, given.runs, load)
                if not given.json:
                    page.show(console, found[name])
                if given.save:
                    page.keep({name: found[name]})
                    if subject.draw is not None:
                        subject.draw(findings.rows)
    if given.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))  # noqa: T201 - its output


@contextmanager
def _world(names: list[str], *, services: bool) -> Iterator[World]:
    """Start the brokers or the whole stack, if a subject needs it."""
    if not names:
        yield World(kafka={}, mongo="", mongod=0, home=page.DOCS)
        return
    with running(services=services) as world:
        yield world


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "only", nargs="*", metavar="SUBJECT", help=f"of {', '.join(SUBJECTS)}; all by default"
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--events", type=int, default=40_000)
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    parser.add_argument(
        "--save", action="store_true", help="keep the figures in docs/bench.json and docs/bench.md"
    )
    given = parser.parse_args()
    if unknown := set(given.only) - SUBJECTS.keys():
        parser.error(f"no subject: {', '.join(sorted(unknown))}")
    return given


if __name__ == "__main__":
    main()
