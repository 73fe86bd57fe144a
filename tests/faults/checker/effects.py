"""A ledger of facts that a broker acknowledged, folded against what a reader of them made of it.

For a service that counts: each fact is a number of a case, whose effect is one row, one entry in the
case's own document, and one published fact. Pure; imports nothing of the product.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.faults.checker.folding import Finding

__all__ = ["Counted", "judge_counts"]


@dataclass(slots=True)
class Counted:
    """What can be seen of such a service, at rest."""

    documents: Mapping[str, Mapping[str, Any]]
    """Its cases by id."""
    effects: Sequence[tuple[str, int]]
    """Case and number of each row that was ever added."""
    published: Sequence[tuple[str, int, int, bytes]]
    """Case, sequence, number and all bytes of each published record, as each partition holds them."""
    outbox: int = 0
    parked: int = 0
    watermarks: Mapping[int, int] = field(default_factory=dict)
    ends: Mapping[int, int] = field(default_factory=dict)
    """Per partition: its watermark, and the end of the log."""


def judge_counts(acknowledged: Iterable[tuple[str, int]], seen: Counted) -> list[Finding]:
    """Return every finding; `acknowledged` are case and number of each fact, repeats among them."""
    last: dict[str, int] = defaultdict(int)
    for case, number in acknowledged:
        last[case] = max(last[case], number)
    rows = Counter(seen.effects)
    findings = []
    for case, count in last.items():
        wanted = list(range(1, count + 1))
        numbers = list(seen.documents.get(case, {}).get("numbers", []))
        findings += [
            Finding("lost", f"{case}: {number} has no effect")
            for number in wanted
            if not rows[case, number] or number not in numbers
        ]
        findings += [
            Finding("doubled", f"{case}: {number} has {rows[case, number]} effects")
            for number in wanted
            if rows[case, number] > 1 or numbers.count(number) > 1
        ]
        if sorted(numbers) == wanted != numbers:
            findings.append(Finding("order", f"{case}: taken in as {numbers}"))
        marks = set(seen.documents.get(case, {}).get("protocol", {}).get("marks", {}).values())
        if marks != {count}:
            findings.append(Finding("left", f"{case}: marked at {sorted(marks)}, not at {count}"))
    return [*findings, *_unknown_cases(seen, last), *_published(seen, last), *_rest(seen)]


def _unknown_cases(seen: Counted, last: Mapping[str, int]) -> Iterable[Finding]:
    for case, number in set(seen.effects):
        if number > last.get(case, 0):
            yield Finding("doubled", f"{case}: {number} has an effect, and nobody sent it")


def _published(seen: Counted, last: Mapping[str, int]) -> Iterable[Finding]:
    firsts: dict[str, dict[int, tuple[int, bytes]]] = defaultdict(dict)
    for case, sequence, number, content in seen.published:
        known = firsts[case].setdefault(sequence, (number, content))
        if known != (number, content):
            yield Finding("doubled", f"{case}: two facts are published under {sequence}")
    for case, count in last.items():
        numbers = firsts.get(case, {})
        wanted = list(range(1, count + 1))
        if missing := set(wanted) - numbers.keys():
            yield Finding("lost", f"{case}: {sorted(missing)} were not published")
        elif list(numbers) != wanted:
            yield Finding("order", f"{case}: published as {list(numbers)}")
        elif [number for number, _ in numbers.values()] != wanted:
            yield Finding("order", f"{case}: published in another order than it was taken in")


def _rest(seen: Counted) -> Iterable[Finding]:
    if seen.outbox:
        yield Finding("left", f"{seen.outbox} outbox documents")
    if seen.parked:
        yield Finding("left", f"{seen.parked} rows are parked or wait")
    for partition, end in seen.ends.items():
        if seen.watermarks.get(partition, 0) != end:
            yield Finding("left", f"[{partition}] at {seen.watermarks.get(partition, 0)} of {end}")
