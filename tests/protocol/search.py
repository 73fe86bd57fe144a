"""Every reachable state, breadth first; then backwards, for those that can never deliver."""

from array import array
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.protocol import invariants, people, relaying, restoring, ticking, upstream, workers
from tests.protocol.rules import Rules
from tests.protocol.state import Scenario, State, Steps, start
from tests.protocol.ticking import Ticking

__all__ = ["Result", "explore"]


@dataclass(frozen=True)
class Result:
    """What was found; the letter is empty where everything holds."""

    states: int
    letter: str = ""
    sentence: str = ""
    story: list[str] = field(default_factory=list)


class _Step(Protocol):
    """One thing that may happen next."""

    @property
    def story(self) -> str: ...
    @property
    def then(self) -> Any: ...
    @property
    def fault(self) -> bool: ...


class _World(Protocol):
    """What is explored: where it starts, what may happen, and what must hold."""

    def start(self) -> Hashable: ...
    def steps(self, s: Any) -> Iterable[_Step]: ...
    def broken(self, s: Any, wanted: frozenset[str]) -> tuple[str, str] | None: ...
    def is_delivered(self, s: Any) -> bool: ...
    def missing(self, s: Any) -> str: ...


@dataclass(frozen=True)
class _Carrying:
    """From writers by relays to workers."""

    scenario: Scenario
    rules: Rules

    def start(self) -> State:
        return start(self.scenario, lease=self.rules.lease)

    def steps(self, s: State) -> Steps:
        yield from upstream.steps(s, self.scenario, self.rules)
        yield from relaying.steps(s, self.scenario, self.rules)
        yield from workers.steps(s, self.scenario, self.rules)
        yield from people.steps(s, self.scenario, self.rules)
        yield from restoring.steps(s, self.scenario, self.rules)

    def broken(self, s: State, wanted: frozenset[str]) -> tuple[str, str] | None:
        return invariants.broken(s, self.scenario, wanted)

    def is_delivered(self, s: State) -> bool:
        return invariants.is_delivered(s, self.scenario)

    def missing(self, s: State) -> str:
        return invariants.missing(s)


@dataclass(frozen=True)
class _Ticking:
    """From a step that sets a deadline to the fact that it has passed."""

    scenario: Ticking
    rules: Rules

    def start(self) -> ticking.Moment:
        return ticking.start(self.scenario)

    def steps(self, s: ticking.Moment) -> Iterable[ticking.Step]:
        return ticking.steps(s, self.scenario, self.rules)

    def broken(self, s: ticking.Moment, wanted: frozenset[str]) -> tuple[str, str] | None:
        return ticking.broken(s, wanted)

    def is_delivered(self, s: ticking.Moment) -> bool:
        return ticking.is_delivered(s, self.scenario)

    def missing(self, s: ticking.Moment) -> str:
        return ticking.missing(s)


def explore(scenario: Scenario | Ticking, rules: Rules, wanted: frozenset[str]) -> Result:
    """Check each state as it is found; ask for losses ("L") when no other invariant broke."""
    if isinstance(scenario, Ticking):
        return _Search(_Ticking(scenario, rules)).run(wanted)
    return _Search(_Carrying(scenario, rules)).run(wanted)


class _Search:
    def __init__(self, world: _World) -> None:
        self.world = world
        self.steps = world.steps
        self.states: list[Any] = [world.start()]
        self.parents = array("l", [-1])
        self.edges = (array("l"), array("l"))
        """Steps that need no fault, from and to."""

    def run(self, wanted: frozenset[str]) -> Result:
        states, parents, (sources, targets) = self.states, self.parents, self.edges
        index = {states[0]: 0}
        at = 0
        while at < len(states):
            for step in self.steps(states[at]):
                to = index.get(step.then)
                if to is None:
                    to = index[step.then] = len(states)
                    states.append(step.then)
                    parents.append(at)
                    if found := self.world.broken(step.then, wanted):
                        return Result(len(states), *found, self.story_to(to))
                if not step.fault:
                    sources.append(at)
                    targets.append(to)
            at += 1
        lost = self.first_lost() if "L" in wanted else None
        if lost is None:
            return Result(len(states))
        sentence = f"nothing will ever deliver everything: {self.world.missing(states[lost])}"
        return Result(len(states), "L", sentence, self.story_to(lost))

    def first_lost(self) -> int | None:
        """The first state from which no path without faults delivers everything.

        Of those, one where a fact is nowhere any more, or nothing moves, is the clearest story.
        """
        can = self._can_deliver()
        lost = [at for at, reached in enumerate(can) if not reached]
        moving = bytearray(len(self.states))
        for source in self.edges[0]:
            moving[source] = 1
        gone: Iterable[int] = (
            at for at in lost if "nowhere" in self.world.missing(self.states[at])
        )
        at_rest = (at for at in lost if not moving[at])
        return next(iter(gone), next(at_rest, lost[0] if lost else None))

    def _can_deliver(self) -> bytearray:
        before: list[list[int]] = [[] for _ in self.states]
        for source, target in zip(*self.edges, strict=True):
            before[target].append(source)
        can = bytearray(len(self.states))
        todo = [at for at, s in enumerate(self.states) if self.world.is_delivered(s)]
        for at in todo:
            can[at] = 1
        while todo:
            for source in before[todo.pop()]:
                if not can[source]:
                    can[source] = 1
                    todo.append(source)
        return can

    def story_to(self, at: int) -> list[str]:
        """The steps that led there."""
        story: list[str] = []
        while self.parents[at] >= 0:
            before, after = self.states[self.parents[at]], self.states[at]
            story.append(next(step.story for step in self.steps(before) if step.then == after))
            at = self.parents[at]
        return story[::-1]
