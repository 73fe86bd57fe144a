"""Keeps the English catalogue in step with the words of templates and modules.

    python -m shared.web.extract

adds new words (without English yet), removes unused ones, and fails while any has no English.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from shared.web.words import CATALOGUE

_ROOT: Final = Path(__file__).parents[2]
_SOURCES: Final = ("shared", "services")
_KEYWORDS: Final = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}


def written() -> Iterator[tuple[str, int, str | tuple[str, ...]]]:
    """Yield file, line and text (with its plural, if it has one) of all words in the sources."""
    methods = [
        ("**/templates/**.html", "jinja2.ext:babel_extract"),
        ("web/templates/**.html", "jinja2.ext:babel_extract"),
        ("**.py", "python"),
    ]
    for top in _SOURCES:
        found = extract_from_dir(
            _ROOT / top,
            method_map=methods,
            options_map={"**.html": {"silent": "false"}},
            keywords=_KEYWORDS,
        )
        for file, line, text, _, _ in found:
            yield f"{top}/{file}", line, text


def renew() -> Catalog:
    """Return the catalogue with exactly the words in the sources, and the known translations."""
    with CATALOGUE.open("rb") as source:
        kept = read_po(source, locale="en")
    fresh = Catalog(locale="en", fuzzy=False)
    for file, _, text in sorted(written(), key=str):
        key = text[0] if isinstance(text, tuple) else text
        old = kept.get(key)
        fresh.add(text, string=old.string if old else "", locations=[(file, 0)])
    return fresh


def main() -> int:
    """Write the renewed catalogue; the exit code is the number of words without English."""
    fresh = renew()
    with CATALOGUE.open("wb") as target:
        write_po(
            target,
            fresh,
            width=100,
            no_location=False,
            include_lineno=False,
            sort_output=True,
            omit_header=True,
        )
    missing = [message.id for message in fresh if message.id and not all(_strings(message.string))]
    for text in missing:
        sys.stdout.write(f"no English yet: {text}\n")
    return min(len(missing), 1)


def _strings(string: str | tuple[str, ...] | list[str] | None) -> tuple[str, ...]:
    if string is None:
        return ("",)
    return (string,) if isinstance(string, str) else tuple(string)


if __name__ == "__main__":
    sys.exit(main())
