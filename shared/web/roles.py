"""What a page calls the role of a party, by its code. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from shared.contracts.processes import PersonRole
from shared.web.words import N_

__all__ = ["ROLES", "role_words"]

ROLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        PersonRole.HARMED: N_("Forurettet"),
        PersonRole.RESPONSIBLE: N_("Gerningsperson"),
        PersonRole.GUARDIAN: N_("Forælder med forældremyndighed"),
        PersonRole.SUPPORTER: N_("Bisidder"),
        PersonRole.SUBJECT: N_("Borger"),
        PersonRole.CHILD: N_("Barn"),
        PersonRole.WITNESS: N_("Vidne"),
        PersonRole.OTHER: N_("Anden"),
    }
)
"""In Danish."""


def role_words(role: str) -> str:
    """Return the words of a role; a role that is on no list of ours is another one."""
    return ROLES.get(role, ROLES[PersonRole.OTHER])
