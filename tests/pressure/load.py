"""The load: sealed reports of several partners at a rate that waits for nobody, some sent again.

Every letter is in the ledger before it is sent. How many times a report is sent again is no
matter to the ledger's reader: each arrival must be answered, with the first answer.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Final

from tests.faults.checker.ledger import Ledger
from tests.faults.checker.sender import Letter, PartnerClient
from tests.faults.storm import KINDS, PlannedReport, invent, seal_all
from tests.live import LiveStack

__all__ = ["Load", "join_partners"]

_RECENT: Final = 5_000
_TICK_S: Final = 0.02


def join_partners(stack: LiveStack, folder: Path) -> list[Path]:
    """Let three partners in; return their credentials."""
    files = []
    for kind in KINDS:
        files.append(folder / f"{kind}.json")
        added = stack.run(
            "partner", "add", f"pressing-{kind}", "--kind", kind, "--out", str(files[-1])
        )
        assert added.returncode == 0, added.stderr
    return files


class Load:
    """Letters of one seed, sealed ahead, sent in order."""

    def __init__(self, credentials: Sequence[Path], ledger: Path, seed: int) -> None:
        self._ledger = Ledger(ledger)
        large = {"queue.buffering.max.messages": 1_000_000}
        self._clients = [PartnerClient(file, self._ledger, **large) for file in credentials]
        self._by_partner = {client.partner: client for client in self._clients}
        self._dice = Random(seed)  # noqa: S311 - a run that can be repeated
        self._letters: list[Letter] = []
        self._batches = 0
        self._next = 0
        self._sent: list[Letter] = []
        self.acknowledged: Counter[str] = Counter()
        """Letters handed over, by partner; all are acknowledged once `flush` returns."""

    def prepare(self, count: int) -> None:
        """Invent and seal that many reports more, before the first of them is sent."""
        self._batches += 1
        steps = [self._renamed(step) for step in invent(self._dice, count)]
        self._letters += seal_all(steps, self._clients)

    def _renamed(self, step: PlannedReport) -> PlannedReport:
        reference = f"{step.report['reference']}-{self._batches}"
        return replace(step, report={**step.report, "reference": reference})

    def send(self, count: int, *, again: int) -> None:
        """Send letters: of each `again`, one is new (while there are any), the others came before."""
        for _ in range(count):
            new = self._next < len(self._letters) and (
                not self._sent or self._dice.randrange(again) == 0
            )
            if new:
                letter = self._letters[self._next]
                self._next += 1
                if letter.expects == "accepted":
                    self._sent.append(letter)
            else:
                letter = self._dice.choice(self._sent[-_RECENT:])
            self._by_partner[letter.partner].send(letter)
            self.acknowledged[letter.partner] += 1

    def send_for(self, seconds: float, *, per_second: float, again: int) -> int:
        """Send at a rate that does not wait for anybody; returns how many were sent."""
        began, sent = time.monotonic(), 0
        while (passed := time.monotonic() - began) < seconds:
            due = int(passed * per_second) - sent
            self.send(due, again=again)
            sent += due
            time.sleep(_TICK_S)
        self.flush()
        return sent

    def flush(self) -> None:
        """Wait until the broker has taken all."""
        left = sum(client.flush(120) for client in self._clients)
        assert left == 0, f"the broker did not answer for {left} letters"

    def close(self) -> None:
        """Finish the ledger."""
        self._ledger.close()
