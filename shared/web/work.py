"""What each role has to do here, beside the inbox: its pages, and in plain words what is not built yet."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from shared.staff.access import Role, Staff
from shared.web.words import N_

__all__ = ["NOT_BUILT", "OF_OTHERS", "not_built_for"]

NOT_BUILT: Final[Mapping[str, str]] = MappingProxyType(
    {
        Role.TRIAGE: N_("At afgøre en henvendelse: vælge forløb, sende underretning, afvise."),
        Role.LEADER: N_("Overblik for ledere: frister, overleveringer og belastning. Statistik."),
        Role.MEDIATION_COORDINATOR: N_(
            "Samtykke, fordeling til en mægler, møde og tilbagemelding. Indtil da foregår det"
            " uden for systemet."
        ),
        Role.MEDIATOR: N_(
            "Fordeling af sager til mæglere. Indtil da nævner ingen sag dig, og listen er tom."
        ),
        Role.PSP_POLICE: N_("Møder, handleplaner og deling i PSP-samarbejdet."),
        Role.PSP_PSYCHIATRY: N_("At bede om oplysninger og indstille en borger til PSP."),
        Role.PSP_MUNICIPALITY: N_("At bede om oplysninger og indstille en borger til PSP."),
        Role.DATA_PROTECTION: N_(
            "Loggen over, hvem der så hvad. Indtil da beder du driften om et udtræk."
        ),
        Role.PATROL_LEADER: N_("Overblik over patruljecentrets sager, og lokalrådets møder."),
        Role.DUTY_OFFICER: N_("En tavle for vagten."),
        Role.POLICE_LAWYER: N_("Dokumenter til en sag: godkendelsen er et svar uden bilag."),
        Role.RIGHTS_CASEWORKER: N_("At behandle anmodninger om indsigt, rettelse og sletning."),
        Role.OPERATOR: N_(
            "En side med standsede sager. Indtil da: kommandoen »samraad parked« på serveren."
        ),
    }
)
"""What a role will do here and cannot yet, in Danish."""

OF_OTHERS: Final = N_("Sider til din rolle.")
"""The same for a role that is not in the table."""


def not_built_for(staff: Staff) -> list[str]:
    """Return what is not built yet for a person's roles, in Danish, each once."""
    return list(dict.fromkeys(NOT_BUILT.get(role, OF_OTHERS) for role in staff.roles))
