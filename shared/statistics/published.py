"""A protected table as everybody may see it: CSV, lines for a page, and bars. Pure.

The CSV is the same table as on the page, with its counting dictionary; `skjult` stands where a count
is hidden, never "under 5".
"""

import csv
import io
from typing import Final, NamedTuple

from shared.statistics.protection import Protected
from shared.statistics.tables import TOTAL, Cell

__all__ = ["HIDDEN", "Bar", "bars", "lines", "write_csv"]

HIDDEN: Final = "skjult"
"""What a reader sees in place of a hidden count."""
_ALL: Final = "I alt"


class Bar(NamedTuple):
    """One bar of a chart: its row's total, and its length in per cent of the longest."""

    label: str
    value: int | None
    """None where it is hidden: a bar of no length, with the word."""
    per_cent: float


def lines(protected: Protected) -> list[list[str]]:
    """Return the table as rows of text: the heading first, totals last."""
    table = protected.table
    columns = [*range(len(table.columns)), TOTAL]
    shown = [["", *table.columns, _ALL]]
    for row, label in [*enumerate(table.rows), (TOTAL, _ALL)]:
        counts = [protected.shown(Cell(row, column)) for column in columns]
        shown.append([label, *(HIDDEN if one is None else str(one) for one in counts)])
    return shown


def bars(protected: Protected) -> list[Bar]:
    """Return the chart of the rows' totals, from what is shown alone."""
    table = protected.table
    counts = [protected.shown(Cell(row, TOTAL)) for row in range(len(table.rows))]
    longest = max((count for count in counts if count), default=1)
    return [
        Bar(label, count, 100 * (count or 0) / longest)
        for label, count in zip(table.rows, counts, strict=True)
    ]


def write_csv(protected: Protected) -> str:
    """Return the table as CSV (RFC 4180, `;` between fields), its dictionary below it.

    A label that a spreadsheet would read as a formula is quoted by an apostrophe.
    """
    table = protected.table
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerows([_plain(field) for field in line] for line in lines(protected))
    writer.writerow([])
    writer.writerow(["Tabel", _plain(table.name)])
    writer.writerow(["Periode", _plain(table.period)])
    writer.writerow(["Enhed", _plain(table.unit)])
    writer.writerow(["Dato, der tæller", _plain(table.dated_by)])
    return text.getvalue()


def _plain(field: str) -> str:
    return f"'{field}" if field[:1] in ("=", "+", "-", "@", "\t", "\r") else field
