"""What staff may do with a report. The fields of each act are its form."""

from typing import Annotated, ClassVar, Final

from services.intake import danger
from services.intake.danger import DeskReport
from services.intake.desk_reports import DESK_REPORTS
from shared.cases.commands import Choice, Command, Commands
from shared.cases.history import Actor
from shared.cases.next_step import Decision
from shared.contracts.intake import DangerNote
from shared.staff.access import Action
from shared.staff.audit import LegalBasis
from shared.web import N_

__all__ = ["COMMANDS", "NOTES", "NoteDanger"]

NOTES: Final = {
    DangerNote.CALLED_112: N_("112 ringet op"),
    DangerNote.NO_DANGER: N_("Vurderet: ingen fare"),
}


class NoteDanger(Command):
    """Note that 112 was called, or that there is no danger to life."""

    name: ClassVar[str] = "note-danger"
    action: ClassVar[Action] = Action.NOTE_DANGER
    title: ClassVar[str] = N_("Fare for liv")
    button: ClassVar[str] = N_("Gem noteringen")
    help: ClassVar[str] = N_(
        "Ring 112 først. Kun et noteret opkald eller »ingen fare« stopper alarmen. Dit navn og"
        " tidspunktet bliver gemt."
    )

    note: Annotated[DangerNote, Choice(label=N_("Hvad er der gjort?"), options=NOTES)]
    """What was done."""


def _note(report: DeskReport, act: NoteDanger, _: Actor) -> Decision[DeskReport]:
    return danger.note_danger(report, act.note)


COMMANDS: Final = Commands[DeskReport](
    DESK_REPORTS, prefix="/intake/triage", basis=LegalBasis.PREVENTION
)
COMMANDS.on(
    NoteDanger,
    _note,
    offered=lambda report: report.says_danger and bool(danger.NEXT[report.noted]),
    refusals={
        danger.NotAboutDanger: N_("Henvendelsen siger ikke noget om fare for liv."),
        danger.NotedAlready: N_("Det er allerede noteret."),
    },
)
