"""Run it: `make pressure`, or `python -m tests.pressure --seconds 600 --times 10`."""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import SystemRandom
from typing import Any, Final

from pymongo import MongoClient

from deploy.embedded.paths import CLONE, Home
from tests.faults.checker.folding import fold
from tests.faults.checker.ledger import read_ledger
from tests.faults.checker.observed import inspect
from tests.faults.storm import SERVICES, Rest
from tests.live import LiveStack
from tests.pressure.load import Load, join_partners
from tests.pressure.page import write_page
from tests.pressure.slowness import frozen
from tests.pressure.watching import Pages, Watch, percentiles

AGAIN: Final = 5
"""Of so many letters one is new."""
MEASURED: Final = 1_500
QUIET_S: Final = 15.0
DRAIN_S: Final = 3 * 3600.0
PAGE: Final = CLONE / "docs" / "pressure.md"


def main() -> int:
    """Measure the capacity, press, drain, check, and write what was seen."""
    asked = _arguments()
    with tempfile.TemporaryDirectory(prefix="samraad-pressure-") as folder:
        stack = LiveStack(Path(folder) / "home", Home.from_environment().cache)
        stack.start()
        try:
            measured_run = press(stack, Path(folder), asked)
        finally:
            stack.discard()
    if asked.publish:
        write_page(PAGE, measured_run)
    measured_run.pop("moments")
    print(json.dumps(measured_run, indent=2))  # noqa: T201 - its output
    return 1 if measured_run["findings"] or measured_run["ended"] else 0


def press(stack: LiveStack, folder: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """One run; returns all that was seen."""
    load = Load(join_partners(stack, folder), folder / "ledger", asked.seed)
    _print("sealing, then measuring the capacity")
    mongod = int(stack.status()["mongo"]["pid"])
    measured = max(AGAIN, int(MEASURED * (1 - asked.frozen)))
    load.prepare(measured)
    with frozen(mongod, asked.frozen):
        capacity = _capacity(stack, load, measured)
    rate = min(asked.times * capacity, asked.most)
    _print(f"{capacity:.0f} letters/s; sealing for {asked.seconds:.0f} s at {rate:.0f} letters/s")
    load.prepare(int(rate * asked.seconds / AGAIN))
    paths = {"case page": f"/mediation/cases/{_a_case(stack)}", "inbox": "/notify/inbox"}
    began = time.monotonic()

    def now() -> float:
        return time.monotonic() - began

    with (
        Watch(stack, began) as watch,
        Pages(
            stack,
            began,
            person="sofie",
            paths={"inbox": "/notify/inbox", "triage": "/intake/triage"},
        ) as secretariat,
        Pages(stack, began, person="kira", paths=paths) as coordinator,
    ):
        time.sleep(QUIET_S)
        pressed_at = now()
        with frozen(mongod, asked.frozen):
            sent = load.send_for(asked.seconds, per_second=rate, again=AGAIN)
        drained_from = now()
        _print(f"{sent} letters were sent; draining")
        rested_at = watch.wait_for_rest(DRAIN_S)
        time.sleep(QUIET_S)
        over = now()
    _print(f"drained after {rested_at - drained_from:.0f} s; checking")
    Rest(stack, load.acknowledged).wait(DRAIN_S)
    load.close()
    took = secretariat.took + coordinator.took
    spans = {
        "idle": (0.0, pressed_at),
        "under pressure": (pressed_at, drained_from),
        "draining": (drained_from, rested_at),
        "idle again": (rested_at, over),
    }
    letters = read_ledger(folder / "ledger")
    findings = fold(letters, inspect(stack.status(), services=SERVICES))
    after = Watch(stack, began).pids
    return {
        "commit": _commit(),
        "command": f"make pressure SECONDS={asked.seconds:.0f} TIMES={asked.times:g} "
        f"SEED={asked.seed}" + (f" FROZEN={asked.frozen:g}" if asked.frozen else ""),
        "frozen": asked.frozen,
        "capacity_per_second": round(capacity, 1),
        "offered_per_second": round(sent / (drained_from - pressed_at), 1),
        "seconds": {name: round(end - start, 1) for name, (start, end) in spans.items()},
        "letters": len(letters),
        "acknowledged": sum(each.acknowledged is not None for each in letters),
        "findings": [f"{each.kind}: {each.what}" for each in findings[:50]],
        "ended": [name for name in SERVICES if after[name] != watch.pids[name]],
        "pages": {name: percentiles(took, *span) for name, span in spans.items()},
        "page_failures": secretariat.failures + coordinator.failures,
        "unanswered_looks": watch.unanswered,
        "highest": {
            "rss_mib": _highest([each.rss_mib for each in watch.moments]),
            "lag": _highest([each.lag for each in watch.moments]),
            "outbox_age_s": _highest([each.outbox_age_s for each in watch.moments]),
        },
        "marks": [pressed_at, drained_from, rested_at],
        "moments": watch.moments,
    }


def _print(what: str) -> None:
    print(what, file=sys.stderr, flush=True)  # noqa: T201 - how far it got


def _capacity(stack: LiveStack, load: Load, count: int) -> float:
    """Letters per second that the services take from a backlog, until everything rests."""
    load.send(count // 5, again=AGAIN)  # the first keys, connections and caches
    load.flush()
    with Watch(stack, time.monotonic()) as watch:
        watch.wait_for_rest(DRAIN_S)
        began = watch.now()
        load.send(count, again=AGAIN)
        load.flush()
        return count / (watch.wait_for_rest(DRAIN_S) - began)


def _a_case(stack: LiveStack) -> str:
    uri = Path(stack.status()["mongo"]["inspector_uri_file"]).read_text("utf-8").strip()
    with MongoClient[dict[str, Any]](uri) as mongo:
        found = mongo.mediation.mediations.find_one({"stage": {"$exists": True}})
    assert found is not None
    return str(found["_id"])


def _highest(moments: list[dict[str, Any]]) -> dict[str, Any]:
    names = {name for moment in moments for name in moment}
    return {
        name: round(max(moment.get(name, 0) for moment in moments), 1) for name in sorted(names)
    }


def _commit() -> str:
    asked = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(
        asked, cwd=CLONE, capture_output=True, text=True, check=True
    ).stdout.strip()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.pressure", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="how long it presses")
    parser.add_argument("--times", type=float, default=10, help="times the measured capacity")
    parser.add_argument("--most", type=float, default=2_500, help="letters a second at most")
    parser.add_argument(
        "--frozen",
        type=float,
        default=0.0,
        help="share of the time that the database is frozen while measured and pressed",
    )
    parser.add_argument("--seed", type=int, default=SystemRandom().randrange(10**6))
    parser.add_argument("--publish", action="store_true", help="write docs/pressure.md")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
