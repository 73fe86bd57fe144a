"""Facts that the rig writes onto the topics itself, as a broken upstream would.

Cases of their own, so that the promise stays sharp: whatever is out of order, doubled, or can
never succeed, in the end each of their facts had its effect once and in order, or was given up by
the operator who is played here.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any, Final
from uuid import UUID

import httpx
from confluent_kafka import Producer

from tests.faults.checker.ledger import Ledger
from tests.faults.checker.sender import Letter, PartnerClient

__all__ = ["Operator", "PlantedFact", "Planter", "plant", "send_garbage"]

_PROCESSES: Final = ("mediation", "psp")
_POISONS: Final = (b"{", None, b'{"case_id": 7}', b"[" * 2_000)
_PATIENCE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class PlantedFact:
    """One record to be written, at a moment of the run."""

    at_s: float
    topic: str
    case: str
    sequence: int | None
    type: str
    value: bytes | None

    @property
    def source(self) -> str:
        """The stream that it belongs to."""
        return "/" + self.topic.replace(".", "/")

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        """The envelope, but for what is missing on purpose."""
        fields = {
            "ce_specversion": "1.0",
            "ce_id": f"{self.case}-{self.sequence}",
            "ce_source": self.source,
            "ce_type": self.type,
            "ce_time": "2026-11-20T08:00:00Z",
            "ce_subject": self.case,
            "content-type": "application/json",
        }
        if self.sequence is not None:
            fields |= {"ce_sequence": f"{self.sequence:010d}", "ce_sequencetype": "Integer"}
        return [(name, value.encode()) for name, value in fields.items()]


def plant(dice: Random, cases: int, seconds: float) -> list[PlantedFact]:
    """Invent the facts of some cases: swapped, doubled, with poison among them."""
    facts: list[PlantedFact] = []
    for _ in range(cases):
        process, case = dice.choice(_PROCESSES), str(UUID(int=dice.getrandbits(128), version=4))
        topic, begins = f"intake.cases.{process}", dice.uniform(0.5, seconds * 0.7)
        events = list(_facts_of(dice, process, case))
        for sequence, (type_, value) in enumerate(events, start=1):
            at = begins + sequence * 0.3 + dice.uniform(0, 1.5)
            fact = PlantedFact(at, topic, case, sequence, type_, value)
            facts += [fact] * (2 if dice.random() < 0.3 else 1)
        if dice.random() < 0.15:
            facts.append(PlantedFact(begins, topic, case, None, "intake.case_noted.v1", b"{}"))
    return sorted(facts, key=lambda fact: fact.at_s)


def _facts_of(dice: Random, process: str, case: str) -> Iterator[tuple[str, bytes | None]]:
    opening = "intake.case_opened.v1"
    if dice.random() < 0.25:
        yield opening, dice.choice(_POISONS)
    yield opening, json.dumps(_opening(process, case)).encode()
    for _ in range(dice.randrange(4)):
        yield "intake.case_noted.v1", json.dumps({"case_id": case}).encode()


def _opening(process: str, case: str) -> dict[str, Any]:
    return {
        "case_id": case,
        "process": process,
        "municipality": "0630",
        "patrol_centre": "north",
        "psychiatry_region": "syddanmark",
        "reported_at": "2026-11-20T08:00:00Z",
        "occurred_at": "2026-11-19T20:00:00Z",
        "reporter_kind": "school",
        "parties": [],
    }


class Planter:
    """Writes onto the services' topics with the administrator's login."""

    def __init__(self, login: dict[str, str], ledger: Ledger) -> None:
        self._ledger = ledger
        self._producer = Producer(
            {
                **login,
                "acks": "all",
                "enable.idempotence": True,
                "message.timeout.ms": 120_000,
                "log_level": 0,
            }
        )

    def put(self, fact: PlantedFact) -> None:
        """Write one; the ledger knows of it first."""
        self._ledger.planted(source=fact.source, case=fact.case, sequence=fact.sequence or 0)
        self.put_raw(fact.topic, fact.case.encode(), fact.value, fact.headers)

    def put_raw(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Any,
        partition: int = -1,
    ) -> None:
        """Write any record; the library chooses the partition if none is given."""
        self._producer.produce(topic, value, key=key, headers=headers, partition=partition)
        self._producer.poll(0)

    def flush(self) -> None:
        """Wait until the broker has all."""
        assert self._producer.flush(120) == 0, "the broker did not take what was planted"


def send_garbage(dice: Random, client: PartnerClient, number: int) -> None:
    """Let a partner send what is no letter: answered by a refusal where an answer has an address."""
    value = dice.choice((b"{", None, b"\x00" * 40, b"a.b.c.d.e"))
    if dice.random() < 0.3:
        client.produce(value, key=None, headers=[])
        return
    letter = Letter(
        partner=client.partner,
        reference=f"G-{number:06d}",
        process=None,
        content=f"garbage {number}",
        expects="rejected",
        value=value,  # type: ignore[arg-type]  # None is garbage too
    )
    client.send(letter)


class Operator:
    """Looks at what is parked, tries each once more, and gives up what can never succeed."""

    def __init__(
        self, urls: dict[str, list[str]], token_of: Callable[[str], str], dice: Random
    ) -> None:
        self._urls = urls
        self._token_of = token_of
        """The addresses of each service's processes."""
        self._dice = dice
        self._client = httpx.Client(timeout=_PATIENCE_S)
        self.done: Counter[str] = Counter()

    def round(self) -> int | None:
        """Act on everything once; returns how much was parked, None where nobody answered."""
        parked = 0
        for service in self._urls:
            try:
                rows = self._ask(service, "GET", "/operator/parked").json()
            except (httpx.HTTPError, ValueError):
                return None
            for row in rows:
                if row["state"] == "waiting":
                    continue
                parked += 1
                with suppress(httpx.HTTPError):
                    self._act(service, row["id"])
        return parked

    def _act(self, service: str, row_id: str) -> None:
        redriven = self._ask(service, "POST", "/operator/redrive", {"id": row_id})
        self.done["redriven"] += redriven.is_success
        given_up = {"id": row_id, "reason": "the rig planted it"}
        discarded = self._ask(service, "POST", "/operator/discard", given_up)
        self.done["discarded"] += discarded.is_success

    def _ask(
        self, service: str, method: str, path: str, body: dict[str, str] | None = None
    ) -> httpx.Response:
        url = self._dice.choice(self._urls[service])
        headers = {"Authorization": f"Bearer {self._token_of(service)}"}
        return self._client.request(method, url + path, json=body, headers=headers)

    def close(self) -> None:
        """End it."""
        self._client.close()
