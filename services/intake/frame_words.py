"""What a showing says of a person, in words; each text is a Danish key of the catalogue. Pure."""

from __future__ import annotations

from datetime import date, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from services.intake.ages import ADULT
from services.intake.name_views import Form
from services.intake.personal_data import Channel
from shared.contracts.processes import AgeBand
from shared.web import N_

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from services.intake.personal_data import SafeWay

__all__ = [
    "BANDS",
    "CHANNELS",
    "FIELDS",
    "REFUSALS",
    "SAVED",
    "TITLES",
    "Line",
    "phone_words",
    "safe_way_lines",
    "turns_18",
]

_SOON: Final = timedelta(days=60)
_DANISH: Final = "+45"
_DANISH_LENGTH: Final = 11

BANDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        AgeBand.UNDER_15: N_("under 15 år"),
        AgeBand.FROM_15_TO_17: N_("15-17 år"),
        AgeBand.FROM_18_TO_24: N_("18-24 år"),
        AgeBand.FROM_25: N_("25 år og over"),
        AgeBand.UNKNOWN: N_("alder ukendt"),
    }
)
CHANNELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        Channel.PHONE: N_("Telefon"),
        Channel.SMS: N_("SMS"),
        Channel.EMAIL: N_("E-mail"),
        Channel.LETTER: N_("Brev"),
        Channel.IN_PERSON: N_("Kun ved personligt møde"),
    }
)
FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "role": N_("Rolle"),
        "given": N_("Fornavn"),
        "family": N_("Efternavn"),
        "cpr": N_("CPR-nummer"),
        "birth_date": N_("Fødselsdato"),
        "phone": N_("Telefon"),
        "email": N_("E-mail"),
        "street": N_("Gade og nummer"),
        "postal_code": N_("Postnummer"),
        "city": N_("By"),
        "child": N_("Har forældremyndighed over"),
        "custody": N_("Forældremyndigheden er"),
        "holder": N_("Hvem har forældremyndighed?"),
        "channel": N_("Sikker vej"),
        "from_hour": N_("Tidsrum"),
    }
)
TITLES: Final[Mapping[str, str]] = MappingProxyType(
    {
        Form.ADD: N_("Tilføj person"),
        Form.CORRECT: N_("Ret navn og kontakt"),
        Form.SAFE_WAY: N_("Ret sikker kontakt"),
        Form.CUSTODY: N_("Registrér forældremyndighed"),
        Form.END_CUSTODY: N_("Forældremyndighed er ophørt"),
    }
)
SAVED: Final[Mapping[str, str]] = MappingProxyType(
    {
        Form.ADD: N_("Personen er tilføjet til sagen."),
        Form.CORRECT: N_("Oplysningerne er rettet."),
        Form.SAFE_WAY: N_("Den sikre kontakt er gemt."),
        Form.CUSTODY: N_("Forældremyndigheden er registreret."),
        Form.END_CUSTODY: N_("Ophøret af forældremyndighed er registreret."),
    }
)
REFUSALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "already_there": N_("Personen er allerede part i sagen i den rolle."),
        "nothing_changed": N_("Du har ikke ændret noget."),
        "no_child": N_("Vælg det barn, som personen har forældremyndighed over."),
        "no_party": N_("Begge skal være parter i sagen."),
        "own_custody": N_("Ingen har forældremyndighed over sig selv."),
        "grown": N_("Personen er fyldt 18 år. Ingen har forældremyndighed over en voksen."),
        "circle": N_("To personer kan ikke have forældremyndighed over hinanden."),
        "recorded": N_("Forældremyndigheden er allerede registreret."),
        "held_by_another": N_(
            "En anden har forældremyndighed. Registrér først, at den er ophørt, hvis kun én har den."
        ),
        "not_held": N_("Personen har ikke forældremyndighed."),
    }
)


class Line(NamedTuple):
    """One line on how to reach somebody: kind is yes, no or obs."""

    kind: str
    words: str
    hours: tuple[int, int] | None = None


_WAYS: Final[Mapping[Channel, tuple[str, str]]] = MappingProxyType(
    {
        Channel.PHONE: (N_("Ring"), N_("Ring kl. %(start)s-%(end)s")),
        Channel.SMS: (N_("Send SMS"), N_("Send SMS kl. %(start)s-%(end)s")),
        Channel.EMAIL: (N_("Skriv en e-mail"), N_("Skriv en e-mail kl. %(start)s-%(end)s")),
        Channel.LETTER: (N_("Send brev"), N_("Send brev")),
        Channel.IN_PERSON: (
            N_("Kun ved personligt møde"),
            N_("Kun ved personligt møde kl. %(start)s-%(end)s"),
        ),
    }
)


def safe_way_lines(way: SafeWay | None) -> tuple[Line, ...]:
    """Return how somebody may be reached. No message may be left unless that was said."""
    if way is None:
        return (
            Line("obs", N_("Sikker kontakt er ikke oplyst.")),
            Line("no", N_("Læg ikke besked.")),
        )
    any_time, within = _WAYS[way.channel]
    start, end = way.from_hour, way.to_hour
    hours = None if start is None or end is None else (start, end)
    message = (
        Line("yes", N_("Der må lægges besked."))
        if way.may_leave_message
        else Line("no", N_("Læg ikke besked."))
    )
    return Line("yes", any_time if hours is None else within, hours), message


def phone_words(phone: str) -> str:
    """Return a number as people read it; a Danish one without the country."""
    if phone.startswith(_DANISH) and len(phone) == _DANISH_LENGTH:
        digits = phone.removeprefix(_DANISH)
        return " ".join(digits[at : at + 2] for at in range(0, len(digits), 2))
    return phone


def turns_18(births: Iterable[date], today: date) -> date | None:
    """Return the day on which a minor turns 18, where that is soon; by the youngest age."""
    known = list(births)
    if not known:
        return None
    born = max(known)
    try:
        day = born.replace(year=born.year + ADULT)
    except ValueError:  # born on 29 February
        day = date(born.year + ADULT, 3, 1)
    return day if today < day <= today + _SOON else None
