"""What every log entry says: who did what, when and why, who answers for it, and by what right.

An entry goes in with the transaction of what it tells. It names ids only: a log that repeated what
was read would itself have to be guarded from its readers.
"""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final

__all__ = ["COLLECTION", "CONTROLLER", "OPERATOR", "REGIME", "LegalBasis", "Why", "entry"]

COLLECTION: Final = "audit"

CONTROLLER: Final = "sydoestjyllands-politi"
"""Who answers for what the services keep. What partners keep of it themselves is theirs."""

REGIME: Final = "police_law"
"""Retshåndhævelsesloven: police work to prevent crime, also where there is no criminal case."""

OPERATOR: Final = "operator"
"""An operator who gave no name; one who did is `operator:<name>`."""


class LegalBasis(StrEnum):
    """The legal basis of an act, or of keeping a report, as a code that pages and logs show.

    A lawyer confirms the references before production.
    """

    OPERATION = "operation"
    """Directive 2016/680 art. 29 (2) (i) and (j): after an interruption systems are restored, and
    what they keep is not corrupted by their own failing."""
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
    """Who acts, and why, as the entry will say it."""

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
    """Write an entry on a person's act.

    Args:
        action: what was done, as a code.
        at: when.
        what: the id of what it was done to.
        why: by whom, and why.
        case_id: the case that it changed or told of.
        basis: by what right; an operator's, unless another is given.

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
