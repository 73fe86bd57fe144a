"""The page of one PSP case: its state, what was disclosed to whom, and the acts that staff may do."""

from pathlib import Path
from typing import Final

from fastapi import APIRouter

from services.psp.commands import COMMANDS
from services.psp.disclosures import Disclosures
from services.psp.domain import RULES, Stage
from services.psp.psp_cases import PSP_CASES
from shared.cases import case_page
from shared.cases.case_page import CasePage
from shared.engine import Store
from shared.staff.access import Action
from shared.staff.audit import LegalBasis
from shared.web import N_

__all__ = ["TEMPLATES", "make_pages"]

TEMPLATES: Final = Path(__file__).parent / "templates"

PAGE: Final = CasePage(
    cases=PSP_CASES,
    process=RULES.process,
    menu="psp",
    heading=N_("PSP"),
    action=Action.READ_PSP_CASE,
    basis=LegalBasis.SECTION_115,
    stages={
        Stage.NOMINATED: N_("Indstillet"),
        Stage.NECESSARY: N_("Nødvendig"),
        Stage.REJECTED: N_("Ikke nødvendig"),
    },
    ended=frozenset({Stage.REJECTED}),
    commands=COMMANDS,
)


def make_pages(store: Store, disclosures: Disclosures) -> APIRouter:
    """Return the routes below `/psp`."""
    return case_page.make_pages(store, PAGE, disclosures.shown)
