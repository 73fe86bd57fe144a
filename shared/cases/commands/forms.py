"""What a page shows of the acts on a case: their forms and the history. Pure.

All words are Danish keys of the catalogue; the templates translate them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple
from uuid import uuid4

from shared.cases.commands.command import Check, Choice, Command, Faults, Marker
from shared.cases.history import HistoryLine
from shared.contracts.intake import (
    PartyCameOfAge,
    PartyChanged,
    PartyErased,
    PartyJoined,
    PartyLeft,
)
from shared.web import N_
from shared.web.roles import role_words

__all__ = ["Form", "Returned", "ShownField", "ShownLine", "make_form", "show_line"]

_WORDS: Final = {
    "required": N_("Vælg et svar under »%(label)s«."),
    "unexpected": N_("Lad »%(label)s« stå tomt: det hører ikke til dit svar ovenfor."),
    "invalid": N_("Vælg en af mulighederne under »%(label)s«."),
}
_WHOLE: Final = N_("Formularen passer ikke til siden. Åbn sagen igen.")


_PEOPLE: Final[Mapping[str, str]] = {
    PartyJoined.type: N_("Ny person i sagen"),
    PartyLeft.type: N_("Ikke længere part i sagen"),
    PartyChanged.type: N_("Forældremyndighed, beskyttelse eller alder er ændret"),
    PartyCameOfAge.type: N_("Fyldt 18 år"),
    PartyErased.type: N_("Oplysninger er slettet"),
}
"""What the history says of the facts about people, before the role of the party."""


class Option(NamedTuple):
    """One value of a field."""

    value: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownField:
    """A field as the form shows it."""

    name: str
    id: str
    """Of the element that the error summary links to."""
    kind: str
    """`radio`, `select` or `check`."""
    marker: Marker
    options: tuple[Option, ...]
    value: str
    """What the person chose; empty if nothing."""
    error: str
    """What is wrong, with a place for `label`; empty if nothing."""
    when: str
    """`field=value`, where the field is asked only then; empty if always."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The form of one act on one case."""

    name: str
    title: str
    button: str
    help: str
    address: str
    key: str
    revision: int
    fields: tuple[ShownField, ...]
    error: str = ""
    """What is wrong with the form as a whole."""
    is_open: bool = True
    """False where the act is no longer offered, and the form only keeps what was typed."""

    @property
    def wrong(self) -> tuple[ShownField, ...]:
        """The fields that have an error."""
        return tuple(field for field in self.fields if field.error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """A form that goes back to the person: nothing was done, and everything typed is kept."""

    status: int
    command: type[Command]
    values: Mapping[str, object]
    faults: Faults
    seen: int | None
    """The revision that the person saw."""
    heading: str
    text: str


class ShownLine(NamedTuple):
    """One line of the history: words in their parts, each to be translated."""

    at: datetime
    name: str
    title: str
    content: tuple[tuple[str, str], ...]
    """Label and words of each field. The label of the first is empty, and that of a question and a
    box: their words stand alone."""


def make_form(
    command: type[Command],
    *,
    address: str,
    revision: int,
    key: str | None = None,
    values: Mapping[str, object] | None = None,
    faults: Faults | None = None,
    is_open: bool = True,
) -> Form:
    """Return the form of an act: empty, or as a person filled it in, with what is wrong.

    `key` makes a second post of the same form harmless; a new one by default.
    """
    filled, wrong = values or {}, faults or {}
    fields = tuple(
        ShownField(
            name=name,
            id=f"{command.name}-{name}",
            kind=_kind(marker),
            marker=marker,
            options=tuple(_options(marker)),
            value=_value(filled.get(name)),
            error=_WORDS[wrong[name]] if name in wrong else "",
            when=f"{marker.when[0]}={marker.when[1]}" if marker.when else "",
        )
        for name, marker in command.form_fields()
    )
    return Form(
        name=command.name,
        title=command.title,
        button=command.button,
        help=command.help,
        address=address,
        key=key or str(uuid4()),
        revision=revision,
        fields=fields,
        error=_WHOLE if wrong.keys() - command.model_fields.keys() else "",
        is_open=is_open,
    )


def show_line(line: HistoryLine, command: type[Command] | None) -> ShownLine:
    """Return a line of the history in words. An act that is not known here is shown by its name."""
    if line.act in _PEOPLE:
        role = line.content.get("role")
        return ShownLine(line.at, "", _PEOPLE[line.act], (("", role_words(role)),) if role else ())
    if command is None:
        return ShownLine(line.at, line.name, line.act, ())
    content: list[tuple[str, str]] = []
    for name, marker in (*command.form_fields(), *command.former.items()):
        if name in line.content:
            is_named = (
                bool(content) and isinstance(marker, Choice) and not marker.label.endswith("?")
            )
            words = marker.words_of(line.content[name])
            content.append((marker.label if is_named else "", words))
    return ShownLine(line.at, line.name, command.title, tuple(content))


def _kind(marker: Marker) -> str:
    if isinstance(marker, Choice):
        return "radio" if marker.is_radio else "select"
    return "check"


def _options(marker: Marker) -> Iterable[Option]:
    if isinstance(marker, Choice):
        return (Option(str(code), words) for code, words in marker.options.items())
    return (Option("yes", marker.label),) if isinstance(marker, Check) else ()


def _value(given: object) -> str:
    if given is True:
        return "yes"
    return given if isinstance(given, str) else ""
