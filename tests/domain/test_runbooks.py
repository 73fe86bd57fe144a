"""Runbook pages: each alarm's page is there, in the same order of questions, with commands that exist."""

from __future__ import annotations

import shlex

import pytest
import typer

from cli.main import command_line
from deploy.alarms import ALARMS
from tests.runbooks.breaks import BREAKS
from tests.runbooks.pages import LOOK, OVER, PLACEHOLDERS, REMEDY, commands, page, sections
from tests.runbooks.walks import ENDS, WALKS

ELSEWHERE = {"parked", "halted"}
"""Pages that cover their whole subject, in an order of their own."""
OURS = [alarm.name for alarm in ALARMS if alarm.name not in ELSEWHERE]


@pytest.mark.parametrize("name", OURS)
def test_a_page_explains_the_alarm_how_to_look_what_to_do_and_when_it_is_over(name: str) -> None:
    text = page(name).read_text()

    assert list(sections(text)) == [LOOK, REMEDY, OVER]
    assert text.startswith(f"# {name}: ")
    assert "**For the people in the cases.**" in text
    assert (
        "samraad alarms" in sections(text)[OVER]
        or "last hour" in sections(text)[OVER]
        or ("one hour" in sections(text)[OVER])
    )


def test_each_page_can_be_rehearsed() -> None:
    assert set(BREAKS) == set(OURS)
    assert set(WALKS) == set(ENDS) == ELSEWHERE


def known_options(words: list[str]) -> set[str]:
    """The options of a `samraad` command, by its own declaration."""
    command = typer.main.get_command(command_line(words))
    for word in words:
        if word not in getattr(command, "commands", {}):
            break
        command = command.commands[word]  # type: ignore[attr-defined]
    assert not hasattr(command, "commands"), words
    return {each for option in command.params for each in (*option.opts, *option.secondary_opts)}


@pytest.mark.parametrize("name", [*OURS, *sorted(ELSEWHERE)])
def test_the_commands_on_a_page_are_commands_that_there_are(name: str) -> None:
    listed = commands(page(name).read_text())

    assert listed
    for command in listed:
        words = shlex.split(PLACEHOLDERS.sub("x", command))
        if words[0] == "samraad":
            options = {word for word in words[1:] if word.startswith("--")}
            assert options <= known_options(words[1:]), command
