"""A case as plain text, to be copied into another system. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from gettext import NullTranslations

from shared.cases.commands.forms import ShownLine
from shared.web import clock

__all__ = ["in_plain_words", "write_case"]


def in_plain_words(line: ShownLine, words: NullTranslations) -> str:
    """Return what a line of the history says, as the page says it."""
    said = words.gettext(line.title)
    for number, (label, value) in enumerate(line.content):
        text = words.gettext(value)
        if number == 0:
            said += f": {_lowered(text)}"
        elif label:
            said += f". {words.gettext(label)}: {_lowered(text)}"
        else:
            said += f". {text}"
    return f"{said}."


def write_case(
    facts: Iterable[tuple[str, str]],
    history: Sequence[ShownLine],
    *,
    fetched_by: str,
    now: datetime,
    language: str,
    words: NullTranslations,
) -> str:
    """Return the text: facts as pairs of name and value, what happened, who fetched it and when."""

    def moment(when: datetime) -> str:
        return clock.moment(when, now, language, words)

    lines = [f"{name}: {value}" for name, value in facts]
    if history:
        lines += ["", words.gettext("Det er sket") + ":"]
        lines += [
            f"- {moment(line.at)}: {line.name}. {in_plain_words(line, words)}" for line in history
        ]
    fetched = words.gettext("Hentet af %(name)s, %(moment)s.")
    lines += ["", fetched % {"name": fetched_by, "moment": _date(now, language)}]
    return "\n".join(" ".join(line.split()) for line in lines) + "\n"


def _date(now: datetime, language: str) -> str:
    return (
        f"{clock.day(now, now.replace(year=now.year - 1), language)} {clock.clock(now, language)}"
    )


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]
