"""The code lists of the contract: what a case may be, who may say so, and how people stand in it."""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "ACCUSING_KINDS",
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
    """Ungesamråd: criminal cases with young people aged 14-18. Hedensted has none."""
    YOUTH_BOARD = "youth-board"
    """Ungdomskriminalitetsnævnet: decides for ages 10-17."""
    HONOUR = "honour"
    """Conflicts of honour and family: known to few, relatives may be the danger."""


class ProposedBy(StrEnum):
    """Who thought of it. Not the same as who sends it: the partner says whom it speaks for."""

    POLICE = "police"
    PATROL_CENTRE = "patrol_centre"
    SSP_CONSULTANT = "ssp_consultant"
    SCHOOL = "school"
    SOCIAL_SERVICES = "social_services"
    PSYCHIATRY = "psychiatry"
    PARTY = "party"
    PARENT = "parent"
    DEFENCE = "defence"
    PROSECUTION = "prosecution"
    PRISON_SERVICE = "prison_service"
    CITIZEN = "citizen"


class PersonRole(StrEnum):
    """What a person is to the matter."""

    HARMED = "harmed"
    RESPONSIBLE = "responsible"
    GUARDIAN = "guardian"
    SUPPORTER = "supporter"
    SUBJECT = "subject"
    CHILD = "child"
    WITNESS = "witness"
    OTHER = "other"


class Category(StrEnum):
    """How the law sees a person (directive 2016/680 art. 6); nothing ever defaults to suspect."""

    SUSPECT = "suspect"
    CONVICTED = "convicted"
    VICTIM = "victim"
    OTHER = "other"


class Custody(StrEnum):
    """How custody (forældremyndighed) is held: alone, or together with another."""

    JOINT = "joint"
    SOLE = "sole"


class PartnerKind(StrEnum):
    """What sort of authority a partner is. It decides what the partner is believed about."""

    POLICE = "police"
    PROSECUTION = "prosecution"
    COURT = "court"
    PRISON_SERVICE = "prison_service"
    DEFENCE = "defence"
    SCHOOL = "school"
    MUNICIPALITY = "municipality"
    PSYCHIATRY = "psychiatry"


ACCUSING_KINDS = frozenset(
    {
        PartnerKind.POLICE,
        PartnerKind.PROSECUTION,
        PartnerKind.COURT,
        PartnerKind.PRISON_SERVICE,
    }
)
"""Who may call somebody suspect or convicted, or say that an act was acknowledged."""
