"""What pages of intake call the codes of a report, in Danish. Pure."""

from typing import Final

from services.intake.domain import WhyWaiting
from shared.contracts.processes import Process, ProposedBy
from shared.web import N_

__all__ = ["PROCESSES", "REASONS", "SOURCES"]

PROCESSES: Final = {
    Process.MEDIATION: N_("Konfliktråd"),
    Process.PSP: N_("PSP"),
    Process.SSP: N_("SSP"),
    Process.CONCERN: N_("Bekymringssamtale"),
    Process.YOUTH_COUNCIL: N_("Ungesamråd"),
    Process.YOUTH_BOARD: N_("Ungdomskriminalitetsnævnet"),
    Process.HONOUR: N_("Æresrelateret konflikt"),
}
SOURCES: Final = {
    ProposedBy.POLICE: N_("Politi"),
    ProposedBy.PATROL_CENTRE: N_("Patruljecenter"),
    ProposedBy.SSP_CONSULTANT: N_("SSP-konsulent"),
    ProposedBy.SCHOOL: N_("Skole"),
    ProposedBy.SOCIAL_SERVICES: N_("Socialforvaltning"),
    ProposedBy.PSYCHIATRY: N_("Psykiatri"),
    ProposedBy.PARTY: N_("Part i sagen"),
    ProposedBy.PARENT: N_("Forælder"),
    ProposedBy.DEFENCE: N_("Forsvarer"),
    ProposedBy.PROSECUTION: N_("Anklagemyndighed"),
    ProposedBy.PRISON_SERVICE: N_("Kriminalforsorg"),
    ProposedBy.CITIZEN: N_("Borger"),
}
REASONS: Final = {
    WhyWaiting.NO_PROCESS: N_("Partneren overlader valget af forløb til Sekretariatet"),
    WhyWaiting.NO_SERVICE: N_("Forløbet kan endnu ikke modtage sager her i systemet"),
}
