"""Invented reports about invented people: the examples with other people and dates.

People who share a family name or a home in an example share one in the invented report. A child
keeps its age, so that a valid example stays valid. CPR numbers end on x00y and fail
modulus 11, phone numbers begin with +4500 and mail goes to example.test: no such person exists.
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
    """Draw a new reference: a day and six letters."""
    return f"D-{now:%y%m%d}-" + "".join(dice.choices(_LETTERS, k=6))


class Inventor:
    """Makes reports from the examples; the same seed gives the same reports."""

    def __init__(self, examples: Path, dice: Random) -> None:
        self._dice = dice
        known = json.loads((examples / "people.json").read_text(encoding="utf-8"))["people"]
        self._people: list[JsonObject] = list(known.values())
        partners = json.loads((examples / "partners.json").read_text(encoding="utf-8"))
        kind_of = {partner["id"]: partner["kind"] for partner in partners}
        self._examples: dict[Process | None, list[tuple[str, JsonObject]]] = {}
        for file in sorted((examples / "reports" / "valid").glob("*.json")):
            example = json.loads(file.read_text(encoding="utf-8"))
            process = None if example["process"] is None else Process(example["process"])
            self._examples.setdefault(process, []).append((kind_of[example["partner"]], example))

    def example(self, process: Process | None, kinds: Collection[str]) -> tuple[str, JsonObject]:
        """Return an example of a process from a partner of one of these kinds, after its kind."""
        return self._dice.choice([one for one in self._examples[process] if one[0] in kinds])

    def report(
        self, example: JsonObject, *, partner: str, municipalities: Sequence[str], now: datetime
    ) -> JsonObject:
        """Return an example with a new reference, dates close to now, and other people."""
        before = datetime.fromisoformat(example["occurred_at"])
        ago = timedelta(minutes=5 * self._dice.randint(6, 12 * 24 * 10))
        occurred = (now - ago).astimezone(ZONE).replace(second=0, microsecond=0)
        shift = occurred.date() - before.date()
        report: JsonObject = {
            **example,
            "partner": partner,
            "reference": new_reference(self._dice, now),
            "municipality": self._place(example, municipalities),
            "occurred_at": occurred.isoformat(),
        }
        for name in ("details", "disclosure"):
            if report.get(name):
                report[name] = _shifted(report[name], shift)
        if self._dice.random() < 5 / 6:
            circle = _Circle(self._dice, self._people, report["municipality"])
            report["people"] = [
                circle.other(person, before, occurred) for person in example["people"]
            ]
        return report

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
    """The people of one report: those who belonged together do so again."""

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
        """Return another person of the same age and sex, with the same fields."""
        other = dict(person)
        is_male = self._is_male(person)
        born = self._born(person, before, occurred)
        if other.get("name"):
            other["name"] = self._name(person["name"], is_male=is_male)
        if other.get("birth_date"):
            other["birth_date"] = born.isoformat()
        if other.get("cpr"):
            other["cpr"] = self._cpr(born - self._contradiction(person), is_male=is_male)
        if other.get("address"):
            other["address"] = self._home(person["address"])
        if other.get("phone"):
            other["phone"] = f"+4500{self._dice.randrange(1_000_000):06d}"
        if other.get("email"):
            names = filter(None, (other.get("name") or {}).values())
            other["email"] = f"{_plain('.'.join(names)) or 'ukendt'}@example.test"
        return other

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
        """Return the difference between CPR number and birth date, if the example has one."""
        digits = digits_of(person.get("cpr") or "")
        stated = person.get("birth_date")
        differs = digits and stated and birth_date_of(digits) != date.fromisoformat(stated)
        return timedelta(days=1 if differs else 0)

    def _name(self, name: JsonObject, *, is_male: bool) -> JsonObject:
        invented = dict(name)
        if invented.get("given"):
            invented["given"] = self._dice.choice(self._boys if is_male else self._girls)
        if family := invented.get("family"):
            if family not in self._families:
                known = [person["name"]["family"] for person in self._people]
                self._families[family] = self._dice.choice(known)
            invented["family"] = self._families[family]
        return invented

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


def _shifted(value: Any, shift: timedelta) -> Any:
    """Move every date in details or a disclosure by the same shift."""
    if isinstance(value, dict):
        return {name: _shifted(each, shift) for name, each in value.items()}
    if isinstance(value, list):
        return [_shifted(each, shift) for each in value]
    if isinstance(value, str) and _DAY.match(value):
        return (date.fromisoformat(value) + shift).isoformat()
    return value


def _plain(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.translate(_LATIN))
    return re.sub(r"[^a-z.]", "", plain.encode("ascii", "ignore").decode().lower())
