"""The details of a report, beside people and text: one small model per process.

No field is required: a partner sends what it knows, and `{}` is valid. The service that owns the
process asks for what is missing. Details stay with intake, and the owning service
fetches them once; they are never in a fact.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import Field

from shared.contracts.fields import Day, Sealed, ShortText
from shared.contracts.processes import Process

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "DETAILS",
    "Acknowledgement",
    "ConcernDetails",
    "Details",
    "HonourDetails",
    "Informed",
    "MediationDetails",
    "PspDetails",
    "Sign",
    "SspDetails",
    "TriageDetails",
    "YouthBoardDetails",
    "YouthCouncilDetails",
    "details_of",
]

Count = Annotated[int, Field(ge=0, le=10_000)]
Names = Annotated[tuple[ShortText, ...], Field(strict=False, max_length=50)]


class Sign(StrEnum):
    """What marks those whom PSP is for, as the district's own page lists it."""

    CRIME = "crime"
    """Is involved in crime."""
    MISUSE = "misuse"
    """Misuses alcohol or drugs heavily."""
    THREATENING = "threatening"
    """Behaves in a threatening, aggressive or violent way."""
    ADMISSIONS = "admissions"
    """Has been admitted to psychiatry several times."""
    RISK_OF_LOSING_HOME = "risk_of_losing_home"
    """May lose the home, by behaviour or for want of money."""
    CHILDREN = "children"
    """Has children or family who need help."""
    NO_ILLNESS_INSIGHT = "no_illness_insight"
    """Does not see their own illness and social situation."""
    INVISIBLE = "invisible"
    """Is seen by nobody, and in danger of perishing at home."""


class ConcernKind(StrEnum):
    """What gave rise to a concern."""

    INCIDENT = "incident"
    """Something that happened."""
    COMPANY = "company"
    """Whom the young person is with."""
    BEHAVIOUR = "behaviour"
    """How the young person behaves."""


class BoardReferral(StrEnum):
    """Who refers to the youth crime board: the police for 10-14, the court for 15-17."""

    POLICE = "police"
    """The police refer: ages 10-14."""
    COURT = "court"
    """The court refers with its sentence: ages 15-17."""
    RELEASE = "release"
    """A young person is about to be released."""


class Acknowledgement(Sealed):
    """Whether the act was in the main admitted (lov 467/2009 § 2 (3)), and the source of that."""

    given: bool
    source: ShortText
    """An authority such as `police`, `prosecution` or `court`."""
    date: Day | None = None


class Informed(Sealed):
    """Whether the person was informed and asked. Not a condition under § 115, but a question."""

    told: bool | None = None
    consented: bool | None = None
    why_not: ShortText | None = None


class Details(Sealed):
    """Details that any report may have."""

    danger_to_life: bool | None = None
    """Somebody may be in danger. Emergencies go to 112; this only sorts triage."""
    police_reference: ShortText | None = None
    """The number in the police's own case system."""
    interpreter: ShortText | None = None
    """The language that a party needs."""


class MediationDetails(Details):
    """Konfliktråd: is there an acknowledgement, of what, and when is the trial."""

    acknowledgement: Acknowledgement | None = None
    offence: ShortText | None = None
    """A code such as `violence`, `threats`, `theft`, `vandalism`, `robbery`, `burglary`."""
    trial_date: Day | None = None
    restraining_order: bool | None = None
    """Whether a tilhold, opholdsforbud or bortvisning is part of it."""
    close_relation: bool | None = None
    """Whether the parties are or were close: safety is then assessed first."""


class PspDetails(Details):
    """PSP: why one authority cannot solve it alone."""

    signs: Annotated[
        tuple[Annotated[Sign, Field(strict=False)], ...], Field(strict=False, max_length=20)
    ] = ()
    authorities: Names = ()
    """Who knows the citizen already."""
    daily_reports: Count | None = None
    """How often the citizen stood in the police's daily report in the last three months."""
    informed: Informed | None = None
    answer_wanted_by: Day | None = None


class SspDetails(Details):
    """SSP: school, social services and police about a child or young person."""

    setting: ShortText | None = None
    """Where the concern was observed: `school`, `club`, `street`, `home`, `online`."""
    authorities: Names = ()
    informed: Informed | None = None


class ConcernDetails(Details):
    """A concern that may lead to a talk or a letter; attending is never a duty."""

    cause: Annotated[ConcernKind, Field(strict=False)] | None = None
    parents_informed: bool | None = None
    parents_not_first: bool | None = None
    """The parents must not be contacted before somebody has looked at it."""
    earlier_talks: Count | None = None


class YouthCouncilDetails(Details):
    """Ungesamråd: coordination of a criminal case with a young person of 14-18."""

    offence: ShortText | None = None
    charged_on: Day | None = None
    trial_date: Day | None = None
    defence_informed: bool | None = None
    authorities: Names = ()


class YouthBoardDetails(Details):
    """Ungdomskriminalitetsnævnet: the referral alone, never the municipality's examination."""

    referred_by: Annotated[BoardReferral, Field(strict=False)] | None = None
    offence: ShortText | None = None
    decided_on: Day | None = None
    """When it was decided to refer, or when the sentence was given."""
    municipality_told: bool | None = None


class HonourDetails(Details):
    """Honour: how somebody can be reached without putting them in danger."""

    relatives_may_know: bool | None = None
    """Only a plain yes opens for contact with relatives: they may be the danger."""
    safe_contact: ShortText | None = None


class TriageDetails(
    MediationDetails,
    PspDetails,
    SspDetails,
    ConcernDetails,
    YouthCouncilDetails,
    YouthBoardDetails,
    HonourDetails,
):
    """The details of a report without a process: those of every process."""


DETAILS: Final[Mapping[Process, type[Details]]] = MappingProxyType(
    {
        Process.MEDIATION: MediationDetails,
        Process.PSP: PspDetails,
        Process.SSP: SspDetails,
        Process.CONCERN: ConcernDetails,
        Process.YOUTH_COUNCIL: YouthCouncilDetails,
        Process.YOUTH_BOARD: YouthBoardDetails,
        Process.HONOUR: HonourDetails,
    }
)
"""The model of each process; `TriageDetails` where there is none."""


def details_of(process: Process | None, details: dict[str, Any]) -> Details:
    """Return the details as the process reads them; raises pydantic's ValidationError."""
    model = TriageDetails if process is None else DETAILS[process]
    return model.model_validate(details)
