"""The acts of a service on its cases: registered once, shown as forms, posted to one route each."""

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar
from uuid import UUID

from fastapi import APIRouter

from shared.cases.commands.command import Command
from shared.cases.commands.forms import Form, Returned, ShownLine, make_form, show_line
from shared.cases.commands.routes import CommandRoute, Show
from shared.cases.commands.runner import ActedOnStore, RegisteredCommand, Runner
from shared.cases.history import ActedOn, Actor
from shared.cases.next_step import Decision
from shared.engine import Rejected, Store
from shared.staff.access import TABLE, Staff
from shared.staff.audit import LegalBasis

__all__ = ["Commands"]

C = TypeVar("C", bound=ActedOn)
A = TypeVar("A", bound=Command)


class Commands(Generic[C]):
    """The acts that staff may do to the cases of a service."""

    def __init__(self, cases: ActedOnStore[C], *, prefix: str, basis: LegalBasis) -> None:
        self._cases = cases
        self._prefix = prefix
        self._basis = basis
        self._registered: dict[str, RegisteredCommand[C]] = {}

    def on(
        self,
        command: type[A],
        rule: Callable[[C, A, Actor], Decision[C]],
        *,
        offered: Callable[[C], bool],
        refusals: Mapping[type[Rejected], str] | None = None,
    ) -> None:
        """Register an act.

        Args:
            command: its declaration.
            rule: pure; gives the new state and the facts, or raises Rejected.
            offered: whether the form is shown on the page of a case.
            refusals: what a page says of each refusal of the rule, in Danish.

        Raises:
            ValueError: the name is taken, or the access table gives no role its right.
            TypeError: a field has no marker.

        """
        if command.name in self._registered:
            raise ValueError(f"there are two commands of the name {command.name}")
        if not any(command.action in actions for actions in TABLE.values()):
            raise ValueError(f"the access table gives nobody {command.action}")
        command.form_fields()
        self._registered[command.name] = RegisteredCommand(
            command=command, rule=rule, offered=offered, refusals=refusals or {}
        )

    def address_of(self, case_id: UUID, revision: int | None = None) -> str:
        """The address of a case's page; with a revision, of what a person has just done."""
        address = f"{self._prefix}/{case_id}"
        return address if revision is None else f"{address}?gemt={revision}"

    def forms(self, case: C, staff: Staff, returned: Returned | None = None) -> list[Form]:
        """The forms of the acts that are offered now, and that this person may do.

        A returned form stands among them as it was filled in, also if it is not offered any more.
        """
        forms = []
        for name, each in self._registered.items():
            back = returned if returned and returned.command is each.command else None
            is_open = each.offered(case)
            allowed = case.is_open_to(staff, each.command.action)
            if allowed and (is_open or back):
                form = make_form(
                    each.command,
                    address=f"{self.address_of(case.case_id)}/{name}",
                    revision=case.revision,
                    values=back.values if back else None,
                    faults=back.faults if back else None,
                    is_open=is_open,
                )
                forms.append(form)
        return forms

    def history(self, case: C, *, after: int = 0) -> list[ShownLine]:
        """What people did in the case after a revision, the latest first."""
        return [
            show_line(line, self._command(line.act))
            for line in reversed(case.history)
            if line.revision > after
        ]

    def done(self, case: C, revision: int, staff: Staff) -> ShownLine | None:
        """The line that tells a person what they did at a revision; None if they did nothing then."""
        for line in case.history:
            if (line.revision, line.by) == (revision, staff.id):
                return show_line(line, self._command(line.act))
        return None

    def shown(
        self, case: C, staff: Staff, returned: Returned | None = None, revision: int = 0
    ) -> dict[str, Any]:
        """What a page shows of the acts on a case: forms, history, what is new, what was done.

        Args:
            case: as it is now.
            staff: who sees it.
            returned: a form that goes back to the person.
            revision: of what the person has just done; 0 if nothing.

        """
        seen = None if returned is None else returned.seen
        return {
            "forms": self.forms(case, staff, returned),
            "history": self.history(case),
            "news": [] if seen is None else self.history(case, after=seen),
            "done": self.done(case, revision, staff) if revision else None,
            "case_address": self.address_of(case.case_id),
            "returned": returned,
        }

    def routes(self, store: Store, show: Show) -> APIRouter:
        """Return the route of each act. `show` renders the page of a case."""
        runner = Runner(
            store=store, cases=self._cases, basis=self._basis, address_of=self.address_of
        )
        router = APIRouter(prefix=self._prefix)
        for each in self._registered.values():
            CommandRoute(runner, each, show, self.address_of).open_on(router)
        return router

    def _command(self, name: str) -> type[Command] | None:
        registered: RegisteredCommand[Any] | None = self._registered.get(name)
        return registered.command if registered else None
