"""Which trace a letter belongs to: its partner's own, unless that would link separate cases.

A trace id travels with the facts of a case. If a partner used one id for letters of two processes,
it would link two cases on topics that must stay separate. So a trace belongs to its first process
and partner for ever, and any other letter starts a new trace. The same happens to a trace id that
is not well-formed or contains digits that look like a CPR number.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from shared.contracts.envelope import TRACEPARENT
from shared.contracts.references import is_cpr_shaped
from shared.observability.tracing import REFERENCE, SUBJECT, reference_mark

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from services.intake.arrivals import Arrived
    from shared.contracts.processes import Process
    from shared.engine import Unit

__all__ = ["COLLECTION", "TRIAGE", "continue_trace", "own", "wanted"]

COLLECTION: Final = "traces"
"""One document per trace of a partner, with its partner and its process."""
TRIAGE: Final = "triage"
"""The value that stands for the process of a letter without one."""

_DIGITS: Final = re.compile(r"(?=([0-9]{10}))")
_NOTHING: Final = re.compile(r"[0-]+\Z")


def own(traceparent: str | None) -> str | None:
    """Return the partner's trace in the form that may be passed on, else None."""
    if traceparent is None or TRACEPARENT.match(traceparent) is None:
        return None
    version, trace_id, span_id, _ = traceparent.split("-")
    if version == "ff" or _NOTHING.match(trace_id) or _NOTHING.match(span_id):
        return None
    if any(is_cpr_shaped(digits) for digits in _DIGITS.findall(f"{trace_id}-{span_id}")):
        return None
    return f"00-{trace_id}-{span_id}-01"


def wanted(arrival: Arrived) -> Mapping[str, Iterable[str]]:
    """Return the document of its trace, to be loaded."""
    return {} if arrival.trace is None else {COLLECTION: [_id(arrival.trace)]}


def continue_trace(
    arrival: Arrived, unit: Unit, *, verdict: str, process: Process | None, subject: str | None
) -> None:
    """Put all effects of the letter in its trace, or in a new one.

    `subject` is the case or report of the facts that follow, of that `process`; None without any.
    """
    parent = arrival.trace
    if parent is not None and subject is not None:
        mine = {"partner": arrival.letter.partner, "process": process.value if process else TRIAGE}
        known = unit.load(COLLECTION, _id(parent))
        if known is None:
            unit.save(COLLECTION, {"_id": _id(parent), **mine, "at": unit.now})
        elif {name: known[name] for name in mine} != mine:
            parent = None
    unit.trace.begin(
        parent, "take letter", arrival.record, lambda: _about(arrival, verdict, subject)
    )


def _id(trace: str) -> str:
    return trace[3:35]


def _about(arrival: Arrived, verdict: str, subject: str | None) -> dict[str, Any]:
    about = {REFERENCE: reference_mark(arrival.letter.reference), "samraad.verdict": verdict}
    return about if subject is None else about | {SUBJECT: subject}
