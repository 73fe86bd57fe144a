"""What a showing of names shows, or why it shows nothing. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from shared.contracts.processes import Process
from shared.staff.access import Action

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from services.intake.name_views import Form, NameView
    from services.intake.personal_data import PersonalData
    from shared.contracts.intake import Party
    from shared.security.grants import Grant

__all__ = ["RIGHTS", "Refusal", "Refused", "Rights", "Shown", "ShownPerson"]


class Rights(NamedTuple):
    """The rights that the names of a process need."""

    read: Action
    change: Action


RIGHTS: Final[Mapping[Process, Rights]] = MappingProxyType(
    {
        Process.MEDIATION: Rights(Action.READ_MEDIATION_NAMES, Action.CHANGE_MEDIATION_PEOPLE),
        Process.PSP: Rights(Action.READ_PSP_NAMES, Action.CHANGE_PSP_PEOPLE),
    }
)
"""A process that is not here has names that no grant opens."""


class Refusal(StrEnum):
    """Why no names are shown, as the log keeps it."""

    MISSING = "missing"
    """Not a grant, not of this person and session, not of this case, or not allowed."""
    LATE = "late"
    """The grant's five minutes are over."""
    USED = "used"
    """The grant was used before."""
    PURPOSE = "purpose"
    """No purpose of the form was chosen."""
    REASON = "reason"
    """The purpose needs a reason."""
    OVER = "over"
    """The showing has ended, so it cannot be made longer."""
    DESTINATION = "destination"
    """The answer would not go to a frame or a tab: a script asks, or a browser that does not say."""
    MEETING = "meeting"
    """The letter has no day, time or place."""
    NO_LETTER = "no_letter"
    """Another safe way was recorded for the person, or there is no such person in the showing."""
    AWAY = "away"
    """What is known of staff may be old: nobody is shown anything for now."""
    LOGGED_OFF = "logged_off"
    """Nobody is logged in."""


class Refused(NamedTuple):
    """Nothing is shown."""

    why: Refusal
    grant: Grant | None = None
    """Whose form is to be opened again; None where nobody may know that there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPerson:
    """One person of a showing."""

    party: Party
    roles: tuple[str, ...]
    data: PersonalData | None = field(repr=False)
    """None if the person was erased."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a showing shows."""

    view: NameView
    process: Process
    people: tuple[ShownPerson, ...]
    tokens: Mapping[tuple[Form, UUID | None], str]
    """A token for each form that is offered; none where the person may only read."""
