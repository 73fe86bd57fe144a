"""A letter to one party, and a calendar file, made from templates with places for a name.

All is pure but the setting of the PDF, which a process of its own does.

Neither says from whom or about what it is: no "politi", "konfliktråd" or "PSP" in sender, subject, file
name or calendar entry, for others see the envelope, the download and the calendar. A calendar file has
no name either. A letter to a harmed party names Offerrådgivning and the bistandsadvokat (bek.
1108/2007 § 1). The address of a protected party stands in no letter.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from icalendar import CLASS, Calendar, Event

from services.intake.personal_data import Channel
from shared.contracts.places import ZONE
from shared.contracts.processes import PersonRole
from shared.errors import Unavailable
from shared.web import N_
from shared.web.clock import clock, day

if TYPE_CHECKING:
    from collections.abc import Mapping
    from gettext import NullTranslations

    from services.intake.shown import ShownPerson

__all__ = [
    "Letter",
    "Meeting",
    "make_calendar_file",
    "make_letter",
    "may_be_written_to",
    "read_meeting",
    "set_letter",
]

SUBJECT: Final = N_("Indbydelse til et møde")
_MOST_PLACE: Final = 120
_SAYS_TOO_MUCH: Final = re.compile(
    r"politi|konfliktråd|\bpsp\b|æresrelateret|honou?r", re.IGNORECASE
)
"""No place of a meeting: it is a neutral one, and stands where others see it."""
_WAITS_S: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """When and where somebody is invited to."""

    begins: datetime
    ends: datetime
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A letter in its parts, in words."""

    language: str
    subject: str
    written: str
    recipient: tuple[str, ...] = field(repr=False)
    paragraphs: tuple[str, ...] = field(repr=False)
    sender: tuple[str, ...]


def read_meeting(typed: Mapping[str, str]) -> Meeting | None:
    """Return the meeting of a form; None if it is none: no day, no time, no place, or it ends first."""
    place = " ".join(typed.get("place", "").split())
    try:
        on = date.fromisoformat(typed.get("on", ""))
        begins = datetime.combine(on, time.fromisoformat(typed.get("begins", "")), ZONE)
        ends = datetime.combine(on, time.fromisoformat(typed.get("ends", "")), ZONE)
    except ValueError:
        return None
    if _SAYS_TOO_MUCH.search(place):
        return None
    if not place or len(place) > _MOST_PLACE or not place.isprintable() or begins >= ends:
        return None
    return Meeting(begins=begins, ends=ends, place=place)


def may_be_written_to(person: ShownPerson) -> bool:
    """Return whether a letter is a safe way: it is, unless another one was recorded."""
    way = person.data.safe_way if person.data else None
    return person.data is not None and (way is None or way.channel is Channel.LETTER)


def make_letter(
    person: ShownPerson,
    meeting: Meeting,
    *,
    sender: str,
    language: str,
    words: NullTranslations,
    now: datetime,
) -> Letter:
    """Return an invitation to one party, who does not learn the name of anybody else."""
    data = person.data
    if data is None:
        raise LookupError("an erased person gets no letter")
    is_protected = data.address_protected or person.party.address_protected
    address = () if is_protected else (data.street, f"{data.postal_code} {data.city}".strip())
    when = words.gettext("%(day)s kl. %(begins)s-%(ends)s") % {
        "day": day(meeting.begins, now, language),
        "begins": clock(meeting.begins, language),
        "ends": clock(meeting.ends, language),
    }
    paragraphs = [
        words.gettext("Kære %(name)s") % {"name": data.name},
        words.gettext("Vi vil gerne invitere dig til et møde %(when)s.") % {"when": when},
        words.gettext("Mødet er her: %(place)s.") % {"place": meeting.place},
        words.gettext(
            "Det er frivilligt at deltage. Du kan sige nej, og du skal ikke give en grund."
        ),
        words.gettext("Du må gerne tage en bisidder med."),
    ]
    if PersonRole.HARMED in person.roles:
        paragraphs.append(
            words.gettext(
                "Du kan få gratis og anonym rådgivning hos Offerrådgivningen på telefon 116 006."
                " Du kan også have ret til en bistandsadvokat."
            )
        )
    return Letter(
        language=language,
        subject=words.gettext(SUBJECT),
        written=day(now, now, language),
        recipient=tuple(line for line in (data.name, *address) if line),
        paragraphs=tuple(paragraphs),
        sender=(words.gettext("Venlig hilsen"), sender),
    )


async def set_letter(letter: Letter) -> bytes:
    """Return the letter as PDF, set by a process of its own.

    Raises:
        Unavailable: it was not set in time, or not at all; nothing of the letter is quoted.

    """
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.intake.typesetting"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    content = json.dumps(asdict(letter), ensure_ascii=False).encode()
    try:
        async with asyncio.timeout(_WAITS_S):
            pdf, _ = await child.communicate(content)
    except TimeoutError:
        child.kill()
        await child.wait()
        raise Unavailable("the letter was not set in time") from None
    if child.returncode != 0:
        raise Unavailable("the letter was not set")
    return pdf


def make_calendar_file(meeting: Meeting, *, words: NullTranslations, now: datetime) -> bytes:
    """Return the meeting as iCalendar (RFC 5545): when and where, and not with whom or about what."""
    event = Event.new(
        uid=uuid4(),
        stamp=now,
        start=meeting.begins,
        end=meeting.ends,
        summary=words.gettext("Møde"),
        location=meeting.place,
        classification=CLASS.PRIVATE,
    )
    calendar = Calendar.new(prodid="-//Samraad//DA", subcomponents=[event])
    written: bytes = calendar.to_ical()
    return written
