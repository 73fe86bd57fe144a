"""Typical mistakes of partners, put into a valid report: each causes one rejection."""

from __future__ import annotations

import copy
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from shared.contracts.processes import ACCUSING_KINDS, PartnerKind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

__all__ = ["with_a_mistake"]

Report = dict[str, Any]


def _another_district(report: Report) -> None:
    report["municipality"] = "0461"  # Odense


def _to_come(report: Report) -> None:
    later = datetime.fromisoformat(report["occurred_at"]) + timedelta(days=30)
    report["occurred_at"] = later.isoformat()


def _without_offset(report: Report) -> None:
    report["occurred_at"] = report["occurred_at"][:19]


def _danish_process(report: Report) -> None:
    report["process"] = "konfliktråd"


def _unknown_proposer(report: Report) -> None:
    report["proposed_by"] = "somebody"


def _undisclosed(report: Report) -> None:
    report.pop("disclosure")


def _unnecessary(report: Report) -> None:
    report["disclosure"]["necessity"] = " "


def _danish_date(report: Report) -> None:
    report["people"][0]["birth_date"] = "01-05-2009"


def _national_phone(report: Report) -> None:
    report["people"][0]["phone"] = "00 00 00 12"


def _nameless(report: Report) -> None:
    for name in ("name", "cpr"):
        report["people"][0].pop(name, None)


def _accusing(report: Report) -> None:
    report["people"][0]["category"] = "suspect"


_ALWAYS: Final = (
    _another_district,
    _to_come,
    _without_offset,
    _danish_process,
    _unknown_proposer,
)
_WITH_PEOPLE: Final = (_danish_date, _national_phone, _nameless)
_WITH_DISCLOSURE: Final = (_undisclosed, _unnecessary)


def with_a_mistake(report: Report, kind: PartnerKind, dice: Random) -> Report:
    """Return a copy of the report with one mistake that a partner of this kind could make."""
    possible: list[Callable[[Report], None]] = [*_ALWAYS]
    people: Sequence[Report] = report["people"]
    if people:
        possible += _WITH_PEOPLE
        if kind not in ACCUSING_KINDS:
            possible.append(_accusing)
    if report["process"] is not None and report.get("disclosure"):
        possible += _WITH_DISCLOSURE
    wrong = copy.deepcopy(report)
    dice.choice(possible)(wrong)
    return wrong
