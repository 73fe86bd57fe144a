"""What was seen, as a page with its picture."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from tests.pressure.watching import Moment

__all__ = ["write_page"]

_WIDTH, _HEIGHT, _LEFT, _TOP = 760, 150, 60, 24
_COLOURS: Final = ("#0b5394", "#b45f06", "#38761d", "#741b47", "#666666", "#111111")
_POINTS: Final = 300

_BLOCKS: Final = {False: "measured", True: "frozen"}
"""The parts of the page: with a database at its own speed, and with one that is frozen part of the time."""


def write_page(page: Path, run: dict[str, Any]) -> None:
    """Replace the page's measurements, and draw its picture beside it."""
    block = _BLOCKS[bool(run["frozen"])]
    picture = page.with_name(f"pressure-{block}.svg")
    picture.write_text(_picture(run["moments"], run["marks"]), encoding="utf-8")
    opened, closed = f"<!-- {block} -->", f"<!-- /{block} -->"
    before, _, rest = page.read_text("utf-8").partition(opened)
    after = rest.partition(closed)[2]
    tables = "\n".join(_tables(run, picture.name))
    page.write_text(f"{before}{opened}\n{tables}\n{closed}{after}", encoding="utf-8")


def _tables(run: dict[str, Any], picture: str) -> Iterable[str]:
    spans = run["seconds"]
    yield f"`{run['command']}` at {run['commit']}"
    yield ""
    yield "| | |"
    yield "| --- | --- |"
    if run["frozen"]:
        yield f"| the database, until the pressure ends | stopped {run['frozen']:.0%} of the time |"
    yield f"| capacity, measured before | {run['capacity_per_second']:g} letters/s |"
    yield f"| offered | {run['offered_per_second']:g} letters/s for {spans['under pressure']:g} s |"
    yield f"| letters | {run['letters']:,}, {run['acknowledged']:,} acknowledged |"
    yield f"| backlog processed after | {spans['draining']:g} s more |"
    yield f"| lost, doubled, out of order, left over | {len(run['findings'])} |"
    yield f"| processes ended | {', '.join(run['ended']) or 'none'} |"
    yield f"| pages that failed | {len(run['page_failures'])} |"
    yield ""
    yield "| highest | memory (MiB) | lag (events) | oldest in the outbox (s) |"
    yield "| --- | --- | --- | --- |"
    highest = run["highest"]
    for name, rss in highest["rss_mib"].items():
        lag = highest["lag"].get(name, "")
        yield f"| {name} | {rss} | {lag} | {highest['outbox_age_s'].get(name, '')} |"
    yield ""
    names = list(run["pages"])
    yield f"| page, p50 / p99 in ms | {' | '.join(names)} |"
    yield f"| --- |{' --- |' * len(names)}"
    pages = dict.fromkeys(name for span in run["pages"].values() for name in span)
    for page in pages:
        cells = [_cell(run["pages"][name].get(page)) for name in names]
        yield f"| {page} | {' | '.join(cells)} |"
    yield ""
    yield (
        "![Memory, lag and the outbox over the run; the grey lines mark where the pressure begins, "
        f"where it ends, and where the backlog is processed]({picture})"
    )


def _cell(seen: tuple[int, float, float] | None) -> str:
    return "" if seen is None else f"{1000 * seen[1]:.0f} / {1000 * seen[2]:.0f} ({seen[0]} times)"


def _picture(moments: list[Moment], marks: list[float]) -> str:
    panels: tuple[tuple[str, Callable[[Moment], dict[str, float]]], ...] = (
        ("memory, MiB", lambda moment: dict(moment.rss_mib)),
        ("lag, events", lambda moment: dict(moment.lag)),
        ("oldest in the outbox, s", lambda moment: moment.outbox_age_s),
    )
    height = len(panels) * (_HEIGHT + 2 * _TOP) + _TOP
    names = sorted({name for each in moments for _, of in panels for name in of(each)})
    colours = dict(zip(names, _COLOURS * 2, strict=False))
    drawn = [
        _panel(title, [(each.at, of(each)) for each in moments], marks, number, colours)
        for number, (title, of) in enumerate(panels)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH + 180} {height}" '
        f'font-family="sans-serif" font-size="12">'
        f'<rect width="100%" height="100%" fill="white"/>{"".join(drawn)}</svg>\n'
    )


def _frame(top: int) -> str:
    size = f'width="{_WIDTH - _LEFT}" height="{_HEIGHT}"'
    return f'<rect x="{_LEFT}" y="{top}" {size} fill="none" stroke="#cccccc"/>'


def _panel(
    title: str,
    series: list[tuple[float, dict[str, float]]],
    marks: list[float],
    number: int,
    colours: dict[str, str],
) -> str:
    top = _TOP + number * (_HEIGHT + 2 * _TOP)
    last = series[-1][0] or 1.0
    names = sorted({name for _, values in series for name in values})
    most = max((value for _, values in series for value in values.values()), default=1) or 1

    def x(at: float) -> float:
        return round(_LEFT + (_WIDTH - _LEFT) * at / last, 1)

    def y(value: float) -> float:
        return round(top + _HEIGHT * (1 - value / most), 1)

    drawn = [
        f'<text x="{_LEFT}" y="{top - 8}">{title}</text>',
        f'<text x="4" y="{top + 10}">{most:,.0f}</text><text x="4" y="{top + _HEIGHT}">0</text>',
        _frame(top),
        *(
            f'<line x1="{x(at)}" x2="{x(at)}" y1="{top}" y2="{top + _HEIGHT}" stroke="#cccccc"/>'
            for at in marks
        ),
        f'<text x="{_WIDTH - 60}" y="{top + _HEIGHT + 14}">{last:,.0f} s</text>',
    ]
    step = max(1, len(series) // _POINTS)
    for name in names:
        colour = colours[name]
        points = " ".join(
            f"{x(at)},{y(values[name])}" for at, values in series[::step] if name in values
        )
        place = top + 14 + 16 * names.index(name)
        drawn += [
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>',
            f'<text x="{_WIDTH + 10}" y="{place}" fill="{colour}">{name}</text>',
        ]
    return "".join(drawn)
