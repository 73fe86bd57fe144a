"""An act of staff, declared once: a pydantic model whose fields are its form. Pure.

The words of a command are Danish and marked for the catalogue; they are translated when shown.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar, Final, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from shared.staff.access import Action

__all__ = ["Check", "Choice", "Command", "CommandField", "Faults", "Marker"]

_RADIOS_UP_TO: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker(ABC):
    """How a field of a command looks on its form."""

    label: str
    hint: str = ""
    when: tuple[str, StrEnum] | None = None
    """The field is asked only where another field has this value."""

    @abstractmethod
    def words_of(self, value: str) -> str:
        """Return what the history calls a value of the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice(Marker):
    """One code of a closed list: radio buttons, or a select box where the list is long."""

    options: Mapping[Any, str]
    """Each code with its words, in the order of the form."""

    @property
    def is_radio(self) -> bool:
        """Whether all options are shown at once."""
        return len(self.options) <= _RADIOS_UP_TO

    def words_of(self, value: str) -> str:
        """The words of a code; a code that the list no longer has is shown as it is."""
        return next((words for code, words in self.options.items() if code == value), value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Marker):
    """A box that the person ticks, or leaves."""

    def words_of(self, value: str) -> str:
        """The label: a box that was left stands in no history."""
        return self.label if value else ""


class CommandField(NamedTuple):
    """A field of a command."""

    name: str
    marker: Marker


Faults = Mapping[str, str]
"""What is wrong with an input: field -> `required`, `unexpected` or `invalid`; "" is the whole form."""


class Command(BaseModel):
    """One act of a person on one case. A subclass declares its words, its right and its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: ClassVar[str]
    """In the address, the audit log and the history; it never changes."""
    action: ClassVar[Action]
    """The right that it needs."""
    title: ClassVar[str]
    """The heading of the form, and how the history names the act."""
    button: ClassVar[str]
    """What the button says: a verb and its object."""
    help: ClassVar[str] = ""
    """A line above the fields."""
    former: ClassVar[Mapping[str, Marker]] = {}
    """Fields that the form had: no form asks them, and the history keeps their words."""

    @classmethod
    def form_fields(cls) -> tuple[CommandField, ...]:
        """The fields with their markers, in the order of the form.

        Raises:
            TypeError: a field has no marker.

        """
        return _fields_of(cls)

    @classmethod
    def read(cls, values: Mapping[str, object]) -> tuple[Self | None, Faults]:
        """Return the act that the values of a form say, or what is wrong with them."""
        given = {name: value for name, value in values.items() if value not in ("", None)}
        faults = dict.fromkeys(given.keys() - cls.model_fields.keys(), "unexpected")
        for name, marker in cls.form_fields():
            is_asked = marker.when is None or given.get(marker.when[0]) == marker.when[1]
            if not is_asked and given.get(name) not in (None, False):
                faults[name] = "unexpected"
            elif is_asked and name not in given and not isinstance(marker, Check):
                faults[name] = "required"
        try:
            act = cls.model_validate({n: v for n, v in given.items() if n in cls.model_fields})
        except ValidationError as error:
            for one in error.errors(include_url=False, include_input=False, include_context=False):
                faults.setdefault(str(one["loc"][0]) if one["loc"] else "", "invalid")
            return None, faults
        return (None, faults) if faults else (act, {})

    def content(self) -> dict[str, str]:
        """The values of its fields as the history keeps them; what was left empty is left out."""
        return dict(self._content())

    def _content(self) -> Iterator[tuple[str, str]]:
        for name, _ in self.form_fields():
            value = getattr(self, name)
            if value not in (None, False):
                yield name, "yes" if value is True else str(value)


@cache
def _fields_of(command: type[Command]) -> tuple[CommandField, ...]:
    fields = []
    for name, field in command.model_fields.items():
        marker = next((each for each in field.metadata if isinstance(each, Marker)), None)
        if marker is None:
            raise TypeError(f"{command.__name__}.{name} has no marker: a form cannot show it")
        fields.append(CommandField(name, marker))
    return tuple(fields)
