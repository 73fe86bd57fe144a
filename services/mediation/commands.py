"""What staff may do in a mediation. The fields of each act are its form."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Final

from services.mediation import domain
from services.mediation.domain import Mediation, SecondLook
from services.mediation.mediations import MEDIATIONS
from shared.cases.commands import Check, Choice, Command, Commands
from shared.cases.commands.command import Marker
from shared.cases.history import Actor
from shared.cases.next_step import Decision
from shared.contracts.mediation import Clearance, ScreeningResult, Unsuitable
from shared.staff.access import Action
from shared.staff.audit import LegalBasis
from shared.web import N_

__all__ = ["COMMANDS", "SECOND_LOOKS", "Clear", "Screen"]

RESULTS: Final = {
    ScreeningResult.SUITABLE: N_("Egnet"),
    ScreeningResult.SECOND_LOOK: N_("Skal ses på igen"),
    ScreeningResult.UNSUITABLE: N_("Ikke egnet"),
}
REASONS: Final = {
    Unsuitable.NOT_ACKNOWLEDGED: N_("Ikke i det væsentlige erkendt"),
    Unsuitable.NO_HARMED_PARTY: N_("Ingen forurettet, der kan identificeres"),
    Unsuitable.PARTY_NOT_FOUND: N_("En part kan ikke findes"),
    Unsuitable.NOT_SAFE: N_("Aktuel fare eller trusler"),
    Unsuitable.ORDER_NOT_CLEARED: N_(
        "Tilhold, opholdsforbud eller bortvisning, ikke godkendt af politiadvokaten"
    ),
    Unsuitable.RELATION_NOT_CLEARED: N_("Vold i nær relation, ikke afklaret"),
    Unsuitable.CANNOT_TAKE_PART: N_("En part kan ikke deltage"),
    Unsuitable.STILL_GOING_ON: N_("Nye strafbare forhold mellem parterne"),
    Unsuitable.ALREADY_HELD: N_("Konfliktråd er allerede holdt"),
    Unsuitable.WITHDRAWN: N_("Forslaget er trukket tilbage"),
    Unsuitable.OUTSIDE_DISTRICT: N_("Sagen hører til en anden politikreds"),
}
SECOND_LOOKS: Final = {
    SecondLook.ORDER: N_("Tilhold, opholdsforbud eller bortvisning"),
    SecondLook.CLOSE_RELATION: N_("Nær relation mellem parterne"),
    SecondLook.PROTECTED_ADDRESS: N_("Navne- og adressebeskyttelse"),
    SecondLook.OTHER: N_("Andet forhold, der kræver en ny vurdering"),
}


CLEARANCES: Final = {
    Clearance.CLEARED: N_("Godkendt"),
    Clearance.NOT_CLEARED: N_("Ikke godkendt"),
}


class Screen(Command):
    """Assess whether a case is suitable for mediation."""

    name: ClassVar[str] = domain.SCREEN
    action: ClassVar[Action] = Action.SCREEN_MEDIATION_CASE
    title: ClassVar[str] = N_("Egnethedsvurdering")
    button: ClassVar[str] = N_("Gem vurderingen")

    result: Annotated[
        ScreeningResult, Choice(label=N_("Er sagen egnet til konfliktråd?"), options=RESULTS)
    ]
    """What the person came to."""
    code: Annotated[
        Unsuitable | None,
        Choice(
            label=N_("Begrundelse"),
            hint=N_("Kun når sagen ikke er egnet. Sagen afsluttes."),
            options=REASONS,
            when=("result", ScreeningResult.UNSUITABLE),
        ),
    ] = None
    """Why the case is not suitable."""
    ground: Annotated[
        SecondLook | None,
        Choice(
            label=N_("Hvad skal ses på igen?"),
            hint=N_("Kun når sagen skal ses på igen. Fristen løber videre."),
            options=SECOND_LOOKS,
            when=("result", ScreeningResult.SECOND_LOOK),
        ),
    ] = None
    """Why the case must be looked at again."""

    former: ClassVar[Mapping[str, Marker]] = {
        "cleared": Check(label=N_("Politiadvokaten har godkendt det skriftligt"))
    }


class Clear(Command):
    """Say whether a case may go on in spite of an order in force."""

    name: ClassVar[str] = "clear"
    action: ClassVar[Action] = Action.CLEAR_MEDIATION_CASE
    title: ClassVar[str] = N_("Politiadvokatens vurdering")
    button: ClassVar[str] = N_("Gem vurderingen")
    help: ClassVar[str] = N_(
        "Der er tilhold, opholdsforbud eller bortvisning. Sagen kan kun gå videre, hvis du godkender"
        " det. Ingen må kontakte den ene part på den andens vegne."
    )

    result: Annotated[Clearance, Choice(label=N_("Må sagen gå videre?"), options=CLEARANCES)]
    """What the police lawyer came to."""


def _screen(mediation: Mediation, act: Screen, by: Actor) -> Decision[Mediation]:
    return domain.screen(mediation, act.result, by=by, code=act.code, ground=act.ground)


def _clear(mediation: Mediation, act: Clear, _: Actor) -> Decision[Mediation]:
    return domain.clear(mediation, act.result)


COMMANDS: Final = Commands[Mediation](
    MEDIATIONS, prefix="/mediation/cases", basis=LegalBasis.MEDIATION_ACT
)
COMMANDS.on(
    Screen,
    _screen,
    offered=lambda mediation: bool(domain.NEXT[mediation.stage]),
    refusals={
        domain.WrongStage: N_("Egnetheden er allerede vurderet."),
        domain.NeedsSecondLook: N_(
            "En part har navne- og adressebeskyttelse. Sagen skal ses på igen, før den kan være"
            " egnet."
        ),
        domain.NotCleared: N_(
            "Der er tilhold, opholdsforbud eller bortvisning. Sagen kan først være egnet, når"
            " politiadvokaten har godkendt det."
        ),
        domain.SamePerson: N_(
            "Du bad selv om, at sagen bliver set på igen. En anden koordinator eller lederen skal"
            " gøre det."
        ),
    },
)
COMMANDS.on(
    Clear,
    _clear,
    offered=lambda mediation: mediation.awaits_clearance,
    refusals={
        domain.NothingToClear: N_(
            "Sagen beder ikke om din vurdering, eller den er allerede gemt sådan."
        )
    },
)
