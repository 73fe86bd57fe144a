"""Explore every variant and print one table: `python -m tests.protocol [--stories] [--deep]`.

`--stories` prints each break step by step; `--deep` gives the full protocol one fault more (minutes,
and 1.5 GB a process). Exit code 1 when a variant does something else than in the table.
"""

import gc
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

from tests.protocol.invariants import NAMES
from tests.protocol.search import Result, explore
from tests.protocol.variants import VARIANTS, Variant

ROW = "{:>4} {:46} {:17} {:>8} {:8} {:>5}  {}"


def check(variant: Variant) -> Result:
    """Explore one variant; there are millions of tuples, and no cycles to collect."""
    gc.disable()
    return explore(variant.scenario, variant.rules, variant.wanted)


def _remark(variant: Variant, result: Result) -> str:
    expected = variant.breaks or "holds"
    surprise = "" if result.letter == variant.breaks else f"UNEXPECTED ({expected}): "
    good_for = f"not needed for these; {variant.good_for}" if variant.good_for else ""
    return surprise + (result.sentence if result.letter else good_for)


def _chosen(arguments: Sequence[str]) -> Sequence[Variant]:
    if "--deep" not in arguments:
        return VARIANTS
    full = [each for each in VARIANTS if not each.rule]
    return [_deeper(each) for each in full if "end to end" not in each.scenario.name]


def _deeper(variant: Variant) -> Variant:
    faults = variant.scenario.faults + 1
    return replace(variant, scenario=replace(variant.scenario, faults=faults))


def main(arguments: Sequence[str]) -> int:
    """Print the table; return how it went."""
    begun, surprises, variants = time.monotonic(), 0, _chosen(arguments)
    head = ("rule", "what is left out", "scenario", "states", "verdict", "steps", "how")
    sys.stdout.write(ROW.format(*head) + "\n")
    with ProcessPoolExecutor(2) as pool:
        for variant, result in zip(variants, pool.map(check, variants), strict=True):
            is_surprise = result.letter != variant.breaks
            surprises += is_surprise
            sys.stdout.write(_line(variant, result))
            if result.letter and ("--stories" in arguments or is_surprise):
                sys.stdout.write(_story(result))
            sys.stdout.flush()
    took = time.monotonic() - begun
    sys.stdout.write(f"{len(variants)} variants, {surprises} unexpected, {took:.0f} s\n")
    return 1 if surprises else 0


def _line(variant: Variant, result: Result) -> str:
    verdict = f"BREAKS {result.letter}" if result.letter else "holds"
    rule, steps = variant.rule or "", len(result.story) or ""
    places = (rule, variant.name, variant.scenario.name, result.states, verdict, steps)
    return ROW.format(*places, _remark(variant, result)).rstrip() + "\n"


def _story(result: Result) -> str:
    steps = [f"     {at:2}. {sentence}.\n" for at, sentence in enumerate(result.story, 1)]
    return "".join(steps) + f"      => {NAMES[result.letter]}: {result.sentence}.\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
