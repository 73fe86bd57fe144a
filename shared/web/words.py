"""The words of the pages: Danish in the source itself, English in one catalogue.

The Danish text is the key, so Danish can never be missing; `locale/en.po` holds the English, and
a test compares it with every template and module. `shared.web.extract` brings it up to date.
"""

import gettext
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from starlette.requests import HTTPConnection

LANGUAGES: Final = ("da", "en")
LANGUAGE_COOKIE: Final = "sprog"
CATALOGUE: Final = Path(__file__).parent / "locale" / "en.po"


def N_(text: str) -> str:  # noqa: N802  # gettext's own name for "translate this later"
    """Mark a Danish text for the catalogue; it is translated when it is shown."""
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
    """Return the language that the person chose; Danish by default.

    A form that arrives without cookies sends it (`request.state.language`).
    """
    sent = getattr(request.state, "language", "")
    chosen = sent or request.cookies.get(LANGUAGE_COOKIE, "da")
    return chosen if chosen in LANGUAGES else "da"


def words(request: HTTPConnection) -> gettext.NullTranslations:
    """Return `gettext` and `ngettext` of the request's language."""
    return catalogue(language_of(request))
