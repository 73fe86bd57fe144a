"""The declaration of an act: what its fields take, what is wrong with the rest, and how it reads."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.mediation.commands import COMMANDS, REASONS, RESULTS, SECOND_LOOKS, Screen
from services.mediation.domain import SecondLook
from services.mediation.mediations import MEDIATIONS
from shared.cases.commands import Choice, Command, Commands
from shared.cases.commands.forms import make_form, show_line
from shared.cases.commands.openapi import operation
from shared.cases.history import HistoryLine
from shared.contracts.mediation import ScreeningResult, Unsuitable
from shared.staff.access import Action
from shared.staff.audit import LegalBasis

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
RESULT = st.sampled_from(["", *ScreeningResult, "nonsense"])
CODE = st.sampled_from(["", *Unsuitable, "nonsense"])
GROUND = st.sampled_from(["", *SecondLook, "nonsense"])


class Colour(StrEnum):
    """Codes of a command that only tests have."""

    RED = "red"
    BLUE = "blue"


def a_command(action=Action.SCREEN_MEDIATION_CASE, marker=None):
    marked = marker or Choice(label="Farve", options={Colour.RED: "Rød"})

    class Paint(Command):
        """Paint the case."""

        name: ClassVar[str] = "paint"
        action: ClassVar[Action]
        title: ClassVar[str] = "Maling"
        button: ClassVar[str] = "Mal sagen"
        colour: Annotated[Colour, marked]

    Paint.action = action
    return Paint


def commands():
    return Commands(MEDIATIONS, prefix="/x", basis=LegalBasis.MEDIATION_ACT)


def a_line(act="screen", **content):
    return HistoryLine(revision=1, at=NOW, by="kira", name="Kira", act=act, content=content)


def test_every_code_has_its_words_and_no_words_are_for_a_code_that_is_gone():
    assert (set(RESULTS), set(REASONS), set(SECOND_LOOKS)) == (
        set(ScreeningResult),
        set(Unsuitable),
        set(SecondLook),
    )


@given(RESULT, CODE, GROUND)
def test_an_act_is_read_exactly_when_each_answer_belongs_to_the_others(result, code, ground):
    values = {"result": result, "code": code, "ground": ground}

    act, faults = Screen.read(values)

    fits = {
        "suitable": not code and not ground,
        "unsuitable": code in set(Unsuitable) and not ground,
        "second_look": ground in set(SecondLook) and not code,
    }
    assert (act is not None) == fits.get(str(result), False)
    assert (act is None) == bool(faults)
    if act is not None:
        assert (act.result, act.code, act.ground) == (result, code or None, ground or None)


def test_a_field_that_the_form_does_not_have_is_a_fault():
    act, faults = Screen.read({"result": "suitable", "stage": "closed"})

    assert (act, faults) == (None, {"stage": "unexpected"})
    form = make_form(Screen, address="/x", revision=0, faults=faults)
    assert (form.error != "", form.wrong) == (True, ())


def test_a_form_keeps_what_was_typed_and_has_a_new_key_each_time():
    values = {"result": "unsuitable", "code": "withdrawn"}

    forms = [make_form(Screen, address="/x", revision=3, values=values) for _ in range(2)]

    assert [field.value for field in forms[0].fields] == ["unsuitable", "withdrawn", ""]
    assert forms[0].key != forms[1].key
    assert [field.kind for field in forms[0].fields] == ["radio", "select", "radio"]


def test_the_history_says_the_codes_in_words():
    assert show_line(a_line(result="unsuitable", code="withdrawn"), Screen).content == (
        ("", "Ikke egnet"),
        ("Begrundelse", "Forslaget er trukket tilbage"),
    )
    assert show_line(a_line(result="suitable", cleared="yes"), Screen).content == (
        ("", "Egnet"),
        ("", "Politiadvokaten har godkendt det skriftligt"),
    )


def test_an_act_or_a_code_of_another_version_is_shown_as_it_is_stored():
    assert show_line(a_line("of-later"), None)[1:] == ("Kira", "of-later", ())
    assert show_line(a_line(result="of-later"), Screen).content == (("", "of-later"),)


def test_what_an_act_says_is_what_its_history_keeps():
    act, _ = Screen.read({"result": "unsuitable", "code": "not_safe"})

    assert act.content() == {"result": "unsuitable", "code": "not_safe"}


def test_a_command_that_nobody_may_do_or_that_a_form_cannot_show_is_not_registered():
    registry = commands()

    with pytest.raises(TypeError, match="no marker"):
        registry.on(a_command(marker="none"), None, offered=lambda _: True)
    with pytest.raises(ValueError, match="gives nobody"):
        registry.on(a_command(action="fly"), None, offered=lambda _: True)
    registry.on(a_command(), None, offered=lambda _: True)
    with pytest.raises(ValueError, match="two commands"):
        registry.on(a_command(), None, offered=lambda _: True)


def test_the_acts_of_mediation_are_described_with_typed_fields():
    described = operation(Screen, key="form_key", revision="revision")

    schema = described["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    assert schema["properties"]["revision"] == {
        "type": "integer",
        "minimum": 0,
        "description": "The revision of the case that the person saw.",
    }
    assert schema["additionalProperties"] is False
    assert COMMANDS.address_of("c", 2) == "/mediation/cases/c?gemt=2"
