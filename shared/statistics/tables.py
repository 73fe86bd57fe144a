"""A table of counts with its totals, and the cells of it. Pure.

Rows and columns are categories without overlap, so each row and column adds up to its total.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

__all__ = ["TOTAL", "Cell", "Table"]

TOTAL: Final = -1
"""The place of a total: the sum of a row, of a column, or of all."""


class Cell(NamedTuple):
    """The place of a count: row and column by number, `TOTAL` for a sum."""

    row: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Counts by two properties."""

    name: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    """By row, then by column."""
    unit: str
    """What is counted: cases, meetings, persons."""
    dated_by: str
    """The date that decides in which period something is counted."""
    period: str

    def __post_init__(self) -> None:
        """Refuse a table that is no table.

        Raises:
            ValueError: a row has another length than the columns, or a count is negative.

        """
        if len(self.counts) != len(self.rows) or any(
            len(row) != len(self.columns) for row in self.counts
        ):
            raise ValueError("each row has a count for each column")
        if any(count < 0 for row in self.counts for count in row):
            raise ValueError("a count is not negative")

    def __getitem__(self, cell: Cell) -> int:
        """The count of a cell, or the sum where it is a total."""
        rows: Sequence[int] = range(len(self.rows)) if cell.row == TOTAL else [cell.row]
        columns = range(len(self.columns)) if cell.column == TOTAL else [cell.column]
        return sum(self.counts[row][column] for row in rows for column in columns)

    def cells(self) -> Iterator[Cell]:
        """All cells, the totals last in each direction."""
        for row in (*range(len(self.rows)), TOTAL):
            for column in (*range(len(self.columns)), TOTAL):
                yield Cell(row, column)

    def is_like(self, other: "Table") -> bool:
        """Whether the other is an edition of the same table."""
        return (self.name, self.rows, self.columns) == (other.name, other.rows, other.columns)
