"""The code lists of the contract: processes of cases, proposers and partners, and the roles of people."""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "ACCUSING_KINDS",
    "AgeBand",
    "Category",
    "Custody",
    "PartnerKind",
    "PersonRole",
    "Process",
    "ProposedBy",
]


class Process(StrEnum):
    """What a case is. A case belongs to one process, and no topic carries two."""

    MEDIATION = "mediation"
    """Konfliktråd, lov 467/2009."""
    PSP = "psp"
    """Police, social services and psychiatry, rpl § 115 (1)(2)."""
    SSP = "ssp"
    """School, social services and police, rpl § 115 (1)(1)."""
    CONCERN = "concern"
    """Bekymringssamtale or -brev: an offer to a young person and the parents."""
    YOUTH_COUNCIL = "youth-council"
    """Ungesamråd: criminal cases with young people aged 14-18."""
    YOUTH_BOARD = "youth-board"
    """Ungdomskriminalitetsnævnet: decides for ages 10-17."""
    HONOUR = "honour"
    """Conflicts of honour and family: known to few, relatives may be the danger."""


class ProposedBy(StrEnum):
    """Who proposed it. This may differ from the sender: a partner states for whom it speaks."""

    POLICE = "police"
    """The police, as an authority."""
    PATROL_CENTRE = "patrol_centre"
    """A patruljecenter of the district."""
    SSP_CONSULTANT = "ssp_consultant"
    """A municipality's SSP consultant."""
    SCHOOL = "school"
    """A school."""
    SOCIAL_SERVICES = "social_services"
    """A municipality's social services."""
    PSYCHIATRY = "psychiatry"
    """Psychiatry of a region."""
    PARTY = "party"
    """One of those whom the case is about."""
    PARENT = "parent"
    """A parent, or who else holds custody."""
    DEFENCE = "defence"
    """A defence lawyer."""
    PROSECUTION = "prosecution"
    """The prosecution."""
    PRISON_SERVICE = "prison_service"
    """Kriminalforsorgen."""
    CITIZEN = "citizen"
    """Any other citizen."""


class PersonRole(StrEnum):
    """What a person is to the matter."""

    HARMED = "harmed"
    """Who suffered it."""
    RESPONSIBLE = "responsible"
    """Who is held to have done it; no finding of guilt."""
    GUARDIAN = "guardian"
    """Who holds custody of, or stands up for, another of the report."""
    SUPPORTER = "supporter"
    """Whom a party wants beside them."""
    SUBJECT = "subject"
    """Whom the concern or the co-operation is about."""
    CHILD = "child"
    """A child affected by it."""
    WITNESS = "witness"
    """Who saw or heard it."""
    OTHER = "other"
    """Whoever is none of these."""


class Category(StrEnum):
    """How the law sees a person (directive 2016/680 art. 6); nothing ever defaults to suspect."""

    SUSPECT = "suspect"
    """Held on serious grounds to have committed, or to be about to commit, an offence."""
    CONVICTED = "convicted"
    """Sentenced for an offence."""
    VICTIM = "victim"
    """Harmed by an offence, or possibly so."""
    OTHER = "other"
    """Anybody else: a witness, a contact, a relative."""


class AgeBand(StrEnum):
    """How old a person is, as far as a service may know that has no birth dates."""

    UNDER_15 = "under_15"
    """Below the age of criminal liability."""
    FROM_15_TO_17 = "15_17"
    """A minor who may be held liable."""
    FROM_18_TO_24 = "18_24"
    """A young adult."""
    FROM_25 = "25_plus"
    """Anybody older."""
    UNKNOWN = "unknown"
    """No age is known: it counts as a minor's where that protects."""


class Custody(StrEnum):
    """How custody (forældremyndighed) is held: alone, or together with another."""

    JOINT = "joint"
    """Together with another."""
    SOLE = "sole"
    """Alone."""


class PartnerKind(StrEnum):
    """What sort of authority a partner is. It decides which statements are accepted from the partner."""

    POLICE = "police"
    """The police."""
    PROSECUTION = "prosecution"
    """The prosecution."""
    COURT = "court"
    """A court."""
    PRISON_SERVICE = "prison_service"
    """Kriminalforsorgen."""
    DEFENCE = "defence"
    """A defence office."""
    SCHOOL = "school"
    """A school."""
    MUNICIPALITY = "municipality"
    """A municipality."""
    PSYCHIATRY = "psychiatry"
    """Psychiatry of a region."""


ACCUSING_KINDS = frozenset(
    {
        PartnerKind.POLICE,
        PartnerKind.PROSECUTION,
        PartnerKind.COURT,
        PartnerKind.PRISON_SERVICE,
    }
)
"""The kinds that may call somebody suspect or convicted, or state that an act was acknowledged."""
