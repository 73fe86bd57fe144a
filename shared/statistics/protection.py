"""Which cells of a table are hidden, so that no small count can be worked out. Pure.

Counts under 5 are hidden; zeros stay. Who knows the shown cells, and that counts are not negative
and add up to their totals, can bound each hidden cell. Further cells are hidden until no hidden cell
can be bounded narrower than 5. A table is a flow: rows and columns are places, each cell is an arc,
and what is shown is fixed. The widest change of a cell is a maximum flow through the hidden cells, so
the bounds here are exact. `tests/domain/test_statistics.py` checks them by a linear programme.

**Editions.** Counts of a table that is published again, for a period that has grown, only grow. Each
edition hides at least what the one before hid. What the earlier edition leaves open stays open, and
what is hidden anew must be protected by the growth alone. Where that cannot be, totals are hidden
too. Tables that share counts other than their grand total must be published as one.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from shared.statistics.tables import TOTAL, Cell, Table

__all__ = ["LEAST", "NotAnEdition", "Protected", "protect", "width_of"]

LEAST: Final = 5
"""Counts under this are hidden, and no hidden cell may be bounded narrower."""
_ENOUGH: Final = 1_000_000_000


class NotAnEdition(ValueError):
    """The table cannot be published after the earlier one: its counts fell, or it is another."""


@dataclass(frozen=True, slots=True)
class Protected:
    """A table with the cells that are hidden in it."""

    table: Table
    hidden: frozenset[Cell]

    def shown(self, cell: Cell) -> int | None:
        """The count that everybody may see; None where it is hidden."""
        return None if cell in self.hidden else self.table[cell]


def protect(table: Table, earlier: Protected | None = None) -> Protected:
    """Return the table with its hidden cells.

    Args:
        table: the counts.
        earlier: the edition that was published last, if there is one. It was protected against its
            own earlier ones.

    Raises:
        NotAnEdition: the earlier table is another one, or a count has fallen since.

    """
    known = frozenset() if earlier is None else earlier.hidden
    grown = table if earlier is None else _growth(table, earlier.table)
    hidden = set(known) | {cell for cell in table.cells() if 0 < table[cell] < LEAST}
    while exposed := _exposed(grown, hidden, known):
        hidden.add(_next(table, grown, hidden, exposed))
    return Protected(table, frozenset(hidden))


def width_of(table: Table, hidden: Iterable[Cell], cell: Cell) -> int:
    """Return between how far apart bounds a hidden cell lies, for who sees the other cells."""
    flow = _Flow(table, hidden)
    return flow.most_up(cell) + min(table[cell], flow.most_down(cell))


def _growth(table: Table, before: Table) -> Table:
    if not table.is_like(before):
        raise NotAnEdition("the earlier edition is another table")
    pairs = [
        [(now, then) for now, then in zip(row, old, strict=True)]
        for row, old in zip(table.counts, before.counts, strict=True)
    ]
    if any(now < then for row in pairs for now, then in row):
        raise NotAnEdition("a count has fallen since the earlier edition")
    counts = tuple(tuple(now - then for now, then in row) for row in pairs)
    return Table(
        name=table.name,
        rows=table.rows,
        columns=table.columns,
        counts=counts,
        unit=table.unit,
        dated_by=table.dated_by,
        period=table.period,
    )


def _exposed(grown: Table, hidden: set[Cell], known: frozenset[Cell]) -> Cell | None:
    """A cell that is hidden anew and can be bounded too narrowly; None if there is none."""
    for cell in sorted(hidden - known):
        if width_of(grown, hidden, cell) < LEAST:
            return cell
    return None


def _next(table: Table, grown: Table, hidden: set[Cell], exposed: Cell) -> Cell:
    """The cell to hide next: one of the exposed cell's row or column first, and totals last."""

    def cost(cell: Cell) -> tuple[object, ...]:
        is_total = TOTAL in cell
        is_apart = cell.row != exposed.row and cell.column != exposed.column
        is_still = grown[cell] == 0  # it lends the exposed cell nothing
        return (is_total, is_apart, is_still, table[cell], cell)

    return min((cell for cell in table.cells() if cell not in hidden), key=cost)


class _Arc(NamedTuple):
    start: str
    end: str


class _Flow:
    """The hidden cells as arcs: how far one can change while all that is shown stays as it is.

    A count flows from its row to its column. A row's total flows into the row, a column's out of it,
    and the grand total closes the circle.
    """

    def __init__(self, table: Table, hidden: Iterable[Cell]) -> None:
        self._table = table
        self._arcs: Mapping[Cell, _Arc] = {cell: _arc(cell) for cell in hidden}

    def most_up(self, cell: Cell) -> int:
        """How far the cell can rise."""
        arc = self._arcs[cell]
        return self._most(arc.end, arc.start, without=cell)

    def most_down(self, cell: Cell) -> int:
        """How far the cell could fall, were it not bounded by 0."""
        arc = self._arcs[cell]
        return self._most(arc.start, arc.end, without=cell)

    def _most(self, source: str, sink: str, *, without: Cell) -> int:
        """The maximum flow between two places; `LEAST` is enough (Edmonds and Karp)."""
        left: dict[tuple[str, str], int] = {}
        for cell, arc in self._arcs.items():
            if cell != without:
                left[arc] = _ENOUGH
                left[arc.end, arc.start] = self._table[cell]
        found = 0
        while found < LEAST and (path := _path(left, source, sink)):
            least = min(left[step] for step in path)
            for start, end in path:
                left[start, end] -= least
                left[end, start] = left.get((end, start), 0) + least
            found += least
        return found


def _arc(cell: Cell) -> _Arc:
    row = "sums of rows" if cell.row == TOTAL else f"row {cell.row}"
    column = "sums of columns" if cell.column == TOTAL else f"column {cell.column}"
    if cell.row == TOTAL and cell.column == TOTAL:
        return _Arc("sums of rows", "sums of columns")
    if cell.row == TOTAL:
        return _Arc(column, "sums of rows")
    if cell.column == TOTAL:
        return _Arc("sums of columns", row)
    return _Arc(row, column)


def _path(
    left: Mapping[tuple[str, str], int], source: str, sink: str
) -> list[tuple[str, str]] | None:
    """A shortest path on which something is left; None if there is none."""
    came: dict[str, str] = {source: source}
    waiting = deque([source])
    while waiting and sink not in came:
        place = waiting.popleft()
        for (start, end), room in left.items():
            if start == place and room > 0 and end not in came:
                came[end] = place
                waiting.append(end)
    if sink not in came:
        return None
    path, place = [], sink
    while place != source:
        path.append((came[place], place))
        place = came[place]
    return path[::-1]
