"""An edit changes the one place that has its shape, and nothing when there is none or another."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from shared.errors import Unavailable
from tests.regressions.edits import (
    Edit,
    change_condition,
    change_expression,
    change_statement,
    drop,
    elsewhere,
    insert_after,
    insert_before,
)
from tests.regressions.planting import AnchorGone, difference, planted

F = "a.py::A.f"
Planting = Callable[..., str]
SOURCE = """
    class A:
        def f(self, mark, row):
            \"\"\"Say what it does.\"\"\"
            if row.number <= mark and not row.kept:  # a repeat
                self.skipped += 1
            elif row.number > mark + 1:
                self.keep(row)
            else:
                mark = self.apply(row, session=None)
            return mark

        def g(self, one):
            if one.number <= 0:
                self.close(one)
                self.close(one)
    """


@pytest.fixture
def plant(tmp_path: Path) -> Planting:
    """Plant edits in the source; return the changed source."""
    (tmp_path / "a.py").write_text(dedent(SOURCE))

    def run(*edits: Edit) -> str:
        return planted(tmp_path, edits)["a.py"]

    return run


@pytest.mark.parametrize(
    ("edit", "line"),
    [
        (change_condition(F, "NUMBER <= MARK and REST", "REST"), "        if not row.kept:"),
        (change_condition(F, "ROW.NUMBER > _ + 1", "ROW.NUMBER"), "        elif row.number:"),
        (change_expression(F, "MARK + 1", "MARK"), "        elif row.number > mark:"),
        (
            change_statement(F, "MARK = SELF.APPLY(ROW, session=None)", "SELF.APPLY(ROW)"),
            "            self.apply(row)",
        ),
        (drop(F, "SELF.SKIPPED += 1"), "            pass"),
        (drop("a.py::A.g", "SELF.CLOSE(ONE)\nSELF.CLOSE(ONE)"), "            pass"),
        (insert_before(F, "return MARK", "MARK -= 2"), "        mark -= 2"),
        (insert_after(F, "SELF.SKIPPED += 1", "SELF.SKIPPED = 7"), "            self.skipped = 7"),
    ],
    ids=str,
)
def test_an_edit_writes_its_code_with_the_names_of_that_place(
    plant: Planting, edit: Edit, line: str
) -> None:
    assert line in plant(edit).splitlines()


def test_an_edit_stays_within_its_function(plant: Planting) -> None:
    edit = change_condition("a.py::A.g", "ONE.NUMBER <= _", "False")

    assert "if row.number <= mark and" in plant(edit)
    assert "if False:" in plant(edit)


def test_all_edits_find_their_places_in_the_code_as_it_is(plant: Planting) -> None:
    swapped = (
        insert_before(F, "SELF.SKIPPED += 1", "SELF.KEEP(ROW)", given="SELF.KEEP(ROW)"),
        change_statement(F, "SELF.KEEP(ROW)", "SELF.SKIPPED += 1", given="SELF.SKIPPED += 1"),
    )

    assert plant(*swapped) == plant(*reversed(swapped))
    assert plant(*swapped).count("self.skipped += 1") == 2
    assert plant(*swapped).count("self.keep(row)") == 1


def test_another_function_gives_the_name_of_an_attribute_and_not_of_a_variable(
    plant: Planting,
) -> None:
    given = ("SELF.KEEP(ROW)", elsewhere("a.py::A.g", "ONE.NUMBER <= 0"))

    assert "return row.number" in plant(
        change_statement(F, "return _", "return ROW.NUMBER", given=given)
    )
    with pytest.raises(AnchorGone, match="ONE is a variable of another function"):
        plant(change_statement(F, "return _", "return ONE.NUMBER", given=given))


def test_what_is_imported_is_imported_where_it_is_used(plant: Planting) -> None:
    edit = insert_before(
        F, "return MARK", "raise UNAVAILABLE", imports={"UNAVAILABLE": Unavailable}
    )

    lines = [line.strip() for line in plant(edit).splitlines()]

    assert lines[3:5] == ['"""Say what it does."""', "from shared.errors import Unavailable"]
    assert "raise Unavailable" in lines


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (drop("b.py::A.f", "return MARK"), "there is no b.py"),
        (drop("a.py::A.h", "return MARK"), "a.py has no A.h"),
        (drop(F, "return None"), "a.py::A.f: no places have the shape `return None`, not one"),
        (drop("a.py::A.g", "SELF.CLOSE(ONE)"), "2 places have the shape"),
        (drop(F, "MARK = SELF.APPLY(ROW)"), "no places"),
        (change_condition(F, "NUMBER < MARK and _", "False"), "no places"),
        (change_condition(F, "NUMBER <= MARK", "False"), "no places"),
        (change_statement(F, "while NUMBER <= MARK: ...", "pass"), "no places"),
        (change_statement(F, "for _ in ROWS: ...", "pass"), "no places"),
        (change_condition(F, "X.NUMBER > X", "False"), "no places"),
        (drop(F, "return MARK", given="MARK = None"), "no places have the shape `MARK = None`"),
        (drop(F, "return ROW", given="SELF.KEEP(ROW)"), "no places have the shape `return ROW`"),
        (change_statement(F, "return MARK", "return MARK"), "the code is already `return MARK`"),
        (
            change_expression(F, "NUMBER <= MARK", "MARK.NUMBER"),
            "NUMBER stands for `row.number` where a name is needed",
        ),
    ],
    ids=[
        "no such file",
        "no such function",
        "no such statement",
        "two such statements",
        "another argument",
        "another comparison",
        "a part of the condition",
        "another kind of statement",
        "a loop where there is none",
        "one name for two things",
        "what is given is not there",
        "what is given is another variable",
        "nothing changes",
        "an expression for a name",
    ],
)
def test_an_edit_whose_anchor_is_gone_reports_it(plant: Planting, edit: Edit, why: str) -> None:
    with pytest.raises(AnchorGone) as gone:
        plant(edit)

    assert why in str(gone.value)


def test_two_edits_of_one_place_are_refused(plant: Planting) -> None:
    with pytest.raises(AnchorGone, match="another edit has changed"):
        plant(drop(F, "return MARK"), change_statement(F, "return MARK", "return 0"))


def test_new_code_that_nothing_gives_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="nothing gives \\['NUMBER'\\]"):
        change_condition(F, "MARK", "NUMBER <= MARK")


def test_the_difference_shows_the_changed_lines(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(dedent(SOURCE))

    shown = difference(tmp_path, [change_statement(F, "return MARK", "return 0")])

    assert "\n-        return mark\n+        return 0\n" in shown
