"""The page of one mediation: its state and parties, without names."""

from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter

from services.mediation.domain import RULES, Mediation, Side, Stage
from services.mediation.mediations import MEDIATIONS
from shared.cases import case_page
from shared.cases.case_page import CasePage
from shared.engine import Store
from shared.staff.access import Action
from shared.staff.audit import LegalBasis
from shared.web import N_

__all__ = ["TEMPLATES", "make_pages"]

TEMPLATES: Final = Path(__file__).parent / "templates"

SIDES: Final = {
    Side.HARMED: N_("Forurettedes side"),
    Side.RESPONSIBLE: N_("Gerningspersonens side"),
}


def _sides(mediation: Mediation) -> dict[str, Any]:
    return {"sides": [(side, words, mediation.on_side(side)) for side, words in SIDES.items()]}


PAGE: Final = CasePage(
    cases=MEDIATIONS,
    process=RULES.process,
    menu="mediation",
    heading="Konfliktråd",
    action=Action.READ_MEDIATION_CASE,
    basis=LegalBasis.MEDIATION_ACT,
    stages={Stage.PROPOSED: N_("Foreslået")},
    more=_sides,
)


def make_pages(store: Store) -> APIRouter:
    """Return the routes below `/mediation`."""
    return case_page.make_pages(store, PAGE)
