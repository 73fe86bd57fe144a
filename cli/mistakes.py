"""Mistakes that partners make, put into a report that was right: each is rejected for one reason."""

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


def _another_district(told: Report) -> None:
    told["municipality"] = "0461"  # Odense


def _to_come(told: Report) -> None:
    later = datetime.fromisoformat(told["occurred_at"]) + timedelta(days=30)
    told["occurred_at"] = later.isoformat()


def _without_offset(told: Report) -> None:
    told["occurred_at"] = told["occurred_at"][:19]


def _danish_process(told: Report) -> None:
    told["process"] = "konfliktråd"


def _unknown_proposer(told: Report) -> None:
    told["proposed_by"] = "somebody"


def _undisclosed(told: Report) -> None:
    told.pop("disclosure")


def _unnecessary(told: Report) -> None:
    told["disclosure"]["necessity"] = " "


def _danish_date(told: Report) -> None:
    told["people"][0]["birth_date"] = "01-05-2009"


def _national_phone(told: Report) -> None:
    told["people"][0]["phone"] = "00 00 00 12"


def _nameless(told: Report) -> None:
    for name in ("name", "cpr"):
        told["people"][0].pop(name, None)


def _accusing(told: Report) -> None:
    told["people"][0]["category"] = "suspect"


_ALWAYS: Final = (
    _another_district,
    _to_come,
    _without_offset,
    _danish_process,
    _unknown_proposer,
)
_WITH_PEOPLE: Final = (_danish_date, _national_phone, _nameless)
_WITH_DISCLOSURE: Final = (_undisclosed, _unnecessary)


def with_a_mistake(told: Report, kind: PartnerKind, dice: Random) -> Report:
    """Tell the same with one mistake in it that a partner of this kind could make."""
    possible: list[Callable[[Report], None]] = [*_ALWAYS]
    people: Sequence[Report] = told["people"]
    if people:
        possible += _WITH_PEOPLE
        if kind not in ACCUSING_KINDS:
            possible.append(_accusing)
    if told["process"] is not None and told.get("disclosure"):
        possible += _WITH_DISCLOSURE
    wrong = copy.deepcopy(told)
    dice.choice(possible)(wrong)
    return wrong
