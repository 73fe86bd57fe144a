"""The parked rows of the services, and what the commands on them share."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

import httpx
import typer

from cli.names import case_name
from cli.reach import SERVICES, Exit, say, stop

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cli.reach import Running

__all__ = [
    "OfService",
    "Parked",
    "Yes",
    "ask_all",
    "case_of",
    "confirm",
    "moment",
    "of_one_service",
    "parked_rows",
]

PAGE = 1_000
"""Rows in one answer of a service."""

OfService = Annotated[
    str | None,
    typer.Option("--service", metavar="NAME", help=f"Only one of {', '.join(SERVICES)}."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@dataclass(frozen=True, slots=True)
class Parked:
    """One parked row of one service."""

    service: str
    row: dict[str, Any]

    @property
    def id(self) -> str:
        """Its id, within its service."""
        return str(self.row["id"])

    @property
    def case_id(self) -> str | None:
        """The parked case; None for a record that belongs to no case."""
        case_id = self.row.get("case_id")
        return None if case_id is None else str(case_id)

    @property
    def case(self) -> str:
        """The name of the case, for people."""
        return "no case" if self.case_id is None else case_of(self.row)

    @property
    def behind(self) -> int:
        """The number of events of the case that wait behind it."""
        return int(self.row["behind"])

    @property
    def since(self) -> str:
        """When it was parked, for people."""
        return moment(self.row["at"])


def case_of(row: dict[str, Any]) -> str:
    """Return the name of a row's case, for people."""
    return case_name(str(row["case_id"]), str(row.get("topic")))


def moment(at: object) -> str:
    """Format a time for people, in the local zone."""
    return f"{datetime.fromisoformat(str(at)).astimezone():%Y-%m-%d %H:%M:%S}"


def ask_all(running: Running, service: str | None, path: str) -> tuple[dict[str, Any], list[str]]:
    """Return each service's answer (or one service's), and the names of those without an answer."""
    if service is not None and service not in SERVICES:
        stop(f"The services are {', '.join(SERVICES)}.", Exit.WRONG_USE)
    names = SERVICES if service is None else (service,)
    answers: dict[str, Any] = {}
    silent = []
    for name in names:
        try:
            answer = running.ask(name, "GET", path)
        except (httpx.TransportError, OSError):
            silent.append(name)
            continue
        if not answer.is_success:
            stop(f"{name} answered {answer.status_code}.", Exit.REFUSED)
        answers[name] = answer.json()
    if not answers:
        stop("No service answers: see `samraad status`.", Exit.NOT_RUNNING)
    for name in silent:
        say(f"{name} does not answer: what is parked or halted there is not shown.")
    return answers, silent


def parked_rows(
    running: Running, service: str | None, *, cause: str | None = None
) -> tuple[list[Parked], list[str]]:
    """Return the parked rows of all services (or of one), and the services without an answer."""
    chosen = {} if cause is None else {"cause": cause}
    pages, silent = ask_all(running, service, f"/parked?{urlencode(chosen)}")
    rows = []
    for name, page in pages.items():
        rows += [Parked(name, row) for row in _whole(running, name, page, chosen)]
    return rows, silent


def _whole(
    running: Running, service: str, page: list[dict[str, Any]], chosen: dict[str, str]
) -> Iterator[dict[str, Any]]:
    seen = 0
    while page:
        yield from page
        seen += len(page)
        if len(page) < PAGE:
            return
        page = running.request(service, "GET", f"/parked?{urlencode({**chosen, 'skip': seen})}")


def confirm(question: str, *, yes: bool) -> None:
    """Ask for confirmation, or end the command."""
    if not yes and not typer.confirm(question):
        stop("Nothing was done.", Exit.FAILED)


def of_one_service(rows: Iterable[Parked], nothing: str) -> list[Parked]:
    """Return the rows, which must belong to one service, or end the command."""
    found = list(rows)
    if not found:
        stop(nothing, Exit.FAILED)
    services = list(dict.fromkeys(one.service for one in found))
    if len(services) > 1:
        names = ", ".join(services)
        stop(f"It is parked at {names}: choose one with --service.", Exit.WRONG_USE)
    return found
