"""Reports in which all personal data are marks that occur nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tests.system.hostile_shapes import Draft

__all__ = ["Marked"]

ODDS: Final = Random()  # noqa: S311 - marks, not secrets


@dataclass(slots=True)
class Marked:
    """A report in which each piece of personal data is a mark of its own."""

    kind: str
    marks: dict[str, str] = field(default_factory=dict)

    def mark(self, name: str) -> str:
        """A word that occurs nowhere else; one name, one mark."""
        letters = "".join(ODDS.choices("bcdfghjklmnpqrstvwxz", k=10))
        return self.marks.setdefault(name, f"Kæ{letters}")

    def number(self, name: str, form: str) -> str:
        """Digits that occur nowhere else, in the place of each `#`."""
        digits = "".join(str(ODDS.randrange(10)) if each == "#" else each for each in form)
        return self.marks.setdefault(name, digits)

    def person(self, label: str, **more: Any) -> dict[str, Any]:
        born = self.number(f"{label}.birth_date", f"19{ODDS.randrange(21, 59)}-0#-1#")
        born = self.marks[f"{label}.birth_date"] = born.replace("-00-", "-10-")
        year, month, day = born.split("-")
        return {
            "label": label,
            "role": "subject",
            "category": "other",
            "name": {"given": self.mark(f"{label}.given"), "family": self.mark(f"{label}.family")},
            "cpr": self.number(f"{label}.cpr", f"{day}{month}{year[2:]}-####"),
            "birth_date": born,
            "address": {
                "street": self.mark(f"{label}.street"),
                "postal_code": "7100",
                "city": self.mark(f"{label}.city"),
            },
            "phone": self.number(f"{label}.phone", "+4500######"),
            "email": self.number(f"{label}.email", "testa.########@example.test"),
        } | more

    def report(self, draft: Draft) -> dict[str, Any]:
        process = {"mediation": "mediation", "psp": "psp"}.get(self.kind)
        people = [self.person("a")]
        if process != "psp":
            people.append(self.person("b", role="guardian", custody_of=["a"], custody="sole"))
        changes: dict[str, Any] = {
            "process": process,
            "people": people,
            "text": f"Fri tekst: {self.mark('text')}.",
            "details": {"police_reference": self.mark("police_reference")},
        }
        if self.kind == "mediation":
            changes["details"]["offence"] = self.mark("offence")
        if self.kind == "psp":
            changes["disclosure"] = self.disclosure()
        if self.kind == "rejected":
            changes["occurred_at"] = "2199-01-01T00:00:00Z"
        return draft.report(**changes)

    def disclosure(self) -> dict[str, Any]:
        return {
            "form": "PSP",
            "basis": "115-1-2",
            "purpose": self.mark("purpose"),
            "necessity": self.mark("necessity"),
            "items": [
                {
                    "what": self.mark("what"),
                    "kind": "fact",
                    "source": self.mark("source"),
                    "date": "2026-11-14",
                }
            ],
            "recipients": [{"authority": "psychiatry", "role": self.mark("role")}],
            "decided_by": self.mark("decided_by"),
        }
