"""The page of one PSP case: its state, what was disclosed to whom, and the acts that staff may do."""

from pathlib import Path
from typing import Final

from fastapi import APIRouter

from services.psp.commands import COMMANDS
from services.psp.disclosures import Disclosures
from services.psp.domain import RULES, PspCase, Stage
from services.psp.psp_cases import PSP_CASES
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


def _names(case: PspCase) -> tuple[NamesSide, ...]:
    return (NamesSide("subject", tuple(party.party_id for party in case.parties)),)


def _is_named(case: PspCase, staff: Staff) -> bool:
    """Whether the disclosure names the person's authority, while what it discloses may be read."""
    return case.is_shared and case.is_open_to(staff, Action.READ_DISCLOSED_ITEMS)


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
    names=CaseNames(
        action=Action.READ_PSP_NAMES,
        sides=_names,
        parties=lambda case: case.parties,
        purposes=(
            Purpose.JUDGE_NECESSITY,
            Purpose.PREPARE_MEETING,
            Purpose.CORRECT_PEOPLE,
            Purpose.OTHER,
        ),
        named=_is_named,
    ),
)


def make_pages(store: Store, disclosures: Disclosures, signer: Signer) -> APIRouter:
    """Return the routes below `/psp`."""
    return case_page.make_pages(store, PAGE, disclosures.shown, signer)
