"""Times in words: "Om 2 timer", "i dag kl. 12.15", in Danish and English. Pure.

All times are shown in the district's zone. A time without a zone is UTC, as MongoDB stores it.
`SOON`, when a deadline counts as near, is a choice of the pages and no law.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from gettext import NullTranslations
from typing import Final

from babel.dates import format_datetime

from shared.contracts.places import ZONE

SOON: Final = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Deadline:
    """A deadline in words; `kind` is late, soon or ok and selects colour and icon."""

    kind: str
    relative: str
    absolute: str
    iso: str


def utc(when: datetime) -> datetime:
    """Return the time with a zone: UTC if it has none."""
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def kind_of(due: datetime, now: datetime) -> str:
    """Return late if a deadline has passed, soon if it is within `SOON`, else ok."""
    due = utc(due)
    if due <= now:
        return "late"
    return "soon" if due - now <= SOON else "ok"


def clock(when: datetime, language: str) -> str:
    """Return the time of day in the district: "9.38", "09:38"."""
    pattern = "H.mm" if language == "da" else "HH:mm"
    return format_datetime(utc(when).astimezone(ZONE), pattern, locale=language)


def moment(when: datetime, now: datetime, language: str, words: NullTranslations) -> str:
    """Return the day and the time of day in words: "i går kl. 10.02"."""
    here, today = utc(when).astimezone(ZONE), now.astimezone(ZONE).date()
    time = clock(when, language)
    match (here.date() - today).days:
        case 0:
            return words.gettext("i dag kl. %(clock)s") % {"clock": time}
        case 1:
            return words.gettext("i morgen kl. %(clock)s") % {"clock": time}
        case -1:
            return words.gettext("i går kl. %(clock)s") % {"clock": time}
        case _:
            date = _day(here, today.year, language)
            return words.gettext("%(day)s kl. %(clock)s") % {"day": date, "clock": time}


def deadline(due: datetime, now: datetime, language: str, words: NullTranslations) -> Deadline:
    """Return a deadline in words, both relative to now and absolute."""
    due = utc(due)
    here = due.astimezone(ZONE)
    kind = kind_of(due, now)
    absolute = moment(due, now, language, words)
    if kind == "late":
        absolute = words.gettext("fristen var %(moment)s") % {"moment": absolute}
        relative = words.gettext("Overskredet")
    else:
        relative = _how_far(due, now, words)
        if relative == words.gettext("I morgen"):
            date, time = _day(here, here.year, language), clock(due, language)
            absolute = words.gettext("%(day)s kl. %(clock)s") % {"day": date, "clock": time}
    return Deadline(kind, relative, absolute, here.isoformat(timespec="minutes"))


def _how_far(due: datetime, now: datetime, words: NullTranslations) -> str:
    left = due - now
    days = (due.astimezone(ZONE).date() - now.astimezone(ZONE).date()).days
    if left < timedelta(hours=1):
        minutes = max(1, int(left.total_seconds() // 60))
        return words.ngettext("Om %(n)s minut", "Om %(n)s minutter", minutes) % {"n": minutes}
    if days == 0 or left < timedelta(hours=12):
        hours = int(left.total_seconds() // 3600)
        return words.ngettext("Om %(n)s time", "Om %(n)s timer", hours) % {"n": hours}
    if days == 1:
        return words.gettext("I morgen")
    if days < 14:  # noqa: PLR2004  # days until two weeks, then weeks
        return words.ngettext("Om %(n)s dag", "Om %(n)s dage", days) % {"n": days}
    return words.ngettext("Om %(n)s uge", "Om %(n)s uger", days // 7) % {"n": days // 7}


def day(when: datetime, now: datetime, language: str) -> str:
    """Return a day in words: "fredag 20. nov."."""
    return _day(utc(when).astimezone(ZONE), now.astimezone(ZONE).year, language)


def _day(here: datetime, this_year: int, language: str) -> str:
    if language == "da":
        pattern = "EEEE d. MMM" if here.year == this_year else "d. MMM y"
    else:
        pattern = "EEEE d MMM" if here.year == this_year else "d MMM y"
    return format_datetime(here, pattern, locale="da" if language == "da" else "en_GB")
