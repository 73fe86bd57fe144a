"""The page of one mediation: its state, the acts that staff may do, its history, and no names."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter

from services.mediation.commands import COMMANDS, SECOND_LOOKS
from services.mediation.domain import RULES, Mediation, Side, Stage
from services.mediation.mediations import MEDIATIONS
from shared.cases import case_page
from shared.cases.ask_names import CaseNames, NamesSide
from shared.cases.case_page import CasePage
from shared.engine import Store
from shared.security.signatures import Signer
from shared.staff.access import Action, Staff
from shared.staff.audit import LegalBasis
from shared.web import N_
from shared.web.purposes import Purpose

__all__ = ["TEMPLATES", "make_pages"]

TEMPLATES: Final = Path(__file__).parent / "templates"

SIDES: Final = {
    Side.HARMED: N_("Forurettedes side"),
    Side.RESPONSIBLE: N_("Gerningspersonens side"),
}


STAGES: Final[Mapping[StrEnum, str]] = {
    Stage.PROPOSED: N_("Foreslået"),
    Stage.SCREENING: N_("Skal ses på igen"),
    Stage.CONTACT: N_("Egnet"),
    Stage.CLOSED: N_("Afsluttet"),
}


def _more(mediation: Mediation) -> dict[str, Any]:
    return {
        "sides": [(side, words, mediation.on_side(side)) for side, words in SIDES.items()],
        "second_looks": [SECOND_LOOKS[ground] for ground in mediation.second_look],
    }


def _names(mediation: Mediation) -> tuple[NamesSide, ...]:
    return tuple(
        NamesSide(side.value, tuple(party.party_id for party in mediation.on_side(side)))
        for side in Side
    )


def _is_named(mediation: Mediation, staff: Staff) -> bool:
    """Whether the case names the person: its mediator, once it is allocated."""
    return staff.id in mediation.circle.named


PAGE: Final = CasePage(
    cases=MEDIATIONS,
    process=RULES.process,
    menu="mediation",
    heading=N_("Konfliktråd"),
    action=Action.READ_MEDIATION_CASE,
    basis=LegalBasis.MEDIATION_ACT,
    stages=STAGES,
    ended=frozenset({Stage.CLOSED}),
    more=_more,
    commands=COMMANDS,
    names=CaseNames(
        action=Action.READ_MEDIATION_NAMES,
        sides=_names,
        parties=lambda case: case.parties,
        purposes=(
            Purpose.ARRANGE_MEETING,
            Purpose.ASK_CONSENT,
            Purpose.SEND_LETTER,
            Purpose.CORRECT_PEOPLE,
            Purpose.OTHER,
        ),
        named=_is_named,
    ),
)


def make_pages(store: Store, signer: Signer) -> APIRouter:
    """Return the routes below `/mediation`."""
    return case_page.make_pages(store, PAGE, signer=signer)
