"""The words of the pages: written in Danish where they stand, English in one catalogue.

The Danish text is the key, so Danish can never be missing; `locale/en.po` holds the English, and
a test compares it with every template and module. Run as a module, this file brings the catalogue
up to date: `python -m shared.web.words` adds new keys (empty) and drops those no longer used.
"""

import gettext
import sys
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from starlette.requests import HTTPConnection

LANGUAGES: Final = ("da", "en")
LANGUAGE_COOKIE: Final = "sprog"
CATALOGUE: Final = Path(__file__).parent / "locale" / "en.po"

_ROOT: Final = Path(__file__).parents[2]
_SOURCES: Final = ("shared", "services")
_KEYWORDS: Final = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}


def N_(text: str) -> str:  # noqa: N802  # gettext's own name for "translate this later"
    """Mark a Danish text for the catalogue where it stands; it is translated where it is shown."""
    return text


@cache
def catalogue(language: str) -> gettext.NullTranslations:
    """Return the translations into one of `LANGUAGES`: none for Danish, the keys are Danish."""
    if language == "da":
        return gettext.NullTranslations()
    with CATALOGUE.open("rb") as source:
        read = read_po(source, locale=language)
    compiled = BytesIO()
    write_mo(compiled, read)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def language_of(request: HTTPConnection) -> str:
    """Return the language the person chose; Danish until then."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "da")
    return chosen if chosen in LANGUAGES else "da"


def words(request: HTTPConnection) -> gettext.NullTranslations:
    """Return `gettext` and `ngettext` of the request's language."""
    return catalogue(language_of(request))


def written() -> Iterator[tuple[str, int, str | tuple[str, ...]]]:
    """Yield file, line and text (with its plural, where it has one) of all words in the sources."""
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
    """Return the catalogue with exactly the words that the sources hold, kept translations kept."""
    with CATALOGUE.open("rb") as source:
        kept = read_po(source, locale="en")
    fresh = Catalog(
        locale="en", project="Samråd", fuzzy=False, header_comment="# English for Samråd."
    )
    fresh.creation_date = fresh.revision_date = kept.creation_date
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
            target, fresh, width=100, no_location=False, include_lineno=False, sort_output=True
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
