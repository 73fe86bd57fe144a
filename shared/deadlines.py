"""Deadlines that services set and show. Choices of this system, none of them law.

Working days are counted in Europe/Copenhagen and skip Danish public holidays (domain.md section
11). A deadline lies at the end of its day's office hours.
"""

from datetime import datetime, time, timedelta
from functools import cache
from typing import Final

import holidays

from shared.contracts.places import ZONE

__all__ = [
    "CONTACT_PARTIES_WITHIN",
    "JUDGE_NECESSITY_WITHIN",
    "TRIAGE_WITHIN",
    "working_days_after",
]

TRIAGE_WITHIN: Final = timedelta(hours=24)
"""How long a report may wait for the secretariat to decide what becomes of it."""
CONTACT_PARTIES_WITHIN: Final = 5
"""Working days until the parties of a mediation must have been contacted (domain.md section 5)."""
JUDGE_NECESSITY_WITHIN: Final = 5
"""Working days until it must have been judged whether a case is one for the PSP co-operation."""

_END_OF_OFFICE: Final = time(16, 0)
_SATURDAY: Final = 5


def working_days_after(moment: datetime, days: int) -> datetime:
    """Return 16:00 in Copenhagen on the `days`-th working day after the day of `moment`."""
    day = moment.astimezone(ZONE).date()
    while days:
        day += timedelta(days=1)
        days -= day.weekday() < _SATURDAY and day not in _public_holidays()
    return datetime.combine(day, _END_OF_OFFICE, ZONE)


@cache
def _public_holidays() -> holidays.HolidayBase:
    return holidays.country_holidays("DK")
