"""Mediations in MongoDB: one document for each case."""

from typing import Final

from services.mediation.domain import Mediation
from shared.cases.case_store import CaseStore
from shared.contracts.processes import Process

__all__ = ["MEDIATIONS"]

MEDIATIONS: Final = CaseStore("mediations", Mediation, Process.MEDIATION)
