"""How a page of a case asks for names: closed until somebody opens the form, one side at a time.

The page itself never holds a name. When the form of purposes is opened, the service signs a grant for
this person, session, case and side; the form posts it to intake, into a named frame of the page or a
tab. What the frame shows, no script of the page can read.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

from shared.cases.next_step import AwaitsStep
from shared.contracts.intake import Party
from shared.security.grants import MOST_PARTIES, Grant, sign_grant
from shared.security.signatures import Signer
from shared.staff.access import Action, Staff, may
from shared.web.purposes import NEEDS_REASON, PURPOSES, Purpose

__all__ = ["AskedNames", "CaseNames", "NamesForm", "NamesSide", "OpenedForm", "ask_names"]

C = TypeVar("C", bound=AwaitsStep)
MOST_REASON = 300
"""Characters of a typed reason."""


class NamesSide(NamedTuple):
    """One side of a case, whose names are asked for apart."""

    code: str
    parties: tuple[UUID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseNames(Generic[C]):
    """How a service's cases ask for names."""

    action: Action
    """The right to read them. Intake asks its own table for the same right."""
    sides: Callable[[C], Sequence[NamesSide]]
    """The sides of a case, with their parties."""
    parties: Callable[[C], Sequence[Party]]
    """All parties of a case."""
    purposes: tuple[Purpose, ...]
    """What the form offers."""
    named: Callable[[C, Staff], bool]
    """Whether a case names the member of staff."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedForm:
    """What a person typed into a form that is opened again."""

    side: str
    purpose: str = ""
    reason: str = ""


class Addressee(NamedTuple):
    """Somebody of the side to whom a letter may be written, by role."""

    party_id: UUID
    role: str


class NamesForm(NamedTuple):
    """An open form."""

    grant: str
    addressees: tuple[Addressee, ...]
    """To whom a letter may be made under the grant; nobody where letters are not offered."""
    purposes: tuple[tuple[str, str], ...]
    """Code and words of each."""
    explained: tuple[str, ...]
    """The purposes that need a reason."""
    chosen: str
    reason: str


class AskedNames(NamedTuple):
    """What the page shows of one side: a link that opens the form, or the open form."""

    side: str
    form: NamesForm | None


def ask_names(
    names: CaseNames[C], case: C, staff: Staff, signer: Signer, opened: OpenedForm | None = None
) -> dict[str, AskedNames]:
    """Return what the page of a case shows for each side; nothing for who may not read names."""
    is_named = names.named(case, staff)
    named = (staff.id,) if is_named else ()
    place, circle = case.municipality, case.circle
    if not may(staff, names.action, municipality=place, named=named, circle=circle):
        return {}
    asked = {}
    for side in names.sides(case):
        if not side.parties:
            continue
        form = None
        if opened is not None and opened.side == side.code:
            grant = Grant(
                staff_id=staff.id,
                session=staff.session,
                case_id=case.case_id,
                parties=tuple(dict.fromkeys(side.parties))[:MOST_PARTIES],
                side=side.code,
                purposes=names.purposes,
                named=is_named,
            )
            form = NamesForm(
                grant=sign_grant(signer, grant),
                addressees=_addressees(names, case, grant),
                purposes=tuple((code.value, PURPOSES[code]) for code in names.purposes),
                explained=tuple(code.value for code in names.purposes if code in NEEDS_REASON),
                chosen=opened.purpose,
                reason=opened.reason[:MOST_REASON],
            )
        asked[side.code] = AskedNames(side.code, form)
    return asked


def _addressees(names: CaseNames[C], case: C, grant: Grant) -> tuple[Addressee, ...]:
    if Purpose.SEND_LETTER not in names.purposes:
        return ()
    parties = {party.party_id: party for party in names.parties(case)}
    return tuple(Addressee(one, str(parties[one].role)) for one in grant.parties if one in parties)
