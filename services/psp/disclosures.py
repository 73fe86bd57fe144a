"""What was disclosed in a case, opened from its encrypted details: whom it names, and what they read.

Law: retsplejeloven section 115. Purpose, necessity and recipients are for those who may open the
case; the items are for the recipients alone, and their reading is logged by itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any, Final

import structlog
from pydantic import ValidationError

from services.psp import domain
from services.psp.domain import PspCase
from services.psp.psp_cases import PSP_CASES
from shared.cases.reading_log import CaseReading, log_reading
from shared.cases.report_details import DetailsFetcher
from shared.contracts.disclosure import Authority, Basis, Disclosure, Form, Item, ItemKind
from shared.contracts.places import ZONE
from shared.engine import Store, Unit
from shared.security.data_keys import KeyDestroyed, NotABlob
from shared.staff.access import Action, Staff
from shared.staff.audit import LegalBasis
from shared.web import N_

__all__ = ["Disclosures", "name_recipients"]

FORMS: Final = {
    Form.PSP: N_("PSP: politi, socialforvaltning og psykiatri"),
    Form.SSP: N_("SSP: skole, socialforvaltning og politi"),
    Form.KSP: N_("KSP: kriminalforsorg, socialforvaltning og politi"),
}
BASES: Final = {
    Basis.SSP_BY_POLICE: N_("Retsplejeloven § 115, stk. 1, nr. 1"),
    Basis.PSP_BY_POLICE: N_("Retsplejeloven § 115, stk. 1, nr. 2"),
    Basis.KSP_BY_POLICE: N_("Retsplejeloven § 115, stk. 1, nr. 3"),
    Basis.BY_OTHERS: N_("Retsplejeloven § 115, stk. 2"),
    Basis.INSTITUTION: N_("Retsplejeloven § 115, stk. 3"),
}
AUTHORITIES: Final = {
    Authority.POLICE: N_("Politi"),
    Authority.SOCIAL_SERVICES: N_("Socialforvaltning"),
    Authority.MUNICIPALITY: N_("Socialforvaltning"),
    Authority.PSYCHIATRY: N_("Psykiatri"),
    Authority.SCHOOL: N_("Skole"),
    Authority.PRISON_SERVICE: N_("Kriminalforsorg"),
    Authority.INSTITUTION: N_("Selvejende institution"),
}
KINDS: Final = {ItemKind.FACT: N_("Faktum"), ItemKind.ASSESSMENT: N_("Vurdering")}

log = structlog.get_logger()


def name_recipients(unit: Unit, case_id: str, details: Mapping[str, Any]) -> None:
    """Open a case to the recipients of its disclosure, in the step that keeps its details."""
    case = PSP_CASES.load(unit, case_id)
    if case is None:
        return
    disclosure = _disclosure_in(details)
    named = () if disclosure is None else (each.authority for each in disclosure.recipients)
    after, facts = domain.name_recipients(case, named)
    if facts:
        PSP_CASES.save(unit, after)
        unit.emit(*facts)


@dataclass(frozen=True, slots=True)
class Disclosures:
    """The disclosures of the cases in a store."""

    store: Store
    details: DetailsFetcher

    async def name_recipients_of_earlier_cases(self) -> None:
        """Open cases whose details were fetched before their recipients were read from them."""
        cases = self.store.db[PSP_CASES.collection]
        earlier = {"details.status": "held", "disclosed_to": None}
        async for document in cases.find(earlier, {"details": 1}):
            case_id = document["_id"]
            try:
                opened = await self.details.read(document) or {}
            except (KeyDestroyed, NotABlob) as error:
                log.warning("disclosure_not_read", case_id=case_id, error=type(error).__name__)
                continue

            def name(unit: Unit, case_id: str = case_id, opened: Any = opened) -> None:
                name_recipients(unit, case_id, opened)

            await self.store.act(f"recipients|{case_id}", {PSP_CASES.collection: [case_id]}, name)

    async def shown(self, case: PspCase, staff: Staff) -> Mapping[str, Any]:
        """Return what the page shows of the disclosure to a person who may open the case.

        Raises:
            PyMongoError: the reading of the items could not be logged, so nothing may be shown.

        """
        nothing: dict[str, Any] = {"disclosure": None, "items": None, "is_damaged": False}
        if not case.is_shared:
            return nothing
        document = await self.store.db[PSP_CASES.collection].find_one(
            {"_id": str(case.case_id)}, {"details": 1}
        )
        try:
            opened = await self.details.read(document) if document else None
        except (KeyDestroyed, NotABlob) as error:
            log.warning("disclosure_not_read", case_id=case.case_id, error=type(error).__name__)
            return nothing | {"is_damaged": True}
        disclosure = _disclosure_in(opened or {})
        if disclosure is None:
            return nothing
        items = None
        if case.is_open_to(staff, Action.READ_DISCLOSED_ITEMS):
            reading = CaseReading(case.case_id, Action.READ_DISCLOSED_ITEMS, LegalBasis.SECTION_115)
            await log_reading(self.store, staff, reading)
            items = [_item(each) for each in disclosure.items]
        return nothing | {"disclosure": _head(disclosure), "items": items}


def _disclosure_in(details: Mapping[str, Any]) -> Disclosure | None:
    """Read it as the contract does; None where there is none, or none that the law knows."""
    try:
        return Disclosure.model_validate(details.get("disclosure"))
    except ValidationError:
        return None


def _head(disclosure: Disclosure) -> dict[str, Any]:
    return {
        "form": FORMS[disclosure.form],
        "basis": BASES[disclosure.basis],
        "purpose": disclosure.purpose,
        "necessity": disclosure.necessity,
        "decided_by": disclosure.decided_by,
        "recipients": [
            (AUTHORITIES[Authority(each.authority)], each.role)
            for each in disclosure.recipients
            if each.authority in set(Authority)
        ],
    }


def _item(item: Item) -> dict[str, Any]:
    day = datetime.combine(item.date, time(12), ZONE)
    return {"what": item.what, "kind": KINDS[item.kind], "source": item.source, "day": day}
