"""What a partner's own client knows: what it sent, and what the broker acknowledged.

Append-only JSON lines, written before the send and after each acknowledgement, so the file is true
whatever dies in between. Only the ledger records what must have happened.
"""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

__all__ = ["Expected", "Ledger", "Sent", "read_ledger", "read_planted"]

Expected = Literal["accepted", "rejected", "conflict"]


@dataclass(slots=True, kw_only=True)
class Sent:
    """One record that was handed to the client library."""

    number: int
    partner: str
    reference: str
    process: str | None
    content: str
    """A mark of the opened report: two sends of one report share it, whatever their seals."""
    expects: Expected
    acknowledged: dict[str, Any] | None = field(default=None)
    """Topic, partition and offset as the broker reported them; None where it never answered."""


class Ledger:
    """The writing side."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines = path.open("a", encoding="utf-8")
        self._next = 0
        self._turn = threading.Lock()

    def sent(
        self,
        *,
        partner: str,
        reference: str,
        process: str | None,
        content: str,
        expects: Expected = "accepted",
    ) -> int:
        """Write that a record is about to be sent; returns its number."""
        with self._turn:
            self._next += 1
            number = self._next
            self._write(
                {
                    "sent": number,
                    "partner": partner,
                    "reference": reference,
                    "process": process,
                    "content": content,
                    "expects": expects,
                }
            )
        return number

    def acknowledged(self, number: int, *, topic: str, partition: int, offset: int) -> None:
        """Write that the broker took record `number`."""
        with self._turn:
            self._write({"acked": number, "topic": topic, "partition": partition, "offset": offset})

    def planted(self, *, source: str, case: str, sequence: int) -> None:
        """Write that a fact is about to be written onto a service's topic, as its upstream would."""
        with self._turn:
            self._write({"planted": sequence, "source": source, "case": case})

    def close(self) -> None:
        """Finish the file."""
        self._lines.close()

    def _write(self, line: dict[str, Any]) -> None:
        self._lines.write(json.dumps(line) + "\n")
        self._lines.flush()


def read_ledger(path: Path) -> list[Sent]:
    """Fold a ledger's lines into what was sent; a last line cut short by a crash is no line."""
    sent: dict[int, Sent] = {}
    for line in _whole_lines(path):
        if "sent" in line:
            number = line.pop("sent")
            sent[number] = Sent(number=number, **line)
        elif "acked" in line:
            number = line.pop("acked")
            sent[number].acknowledged = line
    return list(sent.values())


def read_planted(path: Path) -> dict[tuple[str, str], int]:
    """Fold a ledger's lines into the last fact of each case that was planted: (source, case)."""
    last: dict[tuple[str, str], int] = {}
    for line in _whole_lines(path):
        if "planted" in line:
            place = (line["source"], line["case"])
            last[place] = max(last.get(place, 0), line["planted"])
    return last


def _whole_lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").split("\n")[:-1]:
        yield json.loads(line)
