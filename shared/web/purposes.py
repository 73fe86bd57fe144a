"""What somebody needs the names of a case for: a closed list, from which each service offers some. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from shared.web.words import N_

__all__ = ["NEEDS_REASON", "PURPOSES", "Purpose"]


class Purpose(StrEnum):
    """A purpose of a reading, as its log keeps it."""

    ARRANGE_MEETING = "arrange_meeting"
    ASK_CONSENT = "ask_consent"
    SEND_LETTER = "send_letter"
    JUDGE_NECESSITY = "judge_necessity"
    PREPARE_MEETING = "prepare_meeting"
    CORRECT_PEOPLE = "correct_people"
    OTHER = "other"
    """Something else, which the person must say."""


PURPOSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        Purpose.ARRANGE_MEETING: N_("Aftale møde"),
        Purpose.ASK_CONSENT: N_("Spørge om samtykke"),
        Purpose.SEND_LETTER: N_("Sende brev"),
        Purpose.JUDGE_NECESSITY: N_("Vurdere, om sagen hører til i samarbejdet"),
        Purpose.PREPARE_MEETING: N_("Forberede møde"),
        Purpose.CORRECT_PEOPLE: N_("Rette eller tilføje oplysninger"),
        Purpose.OTHER: N_("Andet formål"),
    }
)
"""In Danish."""

NEEDS_REASON: Final = frozenset({Purpose.OTHER})
"""The purposes that say too little by themselves."""
