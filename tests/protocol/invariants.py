"""What must be so in every state: each check returns a sentence when it is not."""

from collections.abc import Callable
from typing import Final

from tests.protocol.state import Fact, Scenario, State, listed

__all__ = ["NAMES", "broken", "is_delivered", "missing"]

NAMES: Final = {
    "L": "no loss",
    "D": "every effect once",
    "O": "order of effects",
    "P": "a waiting event is never overtaken",
    "T": "order in the topic",
    "N": "each event has its own number",
    "A": "marks, state and outbox agree",
    "G": "nothing published that was not committed",
    "C": "no deadline fires before its time",
}


def broken(s: State, scenario: Scenario, wanted: frozenset[str]) -> tuple[str, str] | None:
    """The first invariant that the state breaks, as (letter, sentence); L is not of one state."""
    for letter, check in _CHECKS:
        if letter in wanted and (sentence := check(s, scenario)):
            return letter, sentence
    return None


def is_delivered(s: State, scenario: Scenario) -> bool:
    """All that was committed is published and settled, and nothing waits.

    The worker upstream has done its work; what staff have not committed is not awaited.
    """
    if s.outbox or (s.writers and s.writers[0].done < len(scenario.plans[0])):
        return False
    if any(fact not in s.topic for fact in s.committed):
        return False
    return not s.workers or (
        not any(s.rows) and all(_is_settled(s, scenario, fact) for fact in s.committed)
    )


def missing(s: State) -> str:
    """Where the facts are that were not delivered."""
    settled = {fact for case in s.cases for fact in case.effects} | s.discarded
    left = [
        fact for fact in s.committed if (fact not in settled if s.workers else fact not in s.topic)
    ]
    return ", ".join(f"{fact} {_place(s, fact)}" for fact in left) or "no one is left to act"


def _place(s: State, fact: Fact) -> str:
    if fact in s.rows[fact.case]:
        return "waits in the parking lot"
    if fact in s.topic:
        return "lies in the topic and is not taken"
    if any(fact in packed for packed in s.outbox):
        return "lies in the outbox"
    return "is nowhere"


def _is_settled(s: State, scenario: Scenario, fact: Fact) -> bool:
    """Its effect is there, or nothing is owed for it."""
    had_effect = fact in s.cases[fact.case].effects
    return had_effect or fact in s.discarded or str(fact) in scenario.unknown


def _doubled(s: State, _: Scenario) -> str:
    for case in s.cases:
        if len(set(case.effects)) < len(case.effects):
            twice = next(fact for fact in case.effects if case.effects.count(fact) > 1)
            return f"{twice} has had its effect twice"
        if case.notes > 1:
            return "the staff action downstream has had its effect twice"
    intents = [fact.intent for fact in s.committed]
    for at, intent in enumerate(intents):
        if intent in intents[:at]:
            first = s.committed[intents.index(intent)]
            return f"one action was committed twice upstream, as {first} and {s.committed[at]}"
    return ""


def _misnumbered(s: State, _: Scenario) -> str:
    numbers = [fact[:2] for fact in s.committed]
    for at, number in enumerate(numbers):
        if number in numbers[:at]:
            return f"two facts carry the number {s.committed[at]}: readers drop the second"
    return ""


def _disordered(s: State, _: Scenario) -> str:
    for case in s.cases:
        for before, after in zip(case.effects, case.effects[1:], strict=False):
            if after.sequence < before.sequence:
                return f"{after} was applied after {before}"
    return ""


def _overtaken(s: State, scenario: Scenario) -> str:
    for last in (case.effects[-1] for case in s.cases if case.effects):
        for fact in s.committed:
            is_before = fact.case == last.case and fact.sequence < last.sequence
            if is_before and not _is_settled(s, scenario, fact):
                return f"{last} was applied although {fact} had not been"
    return ""


def _topic_disordered(s: State, _: Scenario) -> str:
    seen = [0, 0]
    for fact in s.topic:
        if fact.sequence > seen[fact.case] + 1:
            before = f"{'AB'[fact.case]}{fact.sequence - 1}"
            return f"the topic shows {fact} before {before}: {listed(s.topic)}"
        seen[fact.case] = max(seen[fact.case], fact.sequence)
    return ""


def _ghostly(s: State, _: Scenario) -> str:
    for fact in s.topic:
        if fact not in s.committed:
            return f"the topic shows a {fact} that was never committed"
    return ""


def _disagreeing(s: State, scenario: Scenario) -> str:
    if not s.workers:
        return ""
    for offset, fact in enumerate(s.topic[: s.watermark]):
        is_kept = fact in s.rows[fact.case]
        if offset >= scenario.trimmed and not is_kept and not _is_settled(s, scenario, fact):
            return f"the watermark is at {s.watermark}, but {fact} is neither applied nor kept"
    for k, case in enumerate(s.cases if not scenario.unknown and not scenario.trimmed else ()):
        taken = (fact.sequence for fact in (*case.effects, *s.discarded) if fact.case == k)
        last = max(taken, default=0)
        if case.mark != last:
            return f"case {'AB'[k]} has applied up to {last}, but its mark is {case.mark}"
    lost = scenario.staff and s.staff.done and not s.cases[0].notes
    return "the note that staff committed is gone" if lost else ""


_CHECKS: Final[tuple[tuple[str, Callable[[State, Scenario], str]], ...]] = (
    ("D", _doubled),
    ("N", _misnumbered),
    ("O", _disordered),
    ("P", _overtaken),
    ("T", _topic_disordered),
    ("G", _ghostly),
    ("A", _disagreeing),
)
