"""What staff may do in a PSP case. The fields of each act are its form."""

from typing import Annotated, ClassVar, Final

from services.psp import domain
from services.psp.domain import PspCase, Stage
from services.psp.psp_cases import PSP_CASES
from shared.cases.commands import Choice, Command, Commands
from shared.cases.history import Actor
from shared.cases.next_step import Decision
from shared.contracts.psp import NecessityResult
from shared.staff.access import Action
from shared.staff.audit import LegalBasis
from shared.web import N_

__all__ = ["COMMANDS", "JudgeNecessity"]

RESULTS: Final = {
    NecessityResult.NECESSARY: N_("Ja, det er nødvendigt"),
    NecessityResult.NOT_NECESSARY: N_("Nej, sagen afsluttes, og intet deles"),
}


class JudgeNecessity(Command):
    """Judge whether it is necessary to share a case in the co-operation."""

    name: ClassVar[str] = "judge-necessity"
    action: ClassVar[Action] = Action.JUDGE_NECESSITY
    title: ClassVar[str] = N_("Nødvendighed")
    button: ClassVar[str] = N_("Gem afgørelsen")
    help: ClassVar[str] = N_(
        "Et nej kræver ingen grund og bliver ikke rykket. Derefter kan ingen læse videregivelsen."
    )

    result: Annotated[
        NecessityResult,
        Choice(
            label=N_("Er det nødvendigt, at sagen deles i PSP-samarbejdet?"),
            options=RESULTS,
        ),
    ]
    """What the person came to."""


def _judge(case: PspCase, act: JudgeNecessity, _: Actor) -> Decision[PspCase]:
    return domain.judge_necessity(case, act.result)


COMMANDS: Final = Commands[PspCase](PSP_CASES, prefix="/psp/cases", basis=LegalBasis.SECTION_115)
COMMANDS.on(
    JudgeNecessity,
    _judge,
    offered=lambda case: case.stage is Stage.NOMINATED,
    refusals={domain.AlreadyJudged: N_("Nødvendigheden er allerede vurderet.")},
)
