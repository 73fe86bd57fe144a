"""Entries of the audit log: who did what, when and why, the controller, and the legal basis.

An entry is written in the transaction of the act itself. It holds ids only: a log that repeated the
data would itself need protection from its readers.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

__all__ = ["COLLECTION", "CONTROLLER", "OPERATOR", "REGIME", "LegalBasis", "Why", "entry"]

COLLECTION: Final = "audit"

CONTROLLER: Final = "sydoestjyllands-politi"
"""The controller of the data in the services. Partners are controllers of their own copies."""

REGIME: Final = "police_law"
"""Retshåndhævelsesloven: police work to prevent crime, also where there is no criminal case."""

OPERATOR: Final = "operator"
"""An operator without a name; with a name it is `operator:<name>`."""


class LegalBasis(StrEnum):
    """The legal basis of an act, or of keeping a report, as a code that pages and logs show.

    A lawyer confirms the references before production.
    """

    OPERATION = "operation"
    """Directive 2016/680 art. 29 (2) (i) and (j): systems are restored after an
    interruption, and a failure does not corrupt their data."""
    ACCESS_CONTROL = "access_control"
    """Directive 2016/680 art. 25 and 29 (2) (d) and (e): who has access is controlled and logged."""
    MEDIATION_ACT = "mediation_act"
    """Lov 467/2009 om konfliktråd."""
    SECTION_115 = "rpl_115"
    """Retsplejeloven § 115; the disclosure itself names stykke and nummer."""
    PREVENTION = "police_act_1_2"
    """Politiloven §§ 1-2: the duty to prevent crime."""
    YOUTH_CRIME_ACT = "youth_crime_act"
    """Lov om bekæmpelse af ungdomskriminalitet."""
    CRIMINAL_CASE = "criminal_case"
    """The handling of the criminal case itself."""


class Why:
    """Who acts, and why."""

    __slots__ = ("reason", "who")

    def __init__(self, who: str = OPERATOR, reason: str | None = None) -> None:
        self.who = who
        self.reason = reason


def entry(
    action: str,
    *,
    at: datetime,
    what: str,
    why: Why,
    case_id: str | None = None,
    basis: LegalBasis = LegalBasis.OPERATION,
) -> dict[str, Any]:
    """Return an entry on a person's act.

    Args:
        action: what was done, as a code.
        at: the time of the act.
        what: the id of the object of the act.
        why: who acts, and the reason.
        case_id: the case that was changed or shown.
        basis: the legal basis; that of operation by default.

    """
    return {
        "at": at,
        "who": why.who,
        "action": action,
        "what": what,
        "why": why.reason,
        "case_id": case_id,
        "controller": CONTROLLER,
        "regime": REGIME,
        "basis": basis.value,
    }
