"""Invented reports about invented people: the examples, told anew with other people and dates.

Whoever shares a family name or a home in an example shares one in what is made of it; a child
stays as old as it was, so that what was right stays right. CPR numbers end on x00y and fail
modulus 11, phone numbers begin with +4500 and mail goes to example.test: nobody here exists.
"""

from __future__ import annotations

import json
import re
import unicodedata
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from shared.contracts.cpr import birth_date_of, digits_of
from shared.contracts.people import age_on
from shared.contracts.places import MUNICIPALITIES, ZONE
from shared.contracts.processes import Process

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path
    from random import Random

__all__ = ["Inventor", "new_reference"]

JsonObject = dict[str, Any]

_OF_AGE: Final = 18
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)
_LATIN: Final = str.maketrans({"æ": "ae", "ø": "oe", "å": "aa", "Æ": "Ae", "Ø": "Oe", "Å": "Aa"})
_WEIGHTS: Final = (4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
"""Of modulus 11."""
_LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_reference(dice: Random, now: datetime) -> str:
    """Draw a reference that no report had before: a day and six letters."""
    return f"D-{now:%y%m%d}-" + "".join(dice.choices(_LETTERS, k=6))


class Inventor:
    """Makes reports from the examples; the same dice make the same reports."""

    def __init__(self, examples: Path, dice: Random) -> None:
        self._dice = dice
        known = json.loads((examples / "people.json").read_text(encoding="utf-8"))["people"]
        self._people: list[JsonObject] = list(known.values())
        partners = json.loads((examples / "partners.json").read_text(encoding="utf-8"))
        kind_of = {partner["id"]: partner["kind"] for partner in partners}
        self._examples: dict[Process | None, list[tuple[str, JsonObject]]] = {}
        for file in sorted((examples / "reports" / "valid").glob("*.json")):
            told = json.loads(file.read_text(encoding="utf-8"))
            process = None if told["process"] is None else Process(told["process"])
            self._examples.setdefault(process, []).append((kind_of[told["partner"]], told))

    def example(self, process: Process | None, kinds: Collection[str]) -> tuple[str, JsonObject]:
        """Draw an example of a process that a partner of one of these kinds could send."""
        return self._dice.choice([one for one in self._examples[process] if one[0] in kinds])

    def report(
        self, example: JsonObject, *, partner: str, municipalities: Sequence[str], now: datetime
    ) -> JsonObject:
        """Tell an example anew: a fresh reference, days close to now, other people."""
        before = datetime.fromisoformat(example["occurred_at"])
        ago = timedelta(minutes=5 * self._dice.randint(6, 12 * 24 * 10))
        occurred = (now - ago).astimezone(ZONE).replace(second=0, microsecond=0)
        shift = occurred.date() - before.date()
        told: JsonObject = {
            **example,
            "partner": partner,
            "reference": new_reference(self._dice, now),
            "municipality": self._place(example, municipalities),
            "occurred_at": occurred.isoformat(),
        }
        for name in ("details", "disclosure"):
            if told.get(name):
                told[name] = _shifted(told[name], shift)
        if self._dice.random() < 5 / 6:
            circle = _Circle(self._dice, self._people, told["municipality"])
            told["people"] = [
                circle.other(person, before, occurred) for person in example["people"]
            ]
        return told

    def _place(self, example: JsonObject, municipalities: Sequence[str]) -> str:
        place: str = example["municipality"]
        if not municipalities or place in municipalities:
            return place
        wanted = [
            code
            for code in municipalities
            if example["process"] != Process.YOUTH_COUNCIL.value
            or MUNICIPALITIES[code].has_youth_council
        ]
        return self._dice.choice(wanted) if wanted else place


class _Circle:
    """The people of one report: who belonged together does so again."""

    def __init__(self, dice: Random, people: Sequence[JsonObject], municipality: str) -> None:
        self._dice = dice
        self._people = people
        self._boys = [p["name"]["given"] for p in people if int(p["cpr"][-1]) % 2]
        self._girls = [p["name"]["given"] for p in people if not int(p["cpr"][-1]) % 2]
        town = MUNICIPALITIES[municipality].name
        near = [p["address"] for p in people if p["address"]["city"].partition(" ")[0] == town]
        self._homes_here = near or [p["address"] for p in people]
        self._families: dict[str, str] = {}
        self._homes: dict[str, JsonObject] = {}

    def other(self, person: JsonObject, before: datetime, occurred: datetime) -> JsonObject:
        """Put another in somebody's place: as old, of the same sex, known by as much."""
        told = dict(person)
        is_male = self._is_male(person)
        born = self._born(person, before, occurred)
        if told.get("name"):
            told["name"] = self._name(person["name"], is_male=is_male)
        if told.get("birth_date"):
            told["birth_date"] = born.isoformat()
        if told.get("cpr"):
            told["cpr"] = self._cpr(born - self._contradiction(person), is_male=is_male)
        if told.get("address"):
            told["address"] = self._home(person["address"])
        if told.get("phone"):
            told["phone"] = f"+4500{self._dice.randrange(1_000_000):06d}"
        if told.get("email"):
            names = filter(None, (told.get("name") or {}).values())
            told["email"] = f"{_plain('.'.join(names)) or 'ukendt'}@example.test"
        return told

    def _is_male(self, person: JsonObject) -> bool:
        if digits := digits_of(person.get("cpr") or ""):
            return int(digits[-1]) % 2 == 1
        given = (person.get("name") or {}).get("given")
        if given in self._boys or given in self._girls:
            return given in self._boys
        return self._dice.random() < 1 / 2

    def _born(self, person: JsonObject, before: datetime, occurred: datetime) -> date:
        was = _stated(person)
        age = self._dice.randint(20, 75) if was is None else age_on(was, before)
        if age >= _OF_AGE and was is not None:
            age = max(_OF_AGE + 2, age + self._dice.randint(-6, 6))
        day = occurred.date()
        birthday = day.replace(year=day.year - age, day=min(day.day, 28))
        return birthday - timedelta(days=self._dice.randrange(330))

    def _contradiction(self, person: JsonObject) -> timedelta:
        """Keep a number apart from the stated birthday where it was so."""
        digits = digits_of(person.get("cpr") or "")
        stated = person.get("birth_date")
        differs = digits and stated and birth_date_of(digits) != date.fromisoformat(stated)
        return timedelta(days=1 if differs else 0)

    def _name(self, name: JsonObject, *, is_male: bool) -> JsonObject:
        told = dict(name)
        if told.get("given"):
            told["given"] = self._dice.choice(self._boys if is_male else self._girls)
        if family := told.get("family"):
            if family not in self._families:
                known = [person["name"]["family"] for person in self._people]
                self._families[family] = self._dice.choice(known)
            told["family"] = self._families[family]
        return told

    def _home(self, address: JsonObject) -> JsonObject:
        lived = json.dumps(address, sort_keys=True)
        if lived not in self._homes:
            near = self._dice.choice(self._homes_here)
            street = re.sub(r"\s*\d.*", "", near["street"])
            self._homes[lived] = {**near, "street": f"{street} {self._dice.randint(1, 99)}"}
        home = self._homes[lived]
        return {name: home[name] for name in address if name in home}

    def _cpr(self, born: date, *, is_male: bool) -> str:
        modern = (4, 5, 6, 7, 8, 9) if born.year >= 2000 else (0, 1, 2, 3)  # noqa: PLR2004 - the century
        seventh = self._dice.choice(modern)
        lasts = [digit for digit in range(10) if digit % 2 == is_male]
        numbers = [f"{born:%d%m%y}{seventh}00{last}" for last in lasts]
        digits = self._dice.choice([number for number in numbers if not _is_modulus_11(number)])
        return f"{digits[:6]}-{digits[6:]}"


def _stated(person: JsonObject) -> date | None:
    if stated := person.get("birth_date"):
        return date.fromisoformat(stated)
    digits = digits_of(person.get("cpr") or "")
    return None if digits is None else birth_date_of(digits)


def _is_modulus_11(digits: str) -> bool:
    return sum(w * int(d) for w, d in zip(_WEIGHTS, digits, strict=True)) % 11 == 0


def _shifted(told: Any, shift: timedelta) -> Any:
    """Move every day in details or a disclosure by as much as the matter itself moved."""
    if isinstance(told, dict):
        return {name: _shifted(value, shift) for name, value in told.items()}
    if isinstance(told, list):
        return [_shifted(value, shift) for value in told]
    if isinstance(told, str) and _DAY.match(told):
        return (date.fromisoformat(told) + shift).isoformat()
    return told


def _plain(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.translate(_LATIN))
    return re.sub(r"[^a-z.]", "", plain.encode("ascii", "ignore").decode().lower())
