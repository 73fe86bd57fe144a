"""Plant every regression in a copy and see its tests fail: `python -m tests.regressions`.

  --rule N      those of one rule alone (may be given again)
  --list        list what there is, and run nothing
  --diff        show what each changes in the code, and run nothing
  --page        write the tables of docs/protocol.md anew, and run nothing
  --beside N    runs side by side (default 2)

One Kafka and one mongod serve all runs. Exit code 1 when a planted regression is not seen by a test
that it names, or a test fails on the code as it is.
"""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from deploy.embedded.paths import CLONE
from tests.regressions.catalogue import REGRESSIONS, Regression
from tests.regressions.planting import AnchorGone, difference, planted
from tests.regressions.running import Verdict, a_copy, brokers, run_tests
from tests.regressions.table import with_tables

Environment = Mapping[str, str]


def main(arguments: Sequence[str]) -> int:
    """Run what was asked for; return how it went."""
    asked = _parse(arguments)
    chosen = [each for each in REGRESSIONS if not asked.rule or each.rule in asked.rule]
    if asked.list:
        for each in chosen:
            _print(f"{each.rule:>2}  {each.name}", *(f"      {test}" for test in each.tests))
        return 0
    if asked.diff:
        for each in chosen:
            _print(f"{each.rule:>2}  {each.name}", difference(CLONE, each.edits))
        return 0
    if asked.page:
        page = CLONE / "docs" / "protocol.md"
        page.write_text(with_tables(page.read_text()))
        return 0
    begun = time.monotonic()
    with brokers() as environment:
        good = _all_fail_as_they_should(chosen, environment, asked.beside)
    _print(f"{time.monotonic() - begun:.0f} s")
    return 0 if good else 1


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.regressions")
    parser.add_argument("--rule", type=int, action="append", help="of one rule alone")
    parser.add_argument("--list", action="store_true", help="list what there is")
    parser.add_argument("--diff", action="store_true", help="show what each changes in the code")
    parser.add_argument("--page", action="store_true", help="write docs/protocol.md anew")
    parser.add_argument("--beside", type=int, default=2, help="runs side by side")
    return parser.parse_args(arguments)


def _all_fail_as_they_should(
    chosen: Sequence[Regression], environment: Environment, beside: int
) -> bool:
    tests = list(dict.fromkeys(test for each in chosen for test in each.tests))
    with a_copy({}) as root:
        as_is = run_tests(root, tests, environment)
    broken = [verdict for verdict in as_is if verdict.outcome != "passed"]
    _print(f"{len(as_is)} tests on the code as it is: {len(broken)} do not pass")
    _print(*(f"   {verdict.test}: {_last_line(verdict)}" for verdict in broken))
    unseen = 0
    with ThreadPoolExecutor(beside) as pool:
        for each, lines, seen in pool.map(lambda one: _plant(one, environment), chosen):
            unseen += not seen
            _print(f"{each.rule:>2}  {each.name}: {'seen' if seen else 'NOT SEEN'}", *lines)
    _print(f"{len(chosen)} regressions planted, {unseen} not seen")
    return not broken and not unseen and len(as_is) == len(tests)


def _plant(each: Regression, environment: Environment) -> tuple[Regression, list[str], bool]:
    try:
        changes = planted(CLONE, each.edits)
    except AnchorGone as gone:
        return each, [f"      {gone}"], False
    begun = time.monotonic()
    with a_copy(changes) as root:
        verdicts = run_tests(root, each.tests, environment)
    took = time.monotonic() - begun
    lines = [f"      {verdict.outcome} {verdict.test}" for verdict in verdicts]
    lines += [f"        {_last_line(verdict)}" for verdict in verdicts if verdict.why]
    failed = [verdict for verdict in verdicts if verdict.outcome == "failed"]
    return each, [*lines, f"        ({took:.0f} s)"], len(failed) == len(each.tests)


def _last_line(verdict: Verdict) -> str:
    lines = [line.strip() for line in verdict.why.splitlines() if line.strip()]
    return lines[0][:160] if lines else verdict.outcome


def _print(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
