"""PSP cases in MongoDB: one document for each case."""

from typing import Final

from services.psp.domain import PspCase
from shared.cases.case_store import CaseStore
from shared.contracts.processes import Process

__all__ = ["PSP_CASES"]

PSP_CASES: Final = CaseStore("psp_cases", PspCase, Process.PSP)
