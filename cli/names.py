"""The names of cases for people, as far as topics reveal the process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

from shared.contracts.discovery import manifests
from shared.contracts.intake import TriageWaiting
from shared.contracts.processes import Process
from shared.contracts.references import case_reference

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Names", "case_name"]

_PROCESS_OF_TOPIC: Final[Mapping[str, Process]] = {
    topic.name: process
    for each in manifests()
    for topic in each.writes
    if (process := each.process_of(topic.name)) is not None
}


def case_name(case_id: str, topic: str) -> str:
    """Return `KR-7Q2M-04XT`, or `7Q2M-04XT` if the topic does not reveal the process.

    Something that is not a case id is returned as it is.
    """
    return _name(case_id, _PROCESS_OF_TOPIC.get(topic))


class Names:
    """The names of cases; a name has its prefix once any fact has revealed the process."""

    def __init__(self) -> None:
        self._processes: dict[str, Process] = {}
        self._in_triage: set[str] = set()

    def learn(self, subject: str, topic: str, fact_type: str) -> None:
        """Note the process of a fact's subject."""
        process = _PROCESS_OF_TOPIC.get(topic)
        if process is not None:
            self._processes[subject] = process
        elif fact_type == TriageWaiting.type:
            self._in_triage.add(subject)

    def of(self, subject: str) -> str:
        """Return the name of a case, or of a report in triage."""
        process = self._processes.get(subject)
        if process is None and subject in self._in_triage:
            return case_reference(None, UUID(subject))
        return _name(subject, process)


def _name(case_id: str, process: Process | None) -> str:
    try:
        name = case_reference(process, UUID(case_id))
    except ValueError:
        return case_id
    return name if process is not None else name.partition("-")[2]
