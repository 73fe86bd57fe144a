"""Published tables: whoever sees them, and every earlier edition, cannot bound a hidden count closely.

The attacker here is a linear programme that reads the published text alone.
"""

import csv
import io
import re
from itertools import product

import pytest
from cvxopt import matrix, solvers, spmatrix
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.statistics.protection import LEAST, NotAnEdition, Protected, protect, width_of
from shared.statistics.published import HIDDEN, bars, lines, write_csv
from shared.statistics.tables import TOTAL, Cell, Table
from shared.web.rendering import HERE, make_environment

TEMPLATES = HERE / "templates"

INVENTED = (
    (46, 38, 22),
    (44, 37, 21),
    (43, 34, 17),
    (28, 23, 3),
    (24, 19, 0),
    (12, 7, 4),
)
"""Cases by invented place and step."""


def a_table(counts=INVENTED):
    return Table(
        name="Opdigtede sager pr. sted",
        rows=tuple(f"Sted {n}" for n in range(len(counts))),
        columns=tuple(f"Trin {n}" for n in range(len(counts[0]))),
        counts=tuple(tuple(row) for row in counts),
        unit="sager",
        dated_by="dagen, sagen blev foreslået",
        period="1. januar-23. november 2026",
    )


def published(protected):
    """What everybody may read: the number in each place, None where it says that it is hidden."""
    body = lines(protected)[1:]
    return [[None if text == HIDDEN else int(text) for text in line[1:]] for line in body]


class Attacker:
    """Knows that counts are not negative, add up to their totals, and only grow with each edition."""

    def __init__(self, *editions):
        self.editions = editions
        self.height, self.width = len(editions[0]), len(editions[0][0])
        self.equal, self.sums, self.below = [], [], []
        for edition, shown in enumerate(editions):
            for row in range(self.height):
                self._adds_up([(edition, row, column) for column in range(self.width)])
            for column in range(self.width):
                self._adds_up([(edition, row, column) for row in range(self.height)])
            for row, column in product(range(self.height), range(self.width)):
                if shown[row][column] is not None:
                    self._knows({(edition, row, column): 1}, shown[row][column])
                if edition:
                    old, now = (edition - 1, row, column), (edition, row, column)
                    self.below.append(self._line({old: 1, now: -1}))

    def bounds(self, edition, row, column):
        """The least and the most that a count can be; the most is infinite where nothing bounds it."""
        line = self._line({(edition, row, column): 1})
        return self._solve(line), -self._solve([-one for one in line])

    def hidden(self):
        for edition, shown in enumerate(self.editions):
            for row, column in product(range(self.height), range(self.width)):
                if shown[row][column] is None:
                    yield edition, row, column

    def _adds_up(self, places):
        *parts, total = places
        self._knows({**dict.fromkeys(parts, 1), total: -1}, 0)

    def _knows(self, line, value):
        self.equal.append(self._line(line))
        self.sums.append(value)

    def _line(self, places):
        line = [0] * (len(self.editions) * self.height * self.width)
        for (edition, row, column), factor in places.items():
            line[(edition * self.height + row) * self.width + column] += factor
        return line

    def _solve(self, line):
        places = range(len(line))
        not_negative = [[-1.0 if one == other else 0.0 for other in places] for one in places]
        below = [*not_negative, *self.below]
        found = solvers.lp(
            matrix(line, tc="d"),
            sparse_rows(below, len(line)),
            matrix(0.0, (len(below), 1)),
            sparse_rows(self.equal, len(line)),
            matrix(self.sums, tc="d"),
            solver="glpk",
            options={"glpk": {"msg_lev": "GLP_MSG_OFF"}},
        )
        return float("-inf") if found["status"] == "dual infeasible" else found["primal objective"]


def sparse_rows(lines, width):
    filled = [(at, place, one) for at, line in enumerate(lines) for place, one in enumerate(line)]
    rows, columns, factors = zip(*[each for each in filled if each[2]], strict=True)
    return spmatrix([float(one) for one in factors], rows, columns, (len(lines), width))


def narrowest(*editions):
    attacker = Attacker(*map(published, editions))
    widths = [most - least for least, most in (attacker.bounds(*at) for at in attacker.hidden())]
    return min(widths, default=float("inf"))


@st.composite
def counts(draw, most=3):
    height, width = draw(st.integers(1, most)), draw(st.integers(1, most))
    number = st.one_of(st.integers(0, 6), st.integers(0, 40))
    return draw(
        st.lists(st.lists(number, min_size=width, max_size=width), min_size=height, max_size=height)
    )


def test_hiding_the_small_counts_alone_would_give_them_away():
    table = a_table()
    naive = Protected(table, frozenset(cell for cell in table.cells() if 0 < table[cell] < LEAST))

    assert narrowest(naive) == 0
    assert narrowest(protect(table)) >= LEAST


@settings(max_examples=30)
@given(counts())
def test_no_hidden_count_can_be_bounded_narrower_than_five(rows):
    assert narrowest(protect(a_table(rows))) >= LEAST - 1e-6


@settings(max_examples=15)
@given(st.data())
def test_no_earlier_edition_helps_to_bound_a_hidden_count(data):
    rows = data.draw(counts(most=2))
    editions = [protect(a_table(rows))]
    for _ in range(2):
        grown = st.one_of(st.just(0), st.integers(0, 9))
        rows = [[count + data.draw(grown) for count in row] for row in rows]
        editions.append(protect(a_table(rows), editions[-1]))

    assert narrowest(*editions) >= LEAST - 1e-6
    assert editions[0].hidden <= editions[1].hidden <= editions[2].hidden


@settings(max_examples=30)
@given(counts(), st.data())
def test_the_bounds_by_flow_are_those_of_the_linear_programme(rows, data):
    table = a_table(rows)
    cells = list(table.cells())
    hidden = data.draw(st.sets(st.sampled_from(cells), min_size=1))
    cell = data.draw(st.sampled_from(sorted(hidden)))
    row, column = (each if each != TOTAL else -1 for each in cell)
    attacker = Attacker(published(Protected(table, frozenset(hidden))))

    least, most = attacker.bounds(0, row % attacker.height, column % attacker.width)

    assert min(width_of(table, hidden, cell), LEAST) == pytest.approx(min(most - least, LEAST))


@given(counts())
def test_small_counts_are_hidden_and_zeros_and_calm_tables_stay(rows):
    table = a_table(rows)
    protected = protect(table)

    assert all(protected.shown(cell) is None for cell in table.cells() if 0 < table[cell] < LEAST)
    if not any(0 < table[cell] < LEAST for cell in table.cells()):
        assert protected.hidden == frozenset()


def test_what_was_hidden_once_stays_hidden_when_it_has_grown():
    first = protect(a_table(((30, 3, 20), (20, 30, 20), (25, 20, 30))))
    later = protect(a_table(((40, 13, 30), (30, 40, 30), (35, 30, 40))), first)

    assert first.hidden
    assert later.hidden >= first.hidden
    assert later.shown(Cell(0, 1)) is None


@pytest.mark.parametrize("later", [((1, 9),), ((9,), (9,))])
def test_a_count_that_has_fallen_or_another_table_is_no_edition(later):
    first = protect(a_table(((9, 9),)))

    with pytest.raises(NotAnEdition):
        protect(a_table(later), first)


@pytest.mark.parametrize("rows", [((1, 2), (3,)), ((-1, 2),)])
def test_what_is_no_table_of_counts_is_refused(rows):
    with pytest.raises(ValueError, match="count"):
        a_table(rows)


def test_the_csv_is_the_same_table_with_its_dictionary():
    protected = protect(a_table())

    read = list(csv.reader(io.StringIO(write_csv(protected)), delimiter=";"))

    assert read[: len(lines(protected))] == lines(protected)
    assert HIDDEN in write_csv(protected)
    assert "under 5" not in write_csv(protected)
    assert ["Enhed", "sager"] in read
    assert ["Dato, der tæller", "dagen, sagen blev foreslået"] in read


def test_a_label_that_a_spreadsheet_would_run_is_quoted():
    table = Table(
        name="=1+1",
        rows=("@x",),
        columns=("+y",),
        counts=((9,),),
        unit="u",
        dated_by="d",
        period="p",
    )

    assert all(
        not line.startswith(("=", "@", "+")) for line in write_csv(protect(table)).split("\r\n")
    )


def test_a_bar_of_a_hidden_count_has_no_length():
    protected = protect(a_table(((2, 0), (30, 9), (15, 20))))

    shown = bars(protected)

    assert shown[0].value is None
    assert shown[0].per_cent == 0
    assert max(bar.per_cent for bar in shown) == 100


def test_the_page_shows_what_is_published_and_no_hidden_count():
    environment = make_environment(TEMPLATES, "da", demo=False)
    environment.globals["number"] = str
    page = environment.from_string(
        '{% from "statistics.html" import figure, figure_table with context %}'
        '{{ figure("f", table, bars) }}{{ figure_table(table, lines, "/x.csv") }}'
    )
    table = a_table(((4001, 3, 4003), (4002, 4004, 4005), (4006, 4007, 4008)))
    protected = protect(table)

    html = page.render(table=table, bars=bars(protected), lines=lines(protected))

    counts = {text for line in lines(protected)[1:] for text in line[1:]} - {HIDDEN}
    in_cells = set(re.findall(r">(\d+)<", html))
    assert counts <= in_cells
    hidden = {str(table[cell]) for cell in protected.hidden} - counts
    assert hidden
    assert not hidden & in_cells
    assert html.count("s-hid") == len(protected.hidden)
